"""The tracker's tables: what people search, list and report from, rebuilt from the ledger at will.

Everything but the outbox follows from the ledger alone, so that building it again gives the same
rows. The same tables exist once more under a prefix while they are being rebuilt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from contracts.errors import HandrailError
from services.runtime.sql import POSITIONS, create_tables, renewed
from services.tracker import clock_tables, told_tables
from services.tracker.columns import HOLDER, REFERENCE, UtcInstant

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
"""What the tracker sealed, kept before it is sent, so that sending again sends the same bytes.

`entry` and `rule` name the clock; of a lead who left, the number of the custody and `lead.left`.
"""


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
    telling: Table
    facts: Table
    refusals: Table

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
            self.telling,
            self.facts,
            self.refusals,
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
        clocks=clock_tables.clocks(prefix, metadata),
        custody=_custody(prefix, metadata),
        quarantined=_quarantined(prefix, metadata),
        telling=told_tables.telling(prefix, metadata),
        facts=told_tables.facts(prefix, metadata),
        refusals=told_tables.refusals(prefix, metadata),
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
        Column("occurred_at", UtcInstant),
        Column("codes", JSON, nullable=False),
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
        Column("left_notice", REFERENCE),
        Column("left_entry", Integer),
    )
    leads = table.c.to_at.is_(None)
    Index(
        f"{prefix}custody_now",
        table.c.child,
        unique=True,
        sqlite_where=leads,
        postgresql_where=leads,
    )
    Index(
        f"{prefix}custody_of", table.c.practitioner, sqlite_where=leads, postgresql_where=leads
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


_CONTENT: Final = 2
"""To be raised when the same columns come to hold something else: tables are then rebuilt."""

LIVE: Final = define()
FRESH: Final = define("fresh_")


def prepare(database: Engine) -> None:
    """Create what is missing of the live tables, the outbox and the position.

    Tables that another release laid out are dropped and start anew at position 0, from which the
    ledger fills them again; the outbox is no copy of the ledger and stays. Raises `HandrailError`
    `database.unreachable` without the database's own words, which may hold its address and user.
    """
    try:
        create_tables(database, OUTBOX_METADATA)
        with database.begin() as connection:
            if renewed(connection, f"{LIVE.position}-layout", _CONTENT, LIVE.metadata):
                set_position(connection, LIVE, 0)
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


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert `row` unless one with the same key is there already; tell whether it was inserted."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = connection.execute(dialect.insert(table).on_conflict_do_nothing(), dict(row))
    return made.rowcount > 0


def count_rows(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Return how many rows of `table` meet every condition."""
    counted = select(func.count()).select_from(table).where(*where)
    return int(connection.scalar(counted) or 0)
