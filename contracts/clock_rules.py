"""What each message does to clocks: start, stop, end, extend, pause, go on, start anew.

Pure: messages come in as facts, the rule of a clock as it was in force when the clock started, so
that a later pack never judges what began under an earlier one. Who owes what a clock waits for is
the rule's to say (`against`), and by whose working days it runs (`calendar`).
"""

from datetime import UTC, datetime

from contracts.calendars import Calendars
from contracts.clock_facts import Asked, MessageFacts, Party
from contracts.clocks import Clock, Extension, Pause, state, stop
from contracts.clocks import ClockState as State
from contracts.errors import HandrailError
from contracts.event import Signer
from contracts.identifiers import agency_of
from contracts.roles import Level
from contracts.rules.packs import (
    Against,
    CalendarOf,
    ClockRule,
    RunsFrom,
    StoppedBy,
    Told,
    matches,
)
from contracts.worktime import Unit

_ACKNOWLEDGED = "message.acknowledged"
_TELLING = frozenset({"people.told", "people.not-told"})


def starts(rule: ClockRule, facts: MessageFacts) -> bool:
    """Tell whether the message sets a clock of `rule` running."""
    if facts.replayed or facts.kind not in rule.starts_on:
        return False
    if rule.questions and _has_answers(rule, facts, facts.received_at):
        return False
    return matches(rule.when, facts.codes) and _is_at(rule, facts.level)


def start(
    rule: ClockRule, facts: MessageFacts, calendars: Calendars, again: Clock | None = None
) -> Clock | None:
    """Return the clock of `rule` that runs from the message, without asking whether it should.

    `again` is the clock that the message stopped and starts anew: where the receiver owed, the same
    one owes still. None where `due_field` names no instant in the content. Raises HandrailError
    `time.out-of-range` for a message that arrived outside the calendar's years.
    """
    arrived = facts.received_at.astimezone(UTC)
    started_at = facts.happened_at if rule.runs_from is RunsFrom.OCCURRED else arrived
    owes, told = _owes(rule, facts, again), _told(rule, facts, again)
    due_at = _due(rule, facts, calendars, owes.agency, started_at)
    if due_at is None:
        return None
    return Clock(
        id=f"{rule.id}:{facts.message}",
        rule=rule.id,
        message=facts.message,
        child=facts.child,
        agency=owes.agency,
        practitioner=owes.practitioner,
        told=rule.told,
        told_agency=told.agency,
        told_practitioner=told.practitioner,
        started_at=started_at,
        started_arrived_at=arrived,
        due_at=due_at,
        original_due_at=due_at,
        warn_at=_warn_at(rule, calendars, owes.agency, started_at, due_at),
    )


def stopped(rule: ClockRule, facts: MessageFacts, clock: Clock, calendars: Calendars) -> Clock:
    """Return `clock` as the message leaves it: stopped, ended, or as it was.

    A rule stopped by an answer needs the message that answers the one which started the clock; a
    rule stopped by child takes any that took place after the start. What is reported in time
    counts as in time, however late the report is. A level outside `while_at`, and an outcome of
    `ended_by_outcomes`, end the clock: what it waits for is no longer to come.
    """
    if facts.replayed or facts.child != clock.child or facts.message == clock.message:
        return clock
    at, arrived = facts.happened_at, facts.received_at.astimezone(UTC)
    if _stops(rule, facts, clock):
        return stop(_going_on(rule, clock, at, calendars), facts.message, at, arrived)
    answered = facts.answers == clock.message
    over = answered and facts.codes.get("outcome") in rule.ended_by_outcomes
    if over or _ends(rule, facts, clock) or not _is_at(rule, facts.level):
        return ended(rule, clock, facts.message, arrived, calendars)
    return clock


def ended(rule: ClockRule, clock: Clock, message: str, at: datetime, calendars: Calendars) -> Clock:
    """Return `clock` ended at `at` because what it waits for is no longer to come."""
    return stop(_going_on(rule, clock, at, calendars), message, at, at, ended=True)


def extended(
    rule: ClockRule, clock: Clock, asked: Asked, until: datetime, calendars: Calendars
) -> Clock:
    """Return `clock` due at `until`, if somebody may say so; what was asked is kept in any case.

    It has effect only while the clock runs and is not due yet, when it moves the end on, and when
    it is signed in a capacity of `extendable_by` at the agency that owes (002, postponement).
    """
    by = _authority(rule, clock, asked)
    runs = state(clock, asked.at) in (State.RUNNING, State.PAUSED)
    effective = by is not None and runs and until > clock.due_at
    kept = Extension(
        message=asked.message,
        by=(by or asked.signers[0]).id,
        at=asked.at,
        was_due_at=clock.due_at,
        until=until,
        because=asked.because,
        effective=effective,
    )
    clock = clock.changed(extensions=(*clock.extensions, kept))
    return _due_at(rule, clock, until.astimezone(UTC), calendars) if effective else clock


def paused(rule: ClockRule, clock: Clock, asked: Asked) -> Clock:
    """Return `clock` standing still since `asked.at`, if somebody may say so; kept in any case.

    Whoever may extend a standard may pause it, and nobody else: a pause is worth an extension.
    """
    by = _authority(rule, clock, asked)
    kept = Pause(
        message=asked.message,
        by=(by or asked.signers[0]).id,
        at=asked.at,
        because=asked.because,
        effective=by is not None and state(clock, asked.at) is State.RUNNING,
    )
    return clock.changed(pauses=(*clock.pauses, kept))


