"""Clocks: which standard of time a message starts or stops, and whether it was kept.

Pure: messages come in as facts, the rules as packs, the time as an argument. A clock runs against
the agency that a message is addressed to, from the instant the message was received.
"""

from datetime import UTC, datetime
from enum import StrEnum

from contracts.identifiers import AgencyId, ChildRef, MessageId
from contracts.rules import ClockRule, RulePacks, StoppedBy, Told
from contracts.rules.packs import Code, EntryId, KindName
from contracts.values import Instant, Value
from contracts.worktime import WorkingCalendar

_ACKNOWLEDGED = "message.acknowledged"


class ClockState(StrEnum):
    """Whether a standard of time is kept; due at 17:00 means that 17:00:00 is still in time."""

    RUNNING = "running"
    MET = "met"
    MET_LATE = "met_late"
    MISSED = "missed"


class MessageFacts(Value):
    """What clocks need to know of an accepted message; never a word of a family.

    `agency` is the one addressed, `received_at` when the message was received, `answers` the
    message it replies to, `concern` its code of concern, `outcome` that of a decision. `replayed`
    marks history that is told afterwards: it starts no clock and stops none. An acknowledgement
    stops only the clock of the agency `sender`: another addressee's is not First Response's.
    """

    message: MessageId
    kind: KindName
    child: ChildRef
    agency: AgencyId
    received_at: Instant
    concern: Code | None = None
    outcome: Code | None = None
    sender: AgencyId | None = None
    answers: MessageId | None = None
    replayed: bool = False


class Clock(Value):
    """One running or stopped clock; all instants are UTC.

    `id` is `<rule>:<message>`, so that working it out again gives the same clock. `told` is the
    place in the directory, at `agency`, that hears of it when the clock is missed.
    """

    id: str
    rule: EntryId
    message: MessageId
    child: ChildRef
    agency: AgencyId
    told: Told
    started_at: Instant
    due_at: Instant
    stopped_at: Instant | None = None


def start(rule: ClockRule, facts: MessageFacts, calendar: WorkingCalendar) -> Clock:
    """Return the clock that `rule` sets running for the message, without asking whether it should.

    Raises HandrailError `time.out-of-range` for a message from outside the calendar's years.
    """
    return Clock(
        id=f"{rule.id}:{facts.message}",
        rule=rule.id,
        message=facts.message,
        child=facts.child,
        agency=facts.agency,
        told=rule.told,
        started_at=facts.received_at.astimezone(UTC),
        due_at=calendar.add(facts.received_at, rule.length, rule.unit),
    )


def stop(clock: Clock, at: datetime) -> Clock:
    """Return `clock` stopped at `at` (aware), never before its start; the first stop holds."""
    if clock.stopped_at is not None:
        return clock
    stopped_at = max(at.astimezone(UTC), clock.started_at)
    return clock.model_copy(update={"stopped_at": stopped_at})


def state(clock: Clock, now: datetime) -> ClockState:
    """Return how `clock` stands at `now` (aware); a stopped clock stands the same for ever."""
    if clock.stopped_at is None:
        return ClockState.RUNNING if now <= clock.due_at else ClockState.MISSED
    return ClockState.MET if clock.stopped_at <= clock.due_at else ClockState.MET_LATE


def clocks_started(
    packs: RulePacks, facts: MessageFacts, calendar: WorkingCalendar
) -> tuple[Clock, ...]:
    """Return the clocks that the message starts, in the order of the rules; often none.

    Raises HandrailError `time.out-of-range` as `start` does.
    """
    if facts.replayed:
        return ()
    return tuple(
        start(rule, facts, calendar) for rule in packs.clocks.values() if _starts(rule, facts)
    )


def clocks_stopped(
    packs: RulePacks, facts: MessageFacts, open_clocks: tuple[Clock, ...]
) -> tuple[Clock, ...]:
    """Return those of `open_clocks` that the message stops, stopped, in the order given.

    A rule stopped by an answer needs the message that answers the one which started the clock; a
    rule stopped by child takes any that came after the start. Both must be about the same child. A
    clock whose rule is in no pack any more stays open, so that a manager hears of it.
    """
    if facts.replayed:
        return ()
    return tuple(
        stop(clock, facts.received_at)
        for clock in open_clocks
        if clock.stopped_at is None and _stops(packs.clocks.get(clock.rule), facts, clock)
    )


def _starts(rule: ClockRule, facts: MessageFacts) -> bool:
    if facts.kind not in rule.starts_on:
        return False
    return rule.when is None or facts.concern in rule.when.concern


def _stops(rule: ClockRule | None, facts: MessageFacts, clock: Clock) -> bool:
    if rule is None or facts.child != clock.child:
        return False
    if facts.outcome in rule.ended_by_outcomes and facts.answers == clock.message:
        return True
    if facts.kind not in rule.stops_on:
        return False
    if rule.stopped_by is StoppedBy.ANSWER:
        own = facts.kind != _ACKNOWLEDGED or facts.sender in (None, clock.agency)
        return facts.answers == clock.message and own
    return facts.received_at >= clock.started_at
