"""The clocks of an evidence file: the tracker's signed word, held against what is proved.

Nobody else can say it in the tracker's name, or say a part of it. That a clock started, and
stopped, is bound to messages of the file and to the instants at which the exchange decided them;
when it was due is worked out anew from the signed rules. What an extension or a pause did is the
tracker's to say.
"""

from collections.abc import Iterable, Iterator, Mapping

from contracts.calendars import Calendars
from contracts.clocks import Clock, state
from contracts.errors import HandrailError
from contracts.event import MAX_AHEAD
from contracts.evidence.findings import Code, Finding
from contracts.evidence.given import Given
from contracts.evidence.report import Leads, Taken, Timed
from contracts.evidence.said import CLOCKS_TYP, EvidenceClock, EvidenceClocks, open_clocks
from contracts.identifiers import agency_of
from contracts.log import revoked_later
from contracts.messages.notices import MISSED
from contracts.rules.in_force import in_force
from contracts.rules.packs import Against, CalendarOf, ClockRule
from contracts.worktime import WorkingCalendar


def said(given: Given) -> tuple[list[EvidenceClocks], list[Finding]]:
    """Return what the tracker signed of clocks, of each reference once, and what it did not."""
    held: dict[str, EvidenceClocks] = {}
    found: list[Finding] = []
    for number, text in enumerate(given.evidence.clocks, start=1):
        one = open_clocks(text, given.directory)
        if one is None:
            found.append(Finding(Code.CLOCKS_NOT_SIGNED, f"clocks {number}"))
        elif held.setdefault(one.child, one) is not one:
            found.append(Finding(Code.CLOCK_TWICE, one.child))
    return list(held.values()), found


def doubtful(given: Given) -> int:
    """Return how much of it is signed by a key of the tracker that was revoked later."""
    texts = given.evidence.clocks
    return sum(revoked_later(text, CLOCKS_TYP, given.directory) for text in texts)


def timed(
    given: Given, said: EvidenceClocks, taken: Iterable[Taken], leads: Iterable[Leads]
) -> tuple[list[Timed], list[Finding]]:
    """Return the clocks of a reference as the tracker says they stand, and what contradicts it."""
    known = {one.message: one for one in taken if one.child == said.child}
    lead = frozenset(agency_of(led.practitioner) for one in leads for led in one.led)
    calendars = _calendars(given, said)
    told: list[Timed] = []
    found = list(_as_a_whole(said, known.values()))
    for number, one in enumerate(said.clocks, start=1):
        wrong = list(_wrong(given, said.child, one, known))
        begun = known.get(one.clock.message)
        if begun is not None and not _may_owe(given, one.clock, begun, known.values(), lead):
            wrong.append(Code.CLOCK_AGENCY)
        due = (
            None if calendars is None or begun is None else _due(given, calendars, one.clock, begun)
        )
        if due is False:
            wrong.append(Code.CLOCK_DUE)
        found += [Finding(code, f"{said.child}, clock {number}") for code in wrong]
        if not wrong:
            told.append(_timed(said, one, known, due=due is True))
    return told, found


def _as_a_whole(said: EvidenceClocks, taken: Iterable[Taken]) -> Iterator[Finding]:
    """Yield what is wrong with all of it: a clock that is there twice, or an answer too old.

    Said before the last message was decided, it says nothing of what that message stopped.
    """
    if len({one.clock.id for one in said.clocks}) < len(said.clocks):
        yield Finding(Code.CLOCK_TWICE, said.child)
    if any(said.at < one.decision.now - MAX_AHEAD for one in taken):
        yield Finding(Code.CLOCK_TIME, said.child)


def _timed(
    said: EvidenceClocks, one: EvidenceClock, known: Mapping[str, Taken], *, due: bool
) -> Timed:
    notice = one.missed_notice or ""
    there = (notice, "") if notice in known else ("", notice)
    return Timed(one.clock, said.at, state(one.clock, said.at), due, *there)