def resumed(rule: ClockRule, clock: Clock, asked: Asked, calendars: Calendars) -> Clock:
    """Return `clock` running on from `asked.at`, due later by the time it stood still.

    Anybody at the agency that owes may have it go on. A clock that is not paused is left as it is.
    """
    if agency_of(asked.signers[0].id) != clock.agency or clock.stopped_at is not None:
        return clock
    return _going_on(rule, clock, asked.at.astimezone(UTC), calendars)


def _going_on(rule: ClockRule, clock: Clock, at: datetime, calendars: Calendars) -> Clock:
    """Return `clock` after its pause, if it stands still and the pause began before `at`."""
    pause = clock.pause
    if pause is None or at < pause.at:
        return clock
    over = tuple(p.model_copy(update={"until": at}) if p is pause else p for p in clock.pauses)
    unit = rule.unit or Unit.CALENDAR_DAYS
    try:
        calendar = calendars.of(clock.agency) if _is_own(rule) else calendars.common
        due_at = calendar.move(clock.due_at, pause.at, at, unit)
    except HandrailError:
        due_at = clock.due_at + (at - pause.at)
    return _due_at(rule, clock.changed(pauses=over), due_at, calendars)


def _due_at(rule: ClockRule, clock: Clock, due_at: datetime, calendars: Calendars) -> Clock:
    warn_at = _warn_at(rule, calendars, clock.agency, clock.started_at, due_at)
    return clock.changed(due_at=due_at, warn_at=warn_at)


def _stops(rule: ClockRule, facts: MessageFacts, clock: Clock) -> bool:
    if facts.kind not in rule.stops_on or not matches(rule.stop_when, facts.codes):
        return False
    if rule.questions and not _has_answers(rule, facts, clock.started_arrived_at):
        return False
    if facts.kind in _TELLING and not _tells(facts, clock):
        return False
    if rule.stopped_by is StoppedBy.CHILD:
        return facts.happened_at >= clock.started_at
    # Another addressee's acknowledgement is not the acknowledgement of who owes it.
    sender = facts.sender.agency if facts.sender else None
    owed = facts.kind == _ACKNOWLEDGED and rule.against is Against.RECEIVER
    own = not owed or sender in (None, clock.agency)
    return facts.answers == clock.message and own


def _tells(facts: MessageFacts, clock: Clock) -> bool:
    """Tell whether word of telling somebody counts: not from before there was anything to tell.

    It comes from who owed it, who decided, who leads, or who assesses, for the social worker is in
    touch with the family (003 §2.7); people say the time to the minute.
    """
    lead = facts.lead.agency if facts.lead else None
    by = facts.sender.agency if facts.sender else clock.agency
    since = clock.started_at.replace(second=0, microsecond=0)
    theirs = (clock.agency, clock.told_agency, lead, *facts.holders)
    return by in theirs and facts.happened_at >= since


def _ends(rule: ClockRule, facts: MessageFacts, clock: Clock) -> bool:
    since = facts.happened_at >= clock.started_at
    return since and any(e.on == facts.kind and matches(e.when, facts.codes) for e in rule.ends)


def _has_answers(rule: ClockRule, facts: MessageFacts, since: datetime) -> bool:
    """Tell whether all `questions` of the rule have been answered on or after the day `since`."""
    day = since.astimezone(UTC).date().isoformat()
    return all(facts.answered.get(question, "") >= day for question in rule.questions)


def _is_at(rule: ClockRule, level: Level | None) -> bool:
    return not rule.while_at or level is None or level in rule.while_at


def _is_own(rule: ClockRule) -> bool:
    return rule.calendar is CalendarOf.AGENCY


def _owes(rule: ClockRule, facts: MessageFacts, again: Clock | None) -> Party:
    match rule.against:
        case Against.SENDER:
            return facts.sender or facts.receiver
        case Against.LEAD:
            return facts.lead or facts.receiver
        case Against.RECEIVER if again is not None:
            return Party(agency=again.agency, practitioner=again.practitioner)
        case Against.RECEIVER:
            return facts.receiver


def _told(rule: ClockRule, facts: MessageFacts, again: Clock | None) -> Party:
    match rule.told:
        case Told.SENDING_MANAGER:
            return facts.sender or facts.receiver
        case Told.LEAD_MANAGER:
            return facts.lead or facts.receiver
        case Told.RECEIVING_MANAGER if again is not None:
            return Party(agency=again.told_agency, practitioner=again.told_practitioner)
        case Told.RECEIVING_MANAGER:
            return facts.receiver


def _due(
    rule: ClockRule, facts: MessageFacts, calendars: Calendars, owes: str, started_at: datetime
) -> datetime | None:
    if rule.length is not None and rule.unit is not None:
        return calendars.add(owes if _is_own(rule) else None, started_at, rule.length, rule.unit)
    said = facts.codes.get(rule.due_field or "")
    try:
        due_at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return due_at.astimezone(UTC) if due_at is not None and due_at.tzinfo else None


def _warn_at(
    rule: ClockRule, calendars: Calendars, owes: str, started_at: datetime, due_at: datetime
) -> datetime | None:
    """Return when the one who owes is reminded; None where that would be before the start."""
    if rule.warn is None:
        return None
    calendar = calendars.of(owes) if _is_own(rule) else calendars.common
    try:
        at = calendar.before(due_at, rule.warn.length, rule.warn.unit)
    except HandrailError:
        return None
    return at if at > started_at else None


def _authority(rule: ClockRule, clock: Clock, asked: Asked) -> Signer | None:
    """Return who signed, at the agency that owes, in a capacity that may extend; else None."""
    for signer in asked.signers:
        if signer.capacity in rule.extendable_by and agency_of(signer.id) == clock.agency:
            return signer
    return None
