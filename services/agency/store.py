"""An agency's own SQL: its deliveries and how far each has come, openings, and what was set aside.

One SQLite file per gateway. A delivery and the position it brings are written in one transaction;
the position is the highest ledger sequence taken in, because deliveries may come in any order.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    RowMapping,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from contracts.desks import Handover
from contracts.event import Recipient
from contracts.kinds import iso
from contracts.messages.corrections import REDIRECTED
from contracts.messages.notices import PROTECTION_FAILED
from contracts.records import Delivery
from contracts.subjects import inbox_consumer
from services.agency.addressing import addresses, keep_addresses, keep_handover
from services.agency.faults import fault
from services.agency.hiding import Hidden, hidden, keep_hidden
from services.agency.items import Item, State
from services.agency.tables import DELIVERIES, HANDED, METADATA, OPENINGS, QUARANTINE, TRIES
from services.agency.withdrawing import mark_taken, withdraw
from services.runtime.settlement import PermanentFault
from services.runtime.sql import (
    SqlRunner,
    create_tables,
    engine,
    read_position,
    write_position,
)

PAGE: Final = 500
"""Lines in one answer: well below the server's 1 MiB."""


@dataclass(frozen=True, slots=True)
class Held:
    """A stored delivery: its line, its record as it was verified, and who opened it.

    `not_to_know` are the practitioners from whom it is hidden.
    """

    item: Item
    delivery: Delivery
    openings: tuple[dict[str, str], ...]
    not_to_know: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Opening:
    """That a practitioner read, when (an instant), why, and where the statements came from."""

    nonce: str
    message: str | None
    practitioner: str
    purpose: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What a delivery says of its child: who hands on to whom in the agency, who must not know."""

    handed: Handover | None = None
    not_to_know: tuple[str, ...] | None = None


class AgencyStore:
    """What the agencies of one gateway hold; every method is one transaction."""

    def __init__(self, url: str) -> None:
        """Open the SQLite database at `url` and make the tables that it lacks."""
        database = engine(url)
        create_tables(database, METADATA)
        self._sql = SqlRunner(database)

    async def close(self) -> None:
        """Finish what has been asked for and close the file."""
        await self._sql.close()

    async def take(
        self,
        agency: str,
        sequence: int,
        item: Item,
        record: str,
        sealed: str,
        beside: Beside | None = None,
    ) -> bool:
        """Store a verified delivery and its position; return whether it is new.

        `record` is the delivery's JSON, `sealed` the digest of its seal. Raises
        `PermanentFault` `message.id-reused` where the id stands for another seal already.
        """
        said = beside or Beside()

        def work(connection: Connection) -> bool:
            row = {name: getattr(item, name) for name in _ITEM}
            made = connection.execute(
                insert(DELIVERIES)
                .values(agency=agency, sequence=sequence, record=record, sealed=sealed, **row)
                .on_conflict_do_nothing()
            )
            if not made.rowcount and _one(connection, agency, item.message)["sealed"] != sealed:
                raise PermanentFault.of(fault("message.id-reused"))
            if made.rowcount:
                keep_addresses(connection, agency, item)
                keep_handover(connection, agency, sequence, item.child, said.handed)
                keep_hidden(connection, agency, sequence, item.child, said.not_to_know)
                mark_taken(connection, agency, item.message)
            name = inbox_consumer(agency)
            write_position(connection, name, max(sequence, read_position(connection, name)))
            return bool(made.rowcount)

        return await self._sql.run(work)

    async def position(self, agency: str) -> int:
        """Return the highest ledger sequence taken in for `agency`, 0 before the first."""
        return await self._sql.run(lambda c: read_position(c, inbox_consumer(agency)))

    async def set_aside(
        self, agency: str, sequence: int, digest: str, reason: str, at: datetime
    ) -> None:
        """Record that what stands at `sequence` of the ledger is not shown, and why."""
        row = {"agency": agency, "sequence": sequence, "digest": digest}
        statement = insert(QUARANTINE).values(**row, reason=reason, at=iso(at))
        await self._sql.run(lambda c: c.execute(statement.on_conflict_do_nothing()))

    async def begin_try(self, agency: str, sequence: int) -> int:
        """Count that a delivery is tried; return how many tries before had no end."""
        row = insert(TRIES).values(agency=agency, sequence=sequence, begun=1)
        counted = row.on_conflict_do_update(
            index_elements=["agency", "sequence"], set_={"begun": TRIES.c.begun + 1}
        ).returning(TRIES.c.begun)
        return await self._sql.run(lambda c: int(c.execute(counted).scalar_one()) - 1)

    async def end_try(self, agency: str, sequence: int) -> None:
        """Forget the tries of a delivery."""
        gone = delete(TRIES).where(TRIES.c.agency == agency, TRIES.c.sequence == sequence)
        await self._sql.run(lambda c: c.execute(gone))

    async def quarantined(self, agency: str) -> tuple[dict[str, Any], ...]:
        """Return what was set aside for `agency`, newest first."""
        told = ("sequence", "digest", "reason", "at")
        rows = (
            select(*(QUARANTINE.c[name] for name in told))
            .where(QUARANTINE.c.agency == agency)
            .order_by(QUARANTINE.c.sequence.desc())
            .limit(PAGE)
        )
        return await self._sql.run(
            lambda c: tuple(dict(zip(told, row, strict=True)) for row in c.execute(rows))
        )

    async def items(self, agency: str, *, history: bool, limit: int = PAGE) -> tuple[Item, ...]:
        """Return the lines of an inbox: alerts, then the rest, then history; newest first.

        Alerts about bytes that nobody could open stand behind the child protection that waits.
        """
        at = DELIVERIES.c
        waits = at.state.in_((State.DELIVERED, State.OPENED))
        unreadable = (at.kind == PROTECTION_FAILED.name) & ~at.protection
        rank = case(
            (at.history, 4),
            (at.alert & ~unreadable, 0),
            (at.protection & waits, 1),
            (unreadable & waits, 2),
            else_=3,
        )
        rows = select(DELIVERIES).where(at.agency == agency)
        if not history:
            rows = rows.where(~at.history, at.state != State.WITHDRAWN)
        ordered = rows.order_by(rank, at.sequence.desc()).limit(limit)
        chosen = ordered.with_only_columns(at.message)

        def work(connection: Connection) -> tuple[Item, ...]:
            to = addresses(connection, agency, chosen)
            found = connection.execute(ordered).mappings()
            return tuple(_item(row, to.get(row["message"], ())) for row in found)

        return await self._sql.run(work)

    async def handovers(self, agency: str) -> dict[str, tuple[Handover, ...]]:
        """Return by child what was handed on between people of `agency`, the oldest first."""
        rows = select(HANDED).where(HANDED.c.agency == agency).order_by(HANDED.c.sequence)

        def work(connection: Connection) -> dict[str, tuple[Handover, ...]]:
            found: dict[str, tuple[Handover, ...]] = {}
            for row in connection.execute(rows).mappings():
                one = Handover(row["giver"], row["taker"])
                found[row["child"]] = (*found.get(row["child"], ()), one)
            return found

        return await self._sql.run(work)

    async def hidden(self, agency: str) -> Hidden:
        """Return by child from whom at `agency` its lines are hidden."""
        return await self._sql.run(lambda c: hidden(c, agency))

    async def count(self, agency: str) -> int:
        """Return how many deliveries the inbox of `agency` holds."""
        rows = select(func.count()).where(DELIVERIES.c.agency == agency)
        return await self._sql.run(lambda c: int(c.scalar(rows) or 0))

    async def held(self, agency: str, message: str) -> Held:
        """Return a delivery; raises `delivery.unknown`."""
        return await self._sql.run(lambda c: _held(c, agency, message))

    async def held_or_passed_on(self, agency: str, message: str) -> Held:
        """Return a delivery, or the one by which that request was redirected here.

        Whoever asked knows a request by its own id, wherever it went. Raises `delivery.unknown`.
        """

        def work(connection: Connection) -> Held:
            return _held(connection, agency, _passed_on(connection, agency, message) or message)

        return await self._sql.run(work)

    async def opened(self, agency: str, opening: Opening) -> None:
        """Record an opening and move the delivery on; raises `read.replayed` for a known nonce."""

        def work(connection: Connection) -> None:
            row = {one.name: getattr(opening, one.name) for one in fields(opening)}
            row |= {"agency": agency, "at": iso(opening.at)}
            made = connection.execute(insert(OPENINGS).values(**row).on_conflict_do_nothing())
            if not made.rowcount:
                raise fault("read.replayed")
            if opening.message is not None:
                _move(connection, agency, opening.message, State.OPENED)

        await self._sql.run(work)

    async def withdraw(self, agency: str, sender: str, message: str) -> None:
        """Mark what `agency` holds of a message as withdrawn by its `sender`, now or when it comes.

        A message withdrawn is not opened, and has left the desk.
        """
        await self._sql.run(lambda c: withdraw(c, agency, sender, message))

    async def move(self, agency: str, message: str, state: State) -> None:
        """Move a delivery on to `state`; one that is there or beyond stays where it is."""
        await self._sql.run(lambda c: _move(c, agency, message, state))


_ITEM: Final = tuple(one.name for one in fields(Item) if one.name != "to")


def _held(connection: Connection, agency: str, message: str) -> Held:
    row = _one(connection, agency, message)
    opened = select(OPENINGS).where(OPENINGS.c.agency == agency, OPENINGS.c.message == message)
    openings = connection.execute(opened.order_by(OPENINGS.c.at)).mappings()
    told = ("practitioner", "purpose", "at", "source")
    to = addresses(connection, agency, select(literal(message)))
    return Held(
        _item(row, to.get(message, ())),
        Delivery.model_validate_json(row["record"]),
        tuple({name: str(one[name]) for name in told} for one in openings),
        hidden(connection, agency, row["child"]).get(row["child"], frozenset()),
    )


def _passed_on(connection: Connection, agency: str, message: str) -> str | None:
    """Return the newest message that redirected the request `message` here, where it is not."""
    at = DELIVERIES.c
    here = select(at.message).where(at.agency == agency, at.message == message)
    if connection.scalar(here) is not None:
        return None
    copies = select(at.message).where(
        at.agency == agency, at.kind == REDIRECTED.name, at.answers == message
    )
    found = connection.scalar(copies.order_by(at.sequence.desc()))
    return None if found is None else str(found)


def _one(connection: Connection, agency: str, message: str) -> RowMapping:
    found = select(DELIVERIES).where(DELIVERIES.c.agency == agency, DELIVERIES.c.message == message)
    row = connection.execute(found).mappings().first()
    if row is None:
        raise fault("delivery.unknown")
    return row


def _item(row: RowMapping, to: tuple[Recipient, ...]) -> Item:
    return Item(**{**{name: row[name] for name in _ITEM}, "state": State(row["state"]), "to": to})


def _move(connection: Connection, agency: str, message: str, state: State) -> None:
    connection.execute(
        update(DELIVERIES)
        .where(
            DELIVERIES.c.agency == agency,
            DELIVERIES.c.message == message,
            DELIVERIES.c.state.in_(state.before()),
        )
        .values(state=state)
    )
