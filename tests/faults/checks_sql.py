"""Rows of the services' own SQLite databases; nothing is ever written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def rows(path: Path, question: str) -> Iterator[Row]:
    """Yield the rows that answer `question`; a database that is not there has none."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        for row in database.execute(question):
            yield dict(row)
