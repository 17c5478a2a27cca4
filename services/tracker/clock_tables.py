"""The table of clocks, with an index for each question that is asked at every tick."""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, String, Table

from services.tracker.columns import HOLDER, REFERENCE, UtcInstant


def clocks(prefix: str, metadata: MetaData) -> Table:
    """Return the table of clocks, keyed by the entry that started each and its rule.

    `untold`: a manager may still have to hear that it was missed. `unwarned`: the one who owes may
    still have to be reminded. Indexes hold only such rows, so that finding what is due costs what
    is due, however many clocks are open.
    """
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
        Column("told_agency", HOLDER, nullable=False),
        Column("told_practitioner", HOLDER),
        Column("started_at", UtcInstant, nullable=False),
        Column("started_arrived_at", UtcInstant, nullable=False),
        Column("due_at", UtcInstant, nullable=False),
        Column("original_due_at", UtcInstant, nullable=False),
        Column("warn_at", UtcInstant),
        Column("stopped_at", UtcInstant),
        Column("stopped_arrived_at", UtcInstant),
        Column("stopped_by", REFERENCE),
        Column("ended", Boolean, nullable=False),
        Column("evidence_late", Boolean, nullable=False),
        Column("extensions", JSON, nullable=False),
        Column("pauses", JSON, nullable=False),
        Column("explained_by", HOLDER),
        Column("explained_at", UtcInstant),
        Column("explained_cause", String(64)),
        Column("state", String(16), nullable=False),
        Column("untold", Boolean, nullable=False),
        Column("missed_notice", REFERENCE),
        Column("notice_entry", Integer),
        Column("unwarned", Boolean, nullable=False),
        Column("warned_notice", REFERENCE),
        Column("warned_entry", Integer),
    )
    for name, waits in (("due", table.c.untold), ("warn", table.c.unwarned)):
        some = waits.is_(True)
        at = table.c[f"{name}_at"]
        Index(f"{prefix}clocks_{name}", at, sqlite_where=some, postgresql_where=some)
    return table
