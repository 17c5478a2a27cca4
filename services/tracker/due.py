"""Which clocks have to be told of now, and that they have been."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from contracts.clocks import ClockState
from services.tracker.clock_rows import Kept, kept_of, place
from services.tracker.store import OUTBOX, Tables


def due_clocks(connection: Connection, tables: Tables, now: datetime) -> tuple[Kept, ...]:
    """Return the untold clocks whose time ran out before `now`, the longest due first.

    A clock that was stopped late is among them: it was missed all the same.
    """
    clocks = tables.clocks
    return _found(connection, tables, clocks.c.due_at, clocks.c.untold.is_(True), now)


def warning_clocks(connection: Connection, tables: Tables, now: datetime) -> tuple[Kept, ...]:
    """Return the running clocks whose warning has come at `now`, but not yet their end."""
    clocks = tables.clocks
    found = _found(connection, tables, clocks.c.warn_at, clocks.c.unwarned.is_(True), now)
    return tuple(kept for kept in found if now <= kept.clock.due_at)


def _found(
    connection: Connection,
    tables: Tables,
    at: ColumnElement[datetime],
    waits: ColumnElement[bool],
    now: datetime,
) -> tuple[Kept, ...]:
    chosen = select(tables.clocks).where(waits, at < now)
    rows = connection.execute(chosen.order_by(at, *tables.clocks.primary_key.columns)).mappings()
    return tuple(kept_of(row) for row in rows)


def is_untold(connection: Connection, tables: Tables, kept: Kept) -> bool:
    """Tell whether a manager may still have to hear of `kept`, as the tables stand now."""
    untold = select(tables.clocks.c.untold).where(place(tables, kept))
    return bool(connection.scalar(untold))


def is_unwarned(connection: Connection, tables: Tables, kept: Kept) -> bool:
    """Tell whether who owes may still have to be reminded of `kept`, as the tables stand now."""
    unwarned = select(tables.clocks.c.unwarned).where(place(tables, kept))
    return bool(connection.scalar(unwarned))


def mark_missed(
    connection: Connection, tables: Tables, now: datetime, clocks: Iterable[Kept]
) -> int:
    """Write down of those `clocks` that still run that they were missed; return how many."""
    table, marked = tables.clocks, 0
    for kept in clocks:
        here = place(tables, kept)
        running = table.c.state == ClockState.RUNNING.value
        missed = update(table).where(here, running, table.c.due_at < now)
        values = {"state": ClockState.MISSED.value, "unwarned": False}
        marked += connection.execute(missed.values(**values)).rowcount
    return marked


def note_missed(connection: Connection, tables: Tables, kept: Kept) -> None:
    """Write of a clock that the notice of its miss has been handed in."""
    said: dict[str, Any] = {"missed_notice": kept.notice, "untold": False}
    connection.execute(update(tables.clocks).where(place(tables, kept)).values(**said))


def note_warned(connection: Connection, tables: Tables, kept: Kept) -> None:
    """Write of a clock that its warning has been handed in."""
    said: dict[str, Any] = {"warned_notice": kept.warning, "unwarned": False}
    connection.execute(update(tables.clocks).where(place(tables, kept)).values(**said))


def note_outbox(connection: Connection, tables: Tables) -> None:
    """Write of every clock whose notices the outbox has handed in that they have been."""
    clocks = tables.clocks
    same = and_(
        clocks.c.child == OUTBOX.c.child,
        clocks.c.entry == OUTBOX.c.entry,
        clocks.c.rule == OUTBOX.c.rule,
    )
    sent = select(clocks, OUTBOX.c.id.label("notice")).join(OUTBOX, same)
    rows = connection.execute(sent.where(OUTBOX.c.submitted_at.is_not(None))).mappings().all()
    for row in rows:
        kept = kept_of(row)
        if row["notice"] == kept.notice:
            note_missed(connection, tables, kept)
        elif row["notice"] == kept.warning:
            note_warned(connection, tables, kept)
