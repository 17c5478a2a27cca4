"""Erasing a child's story: the key is destroyed, then the rows, then what their files still hold.

Copies in backups of the large database are unreadable from the moment the key is gone; backups of
the key store are kept at most 30 days (design §4). That a person read, and when, stays recorded.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, delete, insert, select, update

from contracts.kinds import iso
from services.story.store import Store
from services.story.tables import ERASED, MESSAGES, READS, STATEMENTS


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure removed; `key` is False where the child had no key (any more)."""

    messages: int
    statements: int
    key: bool


async def erase_child(store: Store, child: str) -> Erasure:
    """Erase everything accepted about `child` until now; doing it again finishes one cut short.

    Nothing accepted until now is stored again when the ledger is read anew; what a family says
    later gets a new key. Raises `story.erasure-unfinished` when the files could not be rewritten.
    """
    await store.run(partial(_mark, child=child, now=datetime.now(UTC)))
    key = await store.destroy_key(child)
    # Marked again: until the key was gone, a message accepted meanwhile may have used it.
    messages, statements = await store.run(partial(_remove, child=child, now=datetime.now(UTC)))
    await store.scrub()
    return Erasure(messages, statements, key)


def is_erased(connection: Connection, child: str, accepted_at: datetime) -> bool:
    """Tell whether what was accepted about `child` at that instant has been erased."""
    until = connection.scalar(select(ERASED.c.erased_at).where(ERASED.c.child == child))
    return until is not None and iso(accepted_at) <= until


def _mark(connection: Connection, child: str, now: datetime) -> None:
    moved = update(ERASED).where(ERASED.c.child == child).values(erased_at=iso(now))
    if not connection.execute(moved).rowcount:
        connection.execute(insert(ERASED).values(child=child, erased_at=iso(now)))


def _remove(connection: Connection, child: str, now: datetime) -> tuple[int, int]:
    _mark(connection, child, now)
    theirs = select(MESSAGES.c.ledger).where(MESSAGES.c.child == child)
    statements = connection.execute(delete(STATEMENTS).where(STATEMENTS.c.ledger.in_(theirs)))
    messages = connection.execute(delete(MESSAGES).where(MESSAGES.c.child == child))
    # A purpose is free text and may say something about the child.
    connection.execute(update(READS).where(READS.c.child == child).values(purpose=""))
    return messages.rowcount, statements.rowcount
