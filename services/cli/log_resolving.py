"""Letting a witness begin again: what it knew, and why, is kept beside it."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from contracts.errors import HandrailError
from services.agency.witness_memory import Memory, Remembered, State, aside_of, memories
from services.runtime.whole_files import write_whole


def resolve_forks(
    folder: Path,
    gateway: str,
    because: str,
    now: datetime,
    opens: Callable[[Remembered], bool] = lambda _: True,
) -> list[Path]:
    """Put aside the memories of a gateway's witnesses that stopped signing; return where they are.

    A witness has stopped too when its head is not to be trusted any more, which `opens` tells. A
    service that runs begins again at its next round; the memory goes last, for that is its sign.
    Raises HandrailError `log.nothing-to-resolve` where none has stopped, or no reason is given.
    """
    stopped = [
        path
        for path in memories(folder)
        if path.stem.rpartition("-")[0] == f"witness-{gateway}" and _has_stopped(path, opens)
    ]
    if not stopped or not because.strip():
        raise HandrailError(
            "log.nothing-to-resolve",
            "no witness of that gateway has stopped here, or no reason is given",
            "see `handrail log status` in the folder of state where the gateway's service runs",
        )
    kept: list[Path] = []
    for path in stopped:
        heads = sorted(path.parent.glob(f"{path.stem}.*jws"))
        kept += [one.rename(aside_of(one, now)) for one in heads]
        reason = aside_of(path.with_suffix(".reason.json"), now)
        said = {"because": because, "at": now.isoformat()}
        write_whole(reason, json.dumps(said, ensure_ascii=False).encode())
        kept += [reason, path.rename(aside_of(path, now))]
    return kept


def _has_stopped(path: Path, opens: Callable[[Remembered], bool]) -> bool:
    kept = Memory(path).read()
    return kept.state is State.FORKED or bool(kept.missing) or not opens(kept)
