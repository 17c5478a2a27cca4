"""Erasing what was said: the rows go, the child's key is changed or destroyed, the files rewritten.

What is left of the story is wrapped by a new key before the old one is destroyed, so that copies
of the large database are unreadable from then on; backups of the key store are kept at most 30
days (design §4). That a person read, and when, stays recorded. Each step may be cut short: done
again it goes on, and what a killed process left is put right at the next start (`recover`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Row, delete, insert, select, update

from contracts.kinds import iso
from services.story import attached, index, orders, packing
from services.story.breaking_tables import REFUSED_READS
from services.story.erasure_tables import ERASURES
from services.story.locking import opens, rewrapped
from services.story.orders import Order
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
    async with store.changing:
        await store.run(partial(_mark, child=child, now=datetime.now(UTC)))
        key = await store.destroy_key(child)
        # Marked again: until the key was gone, a message accepted meanwhile may have used it.
        messages, statements = await store.run(
            partial(_remove_all, child=child, now=datetime.now(UTC))
        )
    await attached.clear(store, child, datetime.now(UTC))
    await store.scrub()
    return Erasure(messages, statements, key)


async def carry_out(store: Store, order: Order) -> Erasure:
    """Erase what `order` covers, and wrap by a new key what it leaves; may be repeated.

    Raises `story.erasure-unfinished` when the files could not be rewritten, and
    `story.statement-damaged` when what is to be left does not open with the child's key.
    """
    await store.run(partial(orders.note, order=order))
    async with store.changing:
        old, new = await store.next_key(order.child, order.at)
        messages, statements, kept = await store.run(
            partial(_remove, order=order, old=old, new=new)
        )
        key = await store.change_key(order.child, kept=kept)
    await attached.clear(store, *((order.child, order.at) if order.whole else ()))
    await store.scrub()
    await store.run(partial(orders.finish, order=order))
    return Erasure(messages, statements, key)


async def recover(store: Store) -> None:
    """Finish or take back every change of a key that a killed process had begun."""
    for child, (_, new) in (await store.changing_keys()).items():
        wrapped = await store.run(partial(_any_wrapped, child=child))
        if wrapped is None or opens(wrapped, new):
            await store.change_key(child, kept=wrapped is not None)
    await attached.clear(store)


def is_erased(connection: Connection, child: str, accepted_at: datetime) -> bool:
    """Tell whether what was accepted about `child` at that instant has been erased."""
    until = connection.scalar(select(ERASED.c.erased_at).where(ERASED.c.child == child))
    if until is not None and iso(accepted_at) <= until:
        return True
    whole = (ERASURES.c.message.is_(None), ERASURES.c.digests == "[]")
    later = ERASURES.c.ordered_at >= iso(accepted_at)
    found = select(ERASURES.c.ledger).where(ERASURES.c.child == child, later, *whole).limit(1)
    return connection.scalar(found) is not None


def _mark(connection: Connection, child: str, now: datetime) -> None:
    moved = update(ERASED).where(ERASED.c.child == child).values(erased_at=iso(now))
    if not connection.execute(moved).rowcount:
        connection.execute(insert(ERASED).values(child=child, erased_at=iso(now)))


def _remove_all(connection: Connection, child: str, now: datetime) -> tuple[int, int]:
    _mark(connection, child, now)
    statements = _delete(connection, _places(connection, MESSAGES.c.child == child))
    messages = connection.execute(delete(MESSAGES).where(MESSAGES.c.child == child)).rowcount
    _forget_every_purpose(connection, child)
    index.forget(connection, child)
    return messages, statements


def _remove(
    connection: Connection, order: Order, old: bytes | None, new: bytes
) -> tuple[int, int, bool]:
    """Return how many messages and statements went, and whether any statement is left."""
    doomed = _places(connection, orders.covered(order))
    statements, messages = _delete(connection, doomed), 0
    if order.whole:
        before = (MESSAGES.c.child == order.child, MESSAGES.c.ledger < order.ledger)
        messages = connection.execute(delete(MESSAGES).where(*before)).rowcount
        _forget_every_purpose(connection, order.child)
    else:
        _forget_reads_of(connection, order.child, {row.digest for row in doomed})
    index.forget(connection, order.child)
    orders.count(connection, order, statements)
    return messages, statements, _rewrap(connection, order.child, old, new)


def _places(connection: Connection, wanted: ColumnElement[bool]) -> Sequence[Row[Any]]:
    joined = STATEMENTS.join(MESSAGES, STATEMENTS.c.ledger == MESSAGES.c.ledger)
    columns: tuple[Column[Any], ...] = (
        STATEMENTS.c.ledger,
        STATEMENTS.c.place,
        STATEMENTS.c.digest,
    )
    return connection.execute(select(*columns).select_from(joined).where(wanted)).all()


def _delete(connection: Connection, doomed: Sequence[Row[Any]]) -> int:
    for row in doomed:
        here = (STATEMENTS.c.ledger == row.ledger, STATEMENTS.c.place == row.place)
        connection.execute(delete(STATEMENTS).where(*here))
    packing.forget(connection, {row.ledger for row in doomed})
    return len(doomed)


def _rewrap(connection: Connection, child: str, old: bytes | None, new: bytes) -> bool:
    theirs = select(MESSAGES.c.ledger).where(MESSAGES.c.child == child)
    left = connection.execute(select(STATEMENTS).where(STATEMENTS.c.ledger.in_(theirs))).all()
    for row in left:
        wrapped = rewrapped(bytes(row.wrapped_key), old, new)
        here = (STATEMENTS.c.ledger == row.ledger, STATEMENTS.c.place == row.place)
        connection.execute(update(STATEMENTS).where(*here).values(wrapped_key=wrapped))
    packing.rewrap(connection, child, old, new)
    return bool(left)


def _forget_every_purpose(connection: Connection, child: str) -> None:
    _forget_purposes(connection, READS.c.child == child)
    refused = update(REFUSED_READS).where(REFUSED_READS.c.child == child)
    connection.execute(refused.values(purpose=""))


def _forget_purposes(connection: Connection, wanted: ColumnElement[bool]) -> None:
    # A purpose is free text and may say something about the child.
    connection.execute(update(READS).where(wanted).values(purpose=""))


def _forget_reads_of(connection: Connection, child: str, gone: set[str]) -> None:
    """Forget the purposes of the reads that were shown any of what is gone."""
    rows = connection.execute(select(READS.c.id, READS.c.shown).where(READS.c.child == child))
    ids = [row.id for row in rows if not gone.isdisjoint(orjson.loads(row.shown))]
    _forget_purposes(connection, READS.c.id.in_(ids))


def _any_wrapped(connection: Connection, child: str) -> bytes | None:
    joined = STATEMENTS.join(MESSAGES, STATEMENTS.c.ledger == MESSAGES.c.ledger)
    wanted = select(STATEMENTS.c.wrapped_key).select_from(joined)
    found = connection.scalar(wanted.where(MESSAGES.c.child == child).limit(1))
    return None if found is None else bytes(found)
