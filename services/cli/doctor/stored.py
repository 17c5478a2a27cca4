"""What lies on the disk: the ledger's stream, the databases, and the keys beside the story.

It needs nothing that runs. Databases are read without being changed, each for a bounded time.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.subjects import LEDGER
from services.cli.doctor.finding import Finding, ok, some, unchecked, wrong
from services.cli.whole_folder import half, is_empty, is_restored_half
from services.runtime.partnership import FILE

_STORY: Final = "story.sqlite"
_KEYS: Final = "story-keys.sqlite"
_WITHIN_S: Final = 10.0
_STEPS: Final = 10_000
"""Instructions of SQLite between two looks at the clock."""

_PASSING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})
_WITH_WORDS: Final = "select distinct messages.child from messages join statements using (ledger)"
_RESTORE: Final = (
    "stop everything, keep the folder as it is, and put back the last backup: see Backups in "
    "docs/operating.md"
)


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What was found; None stands for what could not be looked at.

    `damaged` and `unread` name databases. `keyless` counts children whose statements are stored
    and whose key is not. `reached` is the newest sequence of the ledger that the story has stored.
    """

    half_restored: bool
    ledger: bool
    used: bool
    damaged: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    sound: int = 0
    keyless: int | None = None
    reached: int | None = None


def gather(folder: Path, *, within_s: float = _WITHIN_S) -> StoredFacts:
    """Look at what is stored in the folder of state; every database for at most `within_s`."""
    files = sorted((folder / "db").glob("*.sqlite"))
    told = {path.name: _quick_check(path, within_s) for path in files}
    streams = list((folder / "nats" / "store").glob("jetstream/*/streams/*"))
    story, keys = folder / "db" / _STORY, folder / "db" / _KEYS
    return StoredFacts(
        half_restored=is_restored_half(folder),
        ledger=any(path.name == LEDGER for path in streams),
        used=bool(streams) or any(path.name != "sent.sqlite" for path in files),
        damaged=tuple(name for name, is_whole in told.items() if is_whole is False),
        unread=tuple(name for name, is_whole in told.items() if is_whole is None),
        sound=sum(is_whole is True for is_whole in told.values()),
        keyless=_keyless(story, keys, within_s) if told.get(_STORY) else None,
        reached=_reached(story, within_s) if told.get(_STORY) else None,
    )


def judge(facts: StoredFacts, *, embedded: bool, last: int | None = None) -> Iterator[Finding]:
    """Yield what the facts mean; `last` is the newest sequence of the ledger, where it is told."""
    if facts.half_restored:
        yield wrong(
            "restore",
            "a restore into this folder did not end",
            "part of what the backup holds is not here, and nothing starts",
            "run `handrail restore` again, the whole into a new folder",
        )
    yield from _of_databases(facts)
    if embedded:
        yield from _of_ledger(facts, last)
    if facts.keyless:
        yield wrong(
            "story.keys",
            f"the keys of {facts.keyless} children are not beside their statements",
            "what was said about them cannot be read any more",
            _RESTORE,
        )
    elif facts.keyless == 0:
        yield ok("story.keys", "every child with statements has its key")


def nothing_here(folder: Path) -> Finding:
    """Return what is wrong with a folder that holds no partnership."""
    if (folder / FILE).exists():
        what, remedy = f"{FILE} cannot be read", "put it back from the last backup"
    elif is_empty(folder):
        what = "this folder holds no partnership" if folder.exists() else "there is no such folder"
        remedy = "name the folder of state with --dir, or make one: `handrail partnership create`"
    else:
        error = half(folder)
        what, remedy = error.message, error.remedy
    return wrong("partnership", what, "nothing can be started or checked here", remedy)


def _of_databases(facts: StoredFacts) -> Iterator[Finding]:
    if facts.damaged:
        yield wrong(
            "databases",
            f"{some(facts.damaged)} damaged",
            "what was stored there may be lost, and its service fails or does not start",
            f"{_RESTORE}; db/tracker.sqlite alone can be made anew: `handrail tracker rebuild`",
        )
    if facts.unread:
        yield unchecked("databases", f"{some(facts.unread)} took too long, or was in use")
    if facts.sound and not facts.damaged:
        yield ok("databases", f"{facts.sound} are whole")


def _of_ledger(facts: StoredFacts, last: int | None) -> Iterator[Finding]:
    means = "the record of everything decided is not there; nothing else can rebuild it"
    if facts.used and not facts.ledger:
        yield wrong(
            "ledger", "it is not in the server's store, and other state is", means, _RESTORE
        )
    elif last is not None and facts.reached is not None and facts.reached > last:
        what = f"it ends at {last}, and the story has stored what stood at {facts.reached}"
        yield wrong("ledger", what, means, _RESTORE)
    elif facts.ledger:
        yield ok("ledger", "its stream is in the server's store")


def _quick_check(path: Path, within_s: float) -> bool | None:
    """Tell whether a database is whole; None where that could not be found out."""
    try:
        return _rows(path, within_s, "pragma quick_check(1)") == [("ok",)]
    except sqlite3.DatabaseError as error:
        return None if getattr(error, "sqlite_errorcode", None) in _PASSING else False


def _keyless(story: Path, keys: Path, within_s: float) -> int | None:
    """Count children with statements and no key; one erased meanwhile is not among them."""
    first = _column(story, within_s, _WITH_WORDS)
    held = _column(keys, within_s, "select child from child_keys") if keys.exists() else set()
    if first is None or held is None:
        return None
    again = _column(story, within_s, _WITH_WORDS) if first - held else first
    return None if again is None else len((first & again) - held)


def _reached(story: Path, within_s: float) -> int | None:
    found = _column(story, within_s, "select coalesce(max(ledger), 0) from messages")
    return next(iter(found)) if found else None


def _column(path: Path, within_s: float, question: str) -> set[Any] | None:
    """Return the values of a column, None where they cannot be read."""
    try:
        return {row[0] for row in _rows(path, within_s, question)}
    except sqlite3.DatabaseError:
        return None


def _rows(path: Path, within_s: float, question: str) -> list[tuple[Any, ...]]:
    """Ask a database that is read and not written, and give up after `within_s`."""
    until = time.monotonic() + within_s
    # Reading one that nobody has open would leave the two files of its WAL behind.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as base:
        base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        return base.execute(question).fetchall()
