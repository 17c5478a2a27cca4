"""What was sent from this folder of state: digests and ids, never a word of it.

It lets `handrail send` notice that the same document went before, and `--resend` that it is still
the same. Digests are keyed with a secret of this folder, so that nobody can find out by trying.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.document import Document
from contracts.errors import HandrailError
from contracts.event import Event

_TABLES = """
CREATE TABLE IF NOT EXISTS secret (only INTEGER PRIMARY KEY CHECK (only = 1), key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sent (
    message TEXT PRIMARY KEY, child TEXT NOT NULL, agency TEXT NOT NULL,
    digest TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sent_digest ON sent (agency, digest);
"""


@dataclass(frozen=True, slots=True)
class Before:
    """An earlier sending of the same document: the message's id and the instant."""

    message: str
    at: datetime


class SentLog:
    """The log in one folder of state."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "db" / "sent.sqlite"

    def before(self, document: Document, agency: str) -> Before | None:
        """Return the latest sending of a document with the same content by `agency`, or None."""
        with self._open() as db:
            row = db.execute(
                "SELECT message, at FROM sent WHERE agency = ? AND digest = ? "
                "ORDER BY at DESC LIMIT 1",
                (agency, _digest(_secret(db), document)),
            ).fetchone()
        return Before(row[0], datetime.fromisoformat(row[1])) if row else None

    def child_of(self, message: str, document: Document) -> str | None:
        """Return the child that `message` was about, or None for one not sent from this folder.

        Raises HandrailError `document.other-content` when `message` was another document.
        """
        with self._open() as db:
            row = db.execute(
                "SELECT digest, child FROM sent WHERE message = ?", (message,)
            ).fetchone()
            same = row is None or row[0] == _digest(_secret(db), document)
        if not same:
            raise HandrailError(
                "document.other-content",
                "the message of that id said something else",
                "give the unchanged document, or send this one as a new message without --resend",
            )
        return None if row is None else str(row[1])

    def add(self, event: Event, document: Document, at: datetime) -> None:
        """Remember that `document` goes as the message `event` at the instant `at`."""
        with self._open() as db:
            digest = _digest(_secret(db), document)
            db.execute(
                "INSERT OR IGNORE INTO sent VALUES (?, ?, ?, ?, ?)",
                (event.id, event.subject, event.agency, digest, at.isoformat()),
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=10)) as db, db:
                db.executescript(_TABLES)
                yield db
        except sqlite3.Error as error:
            raise HandrailError(
                "sent.unusable",
                "the log of what was sent from this folder cannot be used",
                "remove db/sent.sqlite from the folder of state; only its warnings are lost",
            ) from error


def _secret(db: sqlite3.Connection) -> bytes:
    db.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", (secrets.token_bytes(32),))
    key: bytes = db.execute("SELECT key FROM secret").fetchone()[0]
    return key


def _digest(key: bytes, document: Document) -> str:
    said = document.model_dump(mode="json", exclude={"id"})
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
