"""Rows of clocks: how the contract's clock is kept, found and changed."""

from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select, update

from contracts.clocks import Clock, ClockState, state
from services.tracker.notices import notice_id, warning_id
from services.tracker.store import Tables, insert_new

_AS_JSON: Final = frozenset({"extensions", "pauses"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A clock with its place, and what has been said about it.

    `entry` started it. `declared` tells that it was written down as missed; `missed` and `warned`
    are the notices handed in about it.
    """

    entry: int
    clock: Clock
    declared: bool = False
    missed: str | None = None
    warned: str | None = None

    @property
    def notice(self) -> str:
        """Return the id of the notice that it was missed, the same at every rebuild."""
        return notice_id(self.clock, self.entry)

    @property
    def warning(self) -> str:
        """Return the id of the notice that it is about to be missed."""
        return warning_id(self.clock, self.entry)


def kept_of(row: RowMapping) -> Kept:
    """Return the clock and its place that a row holds."""
    return Kept(
        entry=row["entry"],
        clock=clock_of(row),
        declared=row["state"] == ClockState.MISSED.value,
        missed=row["missed_notice"],
        warned=row["warned_notice"],
    )


def clock_of(row: RowMapping) -> Clock:
    """Return the contract's clock that a row holds."""
    return Clock.model_validate({name: row[name] for name in Clock.model_fields})


def all_of(connection: Connection, tables: Tables, where: ColumnElement[bool]) -> tuple[Kept, ...]:
    """Return the clocks that meet a condition, in the order of their start."""
    clocks = tables.clocks
    chosen = select(clocks).where(where).order_by(clocks.c.entry, clocks.c.rule)
    return tuple(kept_of(row) for row in connection.execute(chosen).mappings().all())


def place(tables: Tables, kept: Kept) -> ColumnElement[bool]:
    """Return the condition that finds the row of a clock."""
    clocks = tables.clocks
    return and_(
        clocks.c.child == kept.clock.child,
        clocks.c.entry == kept.entry,
        clocks.c.rule == kept.clock.rule,
    )


def add(connection: Connection, tables: Tables, kept: Kept) -> bool:
    """Write a clock that has just started; tell whether there was none in its place."""
    row = {"entry": kept.entry, **_row(kept)}
    return insert_new(connection, tables.clocks, row)


def change(connection: Connection, tables: Tables, kept: Kept, after: Clock) -> None:
    """Write that the clock of `kept` has become `after`.

    What was declared missed stays so until it turns out to be kept or is due at another time.
    """
    declared = kept.declared and after.due_at == kept.clock.due_at
    row = _row(replace(kept, clock=after, declared=declared))
    connection.execute(update(tables.clocks).where(place(tables, kept)), row)


def _row(kept: Kept) -> dict[str, Any]:
    """Return the columns that follow from a clock and from what has been said about it.

    A clock that runs is declared missed by the ticker alone, once its journey is followed.
    """
    clock = kept.clock
    stands = state(clock, clock.due_at)
    if stands is ClockState.RUNNING and kept.declared:
        stands = ClockState.MISSED
    owed = stands in (ClockState.RUNNING, ClockState.MISSED, ClockState.MET_LATE)
    waits = stands is ClockState.RUNNING and clock.warn_at is not None
    return {
        **clock.model_dump(exclude=set(_AS_JSON)),
        **clock.model_dump(include=set(_AS_JSON), mode="json"),
        "evidence_late": clock.evidence_late,
        "state": stands.value,
        "untold": owed and kept.missed is None,
        "unwarned": waits and kept.warned is None,
    }
