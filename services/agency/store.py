"""An agency's own SQL: its deliveries and how far each has come, openings, and what was set aside.

One SQLite file per gateway. A delivery and the position it brings are written in one transaction;
the position is the highest ledger sequence taken in, because deliveries may come in any order.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    case,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from contracts.kinds import iso
from contracts.records import Delivery
from contracts.subjects import inbox_consumer
from services.agency.faults import fault
from services.agency.items import Item, State
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

_METADATA = MetaData()
_DELIVERIES = Table(
    "deliveries",
    _METADATA,
    Column("agency", String(64), primary_key=True),
    Column("message", String(40), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("child", String(40), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("received", String(32), nullable=False),
    Column("protection", Boolean, nullable=False),
    Column("alert", Boolean, nullable=False),
    Column("history", Boolean, nullable=False),
    Column("person", String(96), nullable=False),
    Column("answers", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sealed", String(64), nullable=False),
    Column("record", Text, nullable=False),
)
_OPENINGS = Table(
    "openings",
    _METADATA,
    Column("agency", String(64), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("message", String(40)),
    Column("practitioner", String(96), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("source", String(16), nullable=False),
)
_QUARANTINE = Table(
    "quarantine",
    _METADATA,
    Column("agency", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Held:
    """A stored delivery: its line, its record as it was verified, and who opened it."""

    item: Item
    delivery: Delivery
    openings: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """That a practitioner read, when (an instant), why, and where the statements came from."""

    nonce: str
    message: str | None
    practitioner: str
    purpose: str
    at: datetime
    source: str


class AgencyStore:
    """What the agencies of one gateway hold; every method is one transaction."""

    def __init__(self, url: str) -> None:
        """Open the SQLite database at `url` and make the tables that it lacks."""
        database = engine(url)
        create_tables(database, _METADATA)
        self._sql = SqlRunner(database)

    async def close(self) -> None:
        """Finish what has been asked for and close the file."""
        await self._sql.close()

    async def take(self, agency: str, sequence: int, item: Item, record: str, sealed: str) -> bool:
        """Store a verified delivery and its position; return whether it is new.

        `record` is the delivery's JSON and `sealed` the digest of its seal. Raises
        `PermanentFault` `message.id-reused` where the id stands for another seal already.
        """

        def work(connection: Connection) -> bool:
            row = {name: getattr(item, name) for name in _ITEM}
            made = connection.execute(
                insert(_DELIVERIES)
                .values(agency=agency, sequence=sequence, record=record, sealed=sealed, **row)
                .on_conflict_do_nothing()
            )
            if not made.rowcount and _one(connection, agency, item.message)["sealed"] != sealed:
                raise PermanentFault.of(fault("message.id-reused"))
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
        statement = insert(_QUARANTINE).values(**row, reason=reason, at=iso(at))
        await self._sql.run(lambda c: c.execute(statement.on_conflict_do_nothing()))

    async def quarantined(self, agency: str) -> tuple[dict[str, Any], ...]:
        """Return what was set aside for `agency`, newest first."""
        told = ("sequence", "digest", "reason", "at")
        rows = (
            select(*(_QUARANTINE.c[name] for name in told))
            .where(_QUARANTINE.c.agency == agency)
            .order_by(_QUARANTINE.c.sequence.desc())
            .limit(PAGE)
        )
        return await self._sql.run(
            lambda c: tuple(dict(zip(told, row, strict=True)) for row in c.execute(rows))
        )

    async def items(self, agency: str, *, history: bool, limit: int = PAGE) -> tuple[Item, ...]:
        """Return the lines of an inbox: alerts, then the rest, then history; newest first."""
        at = _DELIVERIES.c
        rank = case((at.alert, 0), (at.history, 2), else_=1)
        rows = select(_DELIVERIES).where(at.agency == agency)
        if not history:
            rows = rows.where(~at.history)
        ordered = rows.order_by(rank, at.sequence.desc()).limit(limit)
        return await self._sql.run(
            lambda c: tuple(_item(row) for row in c.execute(ordered).mappings())
        )

    async def count(self, agency: str) -> int:
        """Return how many deliveries the inbox of `agency` holds."""
        rows = select(func.count()).where(_DELIVERIES.c.agency == agency)
        return await self._sql.run(lambda c: int(c.scalar(rows) or 0))

    async def held(self, agency: str, message: str) -> Held:
        """Return a delivery; raises `delivery.unknown`."""

        def work(connection: Connection) -> Held:
            row = _one(connection, agency, message)
            opened = select(_OPENINGS).where(
                _OPENINGS.c.agency == agency, _OPENINGS.c.message == message
            )
            openings = connection.execute(opened.order_by(_OPENINGS.c.at)).mappings()
            told = ("practitioner", "purpose", "at", "source")
            return Held(
                _item(row),
                Delivery.model_validate_json(row["record"]),
                tuple({name: str(one[name]) for name in told} for one in openings),
            )

        return await self._sql.run(work)

    async def opened(self, agency: str, opening: Opening) -> None:
        """Record an opening and move the delivery on; raises `read.replayed` for a known nonce."""

        def work(connection: Connection) -> None:
            row = {one.name: getattr(opening, one.name) for one in fields(opening)}
            row |= {"agency": agency, "at": iso(opening.at)}
            made = connection.execute(insert(_OPENINGS).values(**row).on_conflict_do_nothing())
            if not made.rowcount:
                raise fault("read.replayed")
            if opening.message is not None:
                _move(connection, agency, opening.message, State.OPENED)

        await self._sql.run(work)

    async def move(self, agency: str, message: str, state: State) -> None:
        """Move a delivery on to `state`; one that is there or beyond stays where it is."""
        await self._sql.run(lambda c: _move(c, agency, message, state))


_ITEM: Final = tuple(one.name for one in fields(Item))


def _one(connection: Connection, agency: str, message: str) -> RowMapping:
    found = select(_DELIVERIES).where(
        _DELIVERIES.c.agency == agency, _DELIVERIES.c.message == message
    )
    row = connection.execute(found).mappings().first()
    if row is None:
        raise fault("delivery.unknown")
    return row


def _item(row: RowMapping) -> Item:
    return Item(**{**{name: row[name] for name in _ITEM}, "state": State(row["state"])})


def _move(connection: Connection, agency: str, message: str, state: State) -> None:
    connection.execute(
        update(_DELIVERIES)
        .where(
            _DELIVERIES.c.agency == agency,
            _DELIVERIES.c.message == message,
            _DELIVERIES.c.state.in_(state.before()),
        )
        .values(state=state)
    )
