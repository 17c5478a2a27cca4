"""Tables of who must be told, of what a report counts, and of what the exchange refused."""

from sqlalchemy import JSON, Column, Index, Integer, MetaData, String, Table

from services.tracker.columns import HOLDER, REFERENCE, UtcInstant


def telling(prefix: str, metadata: MetaData) -> Table:
    """Return the table with a row for every message and everyone who must be told of it.

    `holder` is the agency, or what the person is called who is none: `family`, `manager`, or a role
    of which any of `agencies` will do. `told_at` is when they were told (or when that there was a
    reason not to), `recorded_at` when the record of it arrived.
    """
    return Table(
        f"{prefix}telling",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("entry", Integer, primary_key=True, autoincrement=False),
        Column("person", String(32), primary_key=True),
        Column("holder", HOLDER, primary_key=True),
        Column("message", REFERENCE, nullable=False),
        Column("agencies", JSON, nullable=False),
        Column("rules", JSON, nullable=False),
        Column("sender", HOLDER, nullable=False),
        Column("owed_at", UtcInstant, nullable=False),
        Column("due_at", UtcInstant),
        Column("state", String(16), nullable=False),
        Column("how", String(16)),
        Column("agency", HOLDER),
        Column("form", String(16)),
        Column("because", String(64)),
        Column("told_at", UtcInstant),
        Column("recorded_at", UtcInstant),
        Column("by_message", REFERENCE),
        Index(f"{prefix}telling_by_message", "child", "message"),
        Index(f"{prefix}telling_owed", "owed_at"),
        Index(f"{prefix}telling_due", "due_at"),
    )


def facts(prefix: str, metadata: MetaData) -> Table:
    """Return the table of what a report counts of each accepted message.

    The rest is the message's own row. `at` is the decision, or of history the day it tells of;
    `level` is the child's before it; `asked` are answers to questions that families are asked,
    `carried` those of its `statements` that were carried on from an earlier message.
    """
    return Table(
        f"{prefix}facts",
        metadata,
        Column("child", REFERENCE, primary_key=True),
        Column("entry", Integer, primary_key=True, autoincrement=False),
        Column("at", UtcInstant, nullable=False),
        Column("level", String(32), nullable=False),
        Column("direction", String(16)),
        Column("asked", Integer, nullable=False),
        Column("asked_again", Integer, nullable=False),
        Column("statements", Integer, nullable=False),
        Column("carried", Integer, nullable=False),
        Index(f"{prefix}facts_at", "at"),
    )


def refusals(prefix: str, metadata: MetaData) -> Table:
    """Return the table of the messages that the exchange refused: codes, and never a child."""
    return Table(
        f"{prefix}refusals",
        metadata,
        Column("agency", HOLDER, primary_key=True),
        Column("message", REFERENCE, primary_key=True),
        Column("kind", String(64), nullable=False),
        Column("codes", JSON, nullable=False),
        Column("at", UtcInstant, nullable=False),
        Index(f"{prefix}refusals_at", "at"),
    )