def _may_owe(
    given: Given, clock: Clock, begun: Taken, known: Iterable[Taken], lead: frozenset[str]
) -> bool:
    """Tell whether the agency of a clock may owe what it waits for, by the rule that started it.

    One to whom the message went, or its sender; an agency that led, where the lead owes; and where
    a clock repeats, or its rule is not known any more, one to whom an earlier message went.
    """
    rule = _rule(given, clock)
    if rule is None or rule.against is Against.LEAD:
        lead |= {agency_of(begun.event.signers[0].id)}
        may = {*_parties(begun), *lead}
        return clock.agency in may or given.evidence.message is not None or rule is None
    if clock.agency in _parties(begun) or not rule.repeats:
        return clock.agency in _parties(begun)
    earlier = [one for one in known if one.number < begun.number]
    return given.evidence.message is not None or any(
        clock.agency in _parties(one) for one in earlier
    )


def _parties(taken: Taken) -> frozenset[str]:
    """Return the sender of a message, and everybody to whom it was addressed or delivered."""
    addressed = (to.agency for to in taken.event.data.recipients)
    return frozenset((taken.event.agency, *addressed, *(to.agency for to in taken.decision.to)))


def _calendars(given: Given, said: EvidenceClocks) -> Calendars | None:
    try:
        common = WorkingCalendar(
            closing_time=said.closing_time, extra_closing_days=frozenset(said.closing_days)
        )
    except HandrailError:
        return None
    return Calendars(common, given.directory.agencies)


def _wrong(
    given: Given, child: str, one: EvidenceClock, known: Mapping[str, Taken]
) -> Iterator[Code]:
    clock, part = one.clock, given.evidence.message is not None
    begun = known.get(clock.message)
    if begun is None or clock.child != child or clock.id != f"{clock.rule}:{clock.message}":
        yield Code.CLOCK_MESSAGE
        return
    ended = known.get(clock.stopped_by or "")
    if clock.stopped_by is not None and ended is None and not part:
        yield Code.CLOCK_MESSAGE
    if not _at(clock, begun, ended):
        yield Code.CLOCK_TIME
    notice = known.get(one.missed_notice or "")
    if notice is not None and not _is_notice(given, clock, notice):
        yield Code.CLOCK_NOTICE


def _at(clock: Clock, begun: Taken, ended: Taken | None) -> bool:
    """Tell whether the clock was told of its start and its stop when they were decided."""
    if clock.started_arrived_at != begun.decision.now or clock.started_at > begun.decision.now:
        return False
    if clock.stopped_by is None or clock.stopped_arrived_at is None or clock.stopped_at is None:
        return (clock.stopped_by, clock.stopped_arrived_at, clock.stopped_at) == (None, None, None)
    in_order = clock.started_at <= clock.stopped_at <= clock.stopped_arrived_at
    return in_order and (ended is None or clock.stopped_arrived_at == ended.decision.now)


def _is_notice(given: Given, clock: Clock, notice: Taken) -> bool:
    """Tell whether a message is a service's notice that this clock was missed."""
    if notice.event.kind != MISSED.name:
        return False
    said = notice.event.data.content
    of = (said.get("clock"), said.get("started_by"))
    return of == (clock.rule, clock.message) and notice.event.agency in given.directory.services


def _due(given: Given, calendars: Calendars, clock: Clock, begun: Taken) -> bool | None:
    """Tell whether the clock was due when its rule says; None where the rule alone does not say.

    What was passed on is due as before, by the calendar of whoever owed it first: one of those to
    whom the message went, or its sender.
    """
    rule = _rule(given, clock)
    if rule is None or rule.length is None or rule.unit is None or clock.extensions or clock.pauses:
        return None
    owed: list[str | None] = [None]
    if rule.calendar is CalendarOf.AGENCY:
        owed = [clock.agency, begun.event.agency, *(to.agency for to in begun.decision.to)]
    try:
        return any(
            calendars.add(owes, clock.started_at, rule.length, rule.unit) == clock.due_at
            for owes in dict.fromkeys(owed)
        )
    except HandrailError:
        return None


def _rule(given: Given, clock: Clock) -> ClockRule | None:
    try:
        return in_force(given.directory, clock.started_arrived_at).clocks.get(clock.rule)
    except HandrailError:
        return None
