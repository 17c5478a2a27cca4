"""Clocks: one standard of time that runs, and what may become of it.

Pure: the time is an argument. Of what starts and of what stops a clock both instants are kept: when
it took place and when it arrived. By the first a standard is kept or missed, by the second it was
known. Which message does what to which clock is the rules' to say (`contracts.clock_rules`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Self

from contracts.identifiers import AgencyId, ChildRef, HolderId, MessageId, PractitionerId
from contracts.rules.packs import Code, EntryId, Told
from contracts.values import Instant, Value


class ClockState(StrEnum):
    """Whether a standard of time is kept; due at 17:00 means that 17:00:00 is still in time.

    An ended clock was neither kept nor missed: what it waited for was no longer to come.
    """

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MET_LATE = "met_late"
    MISSED = "missed"
    ENDED = "ended"


class Extension(Value):
    """An extension that was asked for: by whom, from and to when it is due, and why.

    One without effect was not authorised, came too late or moved nothing on.
    """

    message: MessageId
    by: HolderId
    at: Instant
    was_due_at: Instant
    until: Instant
    because: str
    effective: bool


class Pause(Value):
    """A pause: by whom, since and until when, and why; one without effect let the clock run on."""

    message: MessageId
    by: HolderId
    at: Instant
    because: str
    effective: bool
    until: Instant | None = None


class Clock(Value):
    """One clock; all instants are UTC.

    `id` is `<rule>:<message>`, so that working it out again gives the same clock. `agency` and the
    `practitioner` there owe what it waits for; `told_agency` and `told_practitioner` say whose
    manager hears of a miss. `original_due_at` is when it was due before any extension or pause.
    """

    id: str
    rule: EntryId
    message: MessageId
    child: ChildRef
    agency: AgencyId
    practitioner: PractitionerId | None = None
    told: Told
    told_agency: AgencyId
    told_practitioner: PractitionerId | None = None
    started_at: Instant
    started_arrived_at: Instant
    due_at: Instant
    original_due_at: Instant
    warn_at: Instant | None = None
    stopped_at: Instant | None = None
    stopped_arrived_at: Instant | None = None
    stopped_by: MessageId | None = None
    ended: bool = False
    extensions: tuple[Extension, ...] = ()
    pauses: tuple[Pause, ...] = ()
    explained_by: HolderId | None = None
    explained_at: Instant | None = None
    explained_cause: Code | None = None

    @property
    def pause(self) -> Pause | None:
        """Return the pause that the clock stands still in, or None."""
        return next((p for p in self.pauses if p.effective and p.until is None), None)

    @property
    def evidence_late(self) -> bool:
        """Tell whether it was kept in time, which was known only after it was due."""
        if self.stopped_at is None or self.stopped_arrived_at is None or self.ended:
            return False
        return self.stopped_at <= self.due_at < self.stopped_arrived_at

    def changed(self, **fields: object) -> Self:
        """Return the clock with these fields replaced; give values of their own types."""
        return self.model_copy(update=fields)


def state(clock: Clock, now: datetime) -> ClockState:
    """Return how `clock` stands at `now` (aware); a stopped clock stands the same for ever."""
    if clock.stopped_at is None:
        if clock.pause is not None:
            return ClockState.PAUSED
        return ClockState.RUNNING if now <= clock.due_at else ClockState.MISSED
    if clock.ended:
        return ClockState.ENDED if clock.stopped_at <= clock.due_at else ClockState.MISSED
    return ClockState.MET if clock.stopped_at <= clock.due_at else ClockState.MET_LATE


def happened_at(occurred: datetime | None, arrived: datetime) -> datetime:
    """Return when what a message reports took place, as far as its arrival allows.

    Without an instant of its own it took place on arrival; nothing takes place after it has been
    reported, so a later instant counts as the arrival.
    """
    return arrived if occurred is None else min(occurred, arrived)


def stop(
    clock: Clock, message: str, at: datetime, arrived: datetime, *, ended: bool = False
) -> Clock:
    """Return `clock` stopped by `message`, which took place at `at` and arrived at `arrived`.

    Never before its start. The earliest evidence holds, in whatever order it arrives, and evidence
    goes before an end without any.
    """
    stopped_at = max(at, clock.started_at)
    if clock.stopped_at is not None and (ended or stopped_at >= clock.stopped_at):
        return clock
    return clock.changed(
        stopped_at=stopped_at, stopped_arrived_at=arrived, stopped_by=message, ended=ended
    )


def explain(clock: Clock, by: str, at: datetime, cause: str) -> Clock:
    """Return `clock` with the reason why it was not kept: by whom, when and which cause."""
    return clock.changed(explained_by=by, explained_at=at, explained_cause=cause)


def passed_on(clock: Clock, at: datetime, agency: str, practitioner: str | None) -> Clock:
    """Return `clock` owed by another from `at` on, due as before; what ran out stays whose it was.

    Where the receiving manager is told, it is the one of the agency that owes now.
    """
    if state(clock, at) not in (ClockState.RUNNING, ClockState.PAUSED):
        return clock
    moved = clock.changed(agency=agency, practitioner=practitioner)
    if clock.told is not Told.RECEIVING_MANAGER:
        return moved
    return moved.changed(told_agency=agency, told_practitioner=practitioner)
