"""How a database on the disk stands; it is read without being changed, for a bounded time."""

import os
import sqlite3
import time
from contextlib import closing
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

_STEPS: Final = 10_000
"""Instructions of SQLite between two looks at the clock."""

_PRIMARY: Final = 0xFF
"""The part of an extended result code that is the primary one (sqlite.org/rescode.html)."""

_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)
"""What says nothing about the database itself; the last two are of rights."""

_TABLE: Final = "select 1 from sqlite_master where type = 'table' and name = ?"


class Condition(Enum):
    """How a database stands; `MISSING` also where it lacks the table that makes it what it is."""

    WHOLE = auto()
    DAMAGED = auto()
    MISSING = auto()
    UNREAD = auto()
    DENIED = auto()


def condition(path: Path, table: str | None, within_s: float) -> Condition:
    """Return how a database stands, which has to hold `table` where one is named.

    Raises PermissionError where its folder may not be looked into.
    """
    if not path.exists():
        return Condition.MISSING
    if not os.access(path, os.R_OK):
        return Condition.DENIED
    try:
        if rows(path, within_s, "pragma quick_check(1)") != [("ok",)]:
            return Condition.DAMAGED
        held = table is None or rows(path, within_s, _TABLE, table)
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        is_passing = code is not None and code & _PRIMARY in _PASSING
        return Condition.UNREAD if is_passing else Condition.DAMAGED
    return Condition.WHOLE if held else Condition.MISSING


def column(path: Path, within_s: float, question: str) -> set[Any] | None:
    """Return the values of a column, None where they cannot be read."""
    try:
        return {row[0] for row in rows(path, within_s, question)}
    except sqlite3.DatabaseError:
        return None


def rows(path: Path, within_s: float, question: str, *values: str) -> list[tuple[Any, ...]]:
    """Ask a database that is read and not written, and give up after `within_s`.

    Raises sqlite3.DatabaseError.
    """
    until = time.monotonic() + within_s
    # Reading one that nobody has open would leave the two files of its WAL behind.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as base:
        base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        return base.execute(question, values).fetchall()
