"""The tracker's tables: what people search, list and report from, rebuilt from the ledger at will.

Everything but the outbox follows from the ledger alone, so that building it again gives the same
rows. The same tables exist once more under a prefix while they are being rebuilt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from contracts.errors import HandrailError
from services.runtime.sql import POSITIONS, create_tables

REFERENCE: Final = String(40)
HOLDER: Final = String(96)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant, kept as UTC; SQLite, which knows no zones, gives it back with its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's own
    ) -> datetime | None:
        """Return `value` in UTC, as the database is to hold it."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(
        self,
        value: Any | None,  # noqa: ANN401 - whatever the driver gives
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's own
    ) -> datetime | None:
        """Return what the database holds as an aware instant in UTC."""
        if value is None:
            return None
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


OUTBOX_METADATA: Final = MetaData()

OUTBOX: Final = Table(
    "notices",
    OUTBOX_METADATA,
    Column("id", REFERENCE, primary_key=True),
    Column("child", REFERENCE, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("submitted_at", UtcInstant),
)
"""What the tracker sealed, kept before it is sent, so that sending again sends the same bytes."""


@dataclass(frozen=True, slots=True)
class Tables:
    """One set of the tables that follow from the ledger; `position` names how far it has come."""

    position: str
    metadata: MetaData
    journeys: Table
    messages: Table
    told: Table
    clocks: Table
    custody: Table
    quarantined: Table

    @property
    def all(self) -> tuple[Table, ...]:
        """Return every table of the set."""
        return (
            self.journeys,
            self.messages,
            self.told,
            self.clocks,
            self.custody,
            self.quarantined,
        )


def define(prefix: str = "") -> Tables:
    """Return a set of tables whose names, and the names of whose indexes, begin with `prefix`."""
    metadata = MetaData()
    return Tables(
        position=f"{prefix}tracker",
        metadata=metadata,
        journeys=_journeys(prefix, metadata),
        messages=_messages(prefix, metadata),
        told=_told(prefix, metadata),
        clocks=_clocks(prefix, metadata),
        custody=_custody(prefix, metadata),
        quarantined=_quarantined(prefix, metadata),
    )


def _journeys(prefix: str, metadata: MetaData) -> Table:
    return Table(
        f"{prefix}journeys",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("level", String(32), nullable=False),
        Column("case_open", Boolean, nullable=False),
        Column("lead", HOLDER),
        Column("lead_agency", HOLDER),
        Column("entries", Integer, nullable=False),
        Column("journey", JSON, nullable=False),
        Column("updated_at", UtcInstant, nullable=False),
    )


def _messages(prefix: str, metadata: MetaData) -> Table:
    """Key a message by its entry: two agencies may have chosen the same id."""
    return Table(
        f"{prefix}messages",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("entry", Integer, primary_key=True, autoincrement=False),
        Column("id", REFERENCE, nullable=False),
        Column("kind", String(64), nullable=False),
        Column("agency", HOLDER, nullable=False),
        Column("author", HOLDER, nullable=False),
        Column("decided_at", UtcInstant, nullable=False),
        Column("stored_at", UtcInstant, nullable=False),
        Column("answers", REFERENCE),
        Column("outcome", String(64)),
        Column("basis", String(32), nullable=False),
        Column("recipients", JSON, nullable=False),
        Column("replayed", Boolean, nullable=False),
        Index(f"{prefix}messages_by_id", "child", "id"),
    )


def _told(prefix: str, metadata: MetaData) -> Table:
    return Table(
        f"{prefix}told",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("entry", Integer, primary_key=True, autoincrement=False),
        Column("agency", HOLDER, primary_key=True),
        Column("message", REFERENCE, nullable=False),
        Column("delivered_at", UtcInstant, nullable=False),
        Column("acknowledged_at", UtcInstant),
        Column("acknowledged_by", HOLDER),
        Index(f"{prefix}told_by_message", "child", "message"),
    )


def _clocks(prefix: str, metadata: MetaData) -> Table:
    """Index what may still have to be told by when it is due: finding it costs what is due."""
    table = Table(
        f"{prefix}clocks",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("entry", Integer, primary_key=True, autoincrement=False),
        Column("rule", String(64), primary_key=True),
        Column("id", String(112), nullable=False),
        Column("message", REFERENCE, nullable=False),
        Column("agency", HOLDER, nullable=False),
        Column("practitioner", HOLDER),
        Column("told", String(32), nullable=False),
        Column("started_at", UtcInstant, nullable=False),
        Column("due_at", UtcInstant, nullable=False),
        Column("stopped_at", UtcInstant),
        Column("stopped_by", REFERENCE),
        Column("state", String(16), nullable=False),
        Column("untold", Boolean, nullable=False),
        Column("missed_notice", REFERENCE),
        Column("notice_entry", Integer),
    )
    untold = table.c.untold.is_(True)
    Index(f"{prefix}clocks_due", table.c.due_at, sqlite_where=untold, postgresql_where=untold)
    return table


def _custody(prefix: str, metadata: MetaData) -> Table:
    """Keep half-open intervals `[from_at, to_at)`; the database itself refuses a second lead."""
    table = Table(
        f"{prefix}custody",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("practitioner", HOLDER, nullable=False),
        Column("agency", HOLDER, nullable=False),
        Column("from_at", UtcInstant, nullable=False),
        Column("by_message", REFERENCE, nullable=False),
        Column("to_at", UtcInstant),
        Column("until_message", REFERENCE),
    )
    leads = table.c.to_at.is_(None)
    Index(
        f"{prefix}custody_now",
        table.c.child,
        unique=True,
        sqlite_where=leads,
        postgresql_where=leads,
    )
    return table


def _quarantined(prefix: str, metadata: MetaData) -> Table:
    return Table(
        f"{prefix}quarantined",
        metadata,
        Column("lane", String(160), primary_key=True),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("agency", HOLDER, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("reasons", JSON, nullable=False),
        Column("at", UtcInstant, nullable=False),
    )


LIVE: Final = define()
FRESH: Final = define("fresh_")


def prepare(database: Engine) -> None:
    """Create what is missing of the live tables, the outbox and the position.

    Raises `HandrailError` `database.unreachable` without the database's own words, which may hold
    its address and user.
    """
    try:
        create_tables(database, LIVE.metadata, OUTBOX_METADATA)
        with database.begin() as connection:
            insert_new(connection, POSITIONS, {"name": LIVE.position, "sequence": 0})
    except OperationalError:
        raise HandrailError(
            "database.unreachable",
            "the tracker's database cannot be opened",
            "start it, or correct HANDRAIL_TRACKER_DATABASE_URL; for SQLite see that its folder "
            "can be written",
        ) from None


def claim_position(connection: Connection, tables: Tables) -> int:
    """Return how far `tables` have come, and let no other process move it in this transaction."""
    place = select(POSITIONS.c.sequence).where(POSITIONS.c.name == tables.position)
    return int(connection.scalar(place.with_for_update()) or 0)


def set_position(connection: Connection, tables: Tables, sequence: int) -> None:
    """Say that `tables` have come to `sequence`, whatever was said before."""
    insert_new(connection, POSITIONS, {"name": tables.position, "sequence": sequence})
    place = update(POSITIONS).where(POSITIONS.c.name == tables.position)
    connection.execute(place.values(sequence=sequence))


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert `row` unless one with the same key is there already."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).values(**row).on_conflict_do_nothing())


def count_rows(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Return how many rows of `table` meet every condition."""
    counted = select(func.count()).select_from(table).where(*where)
    return int(connection.scalar(counted) or 0)
