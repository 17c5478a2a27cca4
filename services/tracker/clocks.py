"""Rows of clocks: what a message starts and stops, and which of them may still have to be told.

Which clocks there are and when they run out is the rules' to say (`contracts.clocks`); here they
are kept. A clock is `untold` as long as a manager may have to hear of it: until it is stopped in
time, or until the notice that it was missed has been handed in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, select, update

from contracts.clocks import (
    Clock,
    ClockState,
    clocks_started,
    clocks_stopped,
    state,
    stop,
)
from contracts.journey import Journey
from contracts.messages.notices import MISSED, StandardMissed
from contracts.roles import Capacity
from services.tracker.entries import Step
from services.tracker.notices import notice_id
from services.tracker.rulebook import Addressed, Rulebook, addressed, facts_of
from services.tracker.store import OUTBOX, Tables


@dataclass(frozen=True, slots=True)
class Kept:
    """A clock with its place: the entry that started it, and the person addressed, if any."""

    entry: int
    practitioner: str | None
    clock: Clock

    @property
    def notice(self) -> str:
        """Return the id of the notice that tells of this clock, the same at every rebuild."""
        return notice_id(self.clock, self.entry)


def keep_clocks(
    connection: Connection, tables: Tables, step: Step, before: Journey | None, book: Rulebook
) -> None:
    """Stop and start the clocks that `step` stops and starts, after the journey `before`."""
    addressee = addressed(step, book.directory)
    facts = facts_of(step, addressee)
    running = open_clocks(connection, tables, step.child)
    lapsed = _lapsed(before, step)
    for kept in running:
        if kept.clock.message in lapsed:
            _stop(connection, tables, kept, stop(kept.clock, step.decided_at), step)
        else:
            for stopped in clocks_stopped(book.packs, facts, (kept.clock,)):
                _stop(connection, tables, kept, stopped, step)
    started = clocks_started(book.packs, facts, book.calendar)
    _insert(connection, tables, step, addressee, started)
    if step.event.kind == MISSED.name and step.event.data.author.capacity is Capacity.SERVICE:
        _note_told(connection, tables, step)


def open_clocks(connection: Connection, tables: Tables, child: str) -> tuple[Kept, ...]:
    """Return the clocks of a child that nothing has stopped yet, in the order of their start."""
    clocks = tables.clocks
    chosen = select(clocks).where(clocks.c.child == child, clocks.c.stopped_at.is_(None))
    rows = connection.execute(chosen.order_by(clocks.c.entry, clocks.c.rule)).mappings()
    return tuple(kept_of(row) for row in rows)


def due_clocks(connection: Connection, tables: Tables, now: datetime) -> tuple[Kept, ...]:
    """Return the untold clocks whose time ran out before `now`, the longest due first.

    A clock that was stopped late is among them: it was missed all the same.
    """
    clocks = tables.clocks
    chosen = select(clocks).where(clocks.c.untold.is_(True), clocks.c.due_at < now)
    rows = connection.execute(
        chosen.order_by(clocks.c.due_at, *clocks.primary_key.columns)
    ).mappings()
    return tuple(kept_of(row) for row in rows)


def is_untold(connection: Connection, tables: Tables, kept: Kept) -> bool:
    """Tell whether a manager may still have to hear of `kept`, as the tables stand now."""
    untold = select(tables.clocks.c.untold).where(_place(tables, kept))
    return bool(connection.scalar(untold))


def mark_missed(
    connection: Connection, tables: Tables, now: datetime, clocks: Iterable[Kept]
) -> int:
    """Write down of those `clocks` that still run that they were missed; return how many."""
    table, marked = tables.clocks, 0
    for kept in clocks:
        here = _place(tables, kept)
        running = table.c.state == ClockState.RUNNING.value
        missed = update(table).where(here, running, table.c.due_at < now)
        marked += connection.execute(missed.values(state=ClockState.MISSED.value)).rowcount
    return marked


def note_handed_in(connection: Connection, tables: Tables, clocks: Iterable[Kept]) -> None:
    """Write of those `clocks` whose notice the outbox has handed in that they have been told."""
    for kept in clocks:
        sent = select(OUTBOX.c.id).where(
            OUTBOX.c.id == kept.notice, OUTBOX.c.submitted_at.is_not(None)
        )
        if connection.scalar(sent) is not None:
            told = update(tables.clocks).where(_place(tables, kept))
            connection.execute(told.values(missed_notice=kept.notice, untold=False))


def clock_of(row: RowMapping) -> Clock:
    """Return the contract's clock that a row holds."""
    return Clock.model_validate({name: row[name] for name in Clock.model_fields})


def kept_of(row: RowMapping) -> Kept:
    """Return the clock and its place that a row holds."""
    return Kept(row["entry"], row["practitioner"], clock_of(row))


def _lapsed(before: Journey | None, step: Step) -> frozenset[str]:
    """Return the proposals that nobody can answer any more, though nobody answered them.

    A case that closes without support takes them with it; a family's no has no chaser (003 §3.3).
    """
    were = {proposal.id for proposal in before.proposals} if before else set()
    are = {proposal.id for proposal in step.journey.proposals}
    return frozenset(were - are - {step.event.data.answers})


def _insert(
    connection: Connection,
    tables: Tables,
    step: Step,
    addressee: Addressed,
    started: Iterable[Clock],
) -> None:
    for clock in started:
        row: dict[str, Any] = {
            **clock.model_dump(),
            "entry": step.number,
            "practitioner": addressee.practitioner,
            "state": ClockState.RUNNING.value,
            "untold": True,
        }
        connection.execute(insert(tables.clocks).values(**row))


def _stop(connection: Connection, tables: Tables, kept: Kept, stopped: Clock, step: Step) -> None:
    """Write that `kept` was stopped; one stopped in time no longer has to be told."""
    if stopped.stopped_at is None:
        return
    met = state(stopped, stopped.stopped_at)
    values: dict[str, Any] = {
        "stopped_at": stopped.stopped_at,
        "stopped_by": step.event.id,
        "state": met.value,
    }
    if met is ClockState.MET:
        values["untold"] = False
    connection.execute(update(tables.clocks).where(_place(tables, kept)).values(**values))


def _note_told(connection: Connection, tables: Tables, step: Step) -> None:
    """Write of the clock that a notice names that its manager has been told."""
    clocks = tables.clocks
    missed = StandardMissed.model_validate(step.event.data.content)
    named = select(clocks).where(
        clocks.c.child == step.child,
        clocks.c.message == missed.started_by,
        clocks.c.rule == missed.clock,
    )
    for row in connection.execute(named).mappings().all():
        kept = kept_of(row)
        if kept.notice != step.event.id:
            continue
        told: dict[str, Any] = {
            "missed_notice": step.event.id,
            "notice_entry": step.number,
            "untold": False,
        }
        if row["state"] == ClockState.RUNNING.value:
            told["state"] = ClockState.MISSED.value
        connection.execute(update(clocks).where(_place(tables, kept)).values(**told))


def _place(tables: Tables, kept: Kept) -> ColumnElement[bool]:
    clocks = tables.clocks
    return and_(
        clocks.c.child == kept.clock.child,
        clocks.c.entry == kept.entry,
        clocks.c.rule == kept.clock.rule,
    )
