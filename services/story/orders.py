"""What an accepted `story.erased` orders, and which statements and messages it covers.

An order for everything counts for what stands before it in the ledger, stored already or not: what
was submitted before it, and not accepted yet, the exchange refuses. One that names a message or
statements counts for these wherever they stand. What is read anew from the ledger, after a failure
or from a backup, is held against them again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from contracts.kinds import iso
from contracts.messages.corrections import REDIRECTED
from contracts.messages.erasing import ERASED, StoryErased
from contracts.roles import Capacity
from services.story.entries import AcceptedEntry, Told
from services.story.erasure_tables import ERASURES
from services.story.tables import COPIES, MESSAGES, STATEMENTS

KIND: Final = ERASED.name


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be erased: one message, some statements, or with neither everything before it.

    `sender`, where set, is the agency whose words alone may be erased by it; `at` an instant.
    """

    ledger: int
    child: str
    id: str
    agency: str
    because: str
    at: datetime
    message: str | None = None
    digests: tuple[str, ...] = ()
    sender: str | None = None

    @property
    def whole(self) -> bool:
        """Tell whether everything said about the child before is meant."""
        return self.message is None and not self.digests


def order_of(told: Told) -> Order | None:
    """Return the order that an accepted message gives, or None where it is of another kind.

    Without a data protection officer's signature it reaches the sender's own messages only.
    """
    if told.event.kind != KIND:
        return None
    content = StoryErased.model_validate(told.event.data.content)
    agency = told.entry.decision.agency
    officer = any(s.capacity is Capacity.DATA_PROTECTION for s in told.event.signers)
    return Order(
        told.entry.ledger,
        told.entry.child,
        told.entry.message,
        agency,
        content.because.value,
        told.entry.decision.now,
        content.of,
        content.statements,
        None if officer else agency,
    )


def between_orders(told: Sequence[Told]) -> Iterator[tuple[list[Told], Order | None]]:
    """Yield `told` in runs, each with the order that follows it; the last may have none.

    An order's own message is kept in the run after it, so that one cut short is found again.
    """
    run: list[Told] = []
    for one in told:
        order = order_of(one)
        if order is not None:
            yield run, order
            run = []
        run.append(one)
    yield run, None


def note(connection: Connection, order: Order) -> None:
    """Write an order down before it is carried out; bears repetition."""
    here = ERASURES.c.ledger == order.ledger
    if connection.scalar(select(ERASURES.c.ledger).where(here)) is not None:
        return
    connection.execute(
        insert(ERASURES).values(
            ledger=order.ledger,
            child=order.child,
            id=order.id,
            agency=order.agency,
            message=order.message,
            sender=order.sender,
            digests=orjson.dumps(order.digests).decode(),
            because=order.because,
            ordered_at=iso(order.at),
            statements=0,
            done=False,
        )
    )


def count(connection: Connection, order: Order, removed: int) -> None:
    """Add to the number of statements that an order has removed."""
    more = ERASURES.c.statements + removed
    connection.execute(
        update(ERASURES).where(ERASURES.c.ledger == order.ledger).values(statements=more)
    )


def finish(connection: Connection, order: Order) -> None:
    """Note that an order is carried out, down to the files."""
    here = ERASURES.c.ledger == order.ledger
    connection.execute(update(ERASURES).where(here).values(done=True))


def outstanding(
    connection: Connection, entries: Sequence[AcceptedEntry]
) -> tuple[AcceptedEntry, ...]:
    """Return those of `entries` that order an erasure which is not carried out yet."""
    ordering = [e for e in entries if e.decision.kind == KIND]
    wanted = ERASURES.c.ledger.in_([e.ledger for e in ordering])
    done = set(connection.scalars(select(ERASURES.c.ledger).where(wanted, ERASURES.c.done)))
    return tuple(e for e in ordering if e.ledger not in done)


def covered(order: Order) -> ColumnElement[bool]:
    """Return the condition by which a statement joined to its message falls under `order`."""
    theirs = MESSAGES.c.child == order.child
    if order.whole:
        return and_(theirs, MESSAGES.c.ledger < order.ledger)
    named = and_(theirs, or_(*_meant(order)))
    return named if order.sender is None else and_(named, MESSAGES.c.sender == order.sender)


def spared(connection: Connection, told: Sequence[Told]) -> list[Told]:
    """Return `told` without the statements that an order has erased, whenever they are stored."""
    children = {t.entry.child for t in told}
    rows = connection.execute(select(ERASURES).where(ERASURES.c.child.in_(children))).all()
    return [_spared(t, [r for r in rows if r.child == t.entry.child]) for t in told]


def is_ordered(connection: Connection, child: str, message: str | None) -> bool:
    """Tell whether an order has named that one message of the child."""
    named = (ERASURES.c.child == child, ERASURES.c.message == message)
    found = select(ERASURES.c.ledger).where(*named).limit(1)
    return message is not None and connection.scalar(found) is not None


def wholly_erased(connection: Connection, entries: Iterable[AcceptedEntry]) -> frozenset[int]:
    """Return the ledger sequences of those `entries` that an order for everything covers."""
    several = tuple(entries)
    orders = connection.execute(
        select(ERASURES.c.child, ERASURES.c.ledger).where(
            ERASURES.c.child.in_({e.child for e in several}),
            ERASURES.c.message.is_(None),
            ERASURES.c.digests == "[]",
        )
    )
    last: dict[str, int] = {}
    for row in orders:
        last[row.child] = max(row.ledger, last.get(row.child, 0))
    return frozenset(e.ledger for e in several if e.ledger < last.get(e.child, 0))


def _meant(order: Order) -> list[ColumnElement[bool]]:
    meant: list[ColumnElement[bool]] = []
    if order.digests:
        meant.append(STATEMENTS.c.digest.in_(order.digests))
    if order.message is not None and not order.digests:
        copies = select(COPIES.c.ledger).where(COPIES.c.message == order.message)
        meant.append(or_(MESSAGES.c.message == order.message, MESSAGES.c.ledger.in_(copies)))
    return meant


def _spared(told: Told, orders: Sequence[Row[Any]]) -> Told:
    kept = told.statements
    for order in orders:
        counts = _names_something(order) or order.ledger > told.entry.ledger
        if counts and order.sender in (None, told.entry.decision.agency):
            kept = tuple(one for one in kept if not _falls_under(one.digest, told, order))
    return told if len(kept) == len(told.statements) else replace(told, statements=kept)


def _names_something(order: Row[Any]) -> bool:
    return order.message is not None or bool(orjson.loads(order.digests))


def _falls_under(digest: str, told: Told, order: Row[Any]) -> bool:
    digests = orjson.loads(order.digests)
    return digest in digests if digests else order.message in (None, *_names(told))


def _names(told: Told) -> tuple[str, ...]:
    """Return the ids under which an order may mean a message: its own, and what it repeats."""
    repeats = told.event.data.answers if told.event.kind == REDIRECTED.name else None
    return (told.entry.message, *((repeats,) if repeats else ()))
