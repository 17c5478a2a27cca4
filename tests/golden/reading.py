"""A golden set as a test reads it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.directory import Directory, open_directory
from contracts.subjects import LEDGER
from services.runtime.subscribing import Record

SETS: Final = Path(__file__).with_name("sets")


@dataclass(frozen=True)
class GoldenSet:
    """One set: `records` of every stream in order, and what was true of them."""

    name: str
    about: dict[str, Any]
    records: tuple[Record, ...]

    @cached_property
    def directory(self) -> Directory:
        """The directory, verified by the partnership's root key."""
        return open_directory(self.about["directory"].encode(), self.about["root_x"])

    @property
    def ledger(self) -> tuple[Record, ...]:
        """The records of the ledger."""
        return tuple(one for one in self.records if one.stream == LEDGER)

    @property
    def lanes(self) -> dict[tuple[str, int], Record]:
        """Every submission by its lane and its sequence there."""
        return {(r.stream, r.sequence): r for r in self.records if r.stream != LEDGER}

    def below(self, subject: str) -> list[Record]:
        """The ledger's records whose subject begins so."""
        return [one for one in self.ledger if one.subject.startswith(subject)]

    def intake(self, month: str) -> X25519PrivateKey:
        """The private intake key of a month."""
        return X25519PrivateKey.from_private_bytes(bytes.fromhex(self.about["intake"][month]))


def sets() -> list[GoldenSet]:
    """Return every set, the oldest first."""
    names = sorted((path.name for path in SETS.iterdir() if path.is_dir()), key=int)
    return [load(name) for name in names]


def load(name: str) -> GoldenSet:
    """Return one set."""
    about = json.loads((SETS / name / "set.json").read_text(encoding="utf-8"))
    return GoldenSet(name, about, tuple(_records(SETS / name / "records.jsonl")))


def _records(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            text = one.get("text")
            yield Record(
                stream=one["stream"],
                subject=one["subject"],
                sequence=one["sequence"],
                stored_at=datetime.fromisoformat(one["stored_at"]),
                delivery=1,
                data=base64.b64decode(one["base64"]) if text is None else text.encode(),
                headers=one["headers"],
            )
