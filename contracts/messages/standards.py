"""What people say about a standard of time: why it was missed, that it is extended or paused.

000 l.37 asks for the reason and for the manager to know; the York matrix lets a postponement be
authorised by name. A clock is named by its rule and the message that started it; whether it runs,
and whose it is, the tracker knows, and it heeds a message only where that fits.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum

from contracts.consents import SHARING_BASES, BasisKind
from contracts.identifiers import MessageId
from contracts.journey import Journey, Standard
from contracts.kinds import Fold, Guard, Kind, Situation, Step
from contracts.messages.guards import needs_statement
from contracts.messages.managers import manager_signs
from contracts.messages.notices import ClockName
from contracts.messages.standing import has_a_part
from contracts.reasons import Refusal
from contracts.rules.packs import Against, ClockRule
from contracts.values import Instant, Value

_OVER = frozenset({"missed", "explained"})
"""How a clock stands that has run out: nothing moves its end any more."""

LONGEST = timedelta(days=366)
"""How far ahead an extension may reach."""
MOST_PAUSED = 8
"""How many clocks about one child one agency may have paused at a time."""


class Cause(StrEnum):
    """Why a standard was missed; the words are a statement."""

    WORKLOAD = "workload"
    ABSENCE = "absence"
    FAMILY_UNAVAILABLE = "family_unavailable"
    INFORMATION_AWAITED = "information_awaited"
    SYSTEM = "system"
    OTHER = "other"


class Ground(StrEnum):
    """On what ground a clock is given longer or paused."""

    FAMILY_UNAVAILABLE = "family_unavailable"
    FAMILY_WISHES = "family_wishes"
    INFORMATION_AWAITED = "information_awaited"
    COURT_OR_POLICE = "court_or_police"
    AGREED_AT_MEETING = "agreed_at_meeting"
    OTHER = "other"


class OneClock(Value):
    """A clock: the id of its rule and the message that started it."""

    clock: ClockName
    started_by: MessageId


class StandardExplained(OneClock):
    """Why a standard was missed; the reason in words is the statement `standard.reason`."""

    cause: Cause


class StandardExtended(OneClock):
    """That a clock now ends at the instant `until`, at most a year ahead."""

    until: Instant
    because: Ground


class StandardPaused(OneClock):
    """That a clock stands still until it is resumed."""

    because: Ground


class StandardResumed(OneClock):
    """That a paused clock runs again."""


def _clock_is_known(s: Situation) -> Iterator[Refusal]:
    """Refuse to speak of a clock that no rule in force has, or that no known message started.

    A journey remembers requests, what is open and its latest messages, and every clock that
    somebody was warned of, told of, or changed; an older clock can be named from its warning on.
    """
    content = s.message.content
    if content.clock not in _clocks(s):
        yield Refusal("standard.unknown", "content.clock")
    if s.journey is not None and not _known(s.journey, content):
        yield Refusal("standard.unknown", "content.started_by")


def _clocks(s: Situation) -> Mapping[str, ClockRule]:
    # What is in force is checked against all kinds, these among them.
    from contracts.rules.in_force import in_force  # noqa: PLC0415

    return in_force(s.directory, s.now).clocks


def _known(journey: Journey, clock: OneClock) -> bool:
    return standing_of(journey, clock) != "" or clock.started_by in _messages(journey)


def _messages(journey: Journey) -> set[str]:
    lead = {journey.lead.by} if journey.lead else set[str]()
    assessed = {journey.assessment.request} if journey.assessment else set[str]()
    several = (journey.requests, journey.proposals, journey.meetings, journey.recent)
    return {one.id for group in several for one in group} | lead | assessed


def standing_of(journey: Journey, clock: OneClock) -> str:
    """Return how the journey last heard of a clock, such as `missed`, or "" where it did not."""
    named = (clock.clock, clock.started_by)
    found = (s.state for s in journey.standards if (s.clock, s.started_by) == named)
    return next(found, "")


def _is_theirs(s: Situation) -> Iterator[Refusal]:
    """Refuse an agency that does not owe the standard: the tracker would take no word of it."""
    if s.journey is None:
        return
    owing = _owing(s.journey, s.message.content, _clocks(s).get(s.message.content.clock))
    if owing and s.event.agency not in owing:
        yield Refusal("standard.not-yours")


def _owing(journey: Journey, clock: OneClock, rule: ClockRule | None) -> frozenset[str]:
    """Return the agencies that may owe the standard; none where the start is no longer known."""
    lead = frozenset({journey.lead.agency} if journey.lead else ())
    if rule is not None and rule.against is Against.LEAD:
        return lead
    request, sent = journey.request(clock.started_by), journey.sent(clock.started_by)
    known = [one for one in (request, sent) if one is not None]
    senders = frozenset(one.agency for one in known)
    if rule is not None and rule.against is Against.SENDER:
        return senders
    # What is written down for a caller goes to nobody: then whoever wrote it owes the answer.
    return frozenset(a for one in known for a in one.to) or senders


def _was_missed(s: Situation) -> Iterator[Refusal]:
    """Refuse a reason for missing what nobody was told is missed: it would stand for a miss."""
    if any(_clock_is_known(s)) or any(_is_theirs(s)):
        return
    if s.journey is not None and standing_of(s.journey, s.message.content) not in _OVER:
        yield Refusal("standard.not-missed")


def _authorised(s: Situation) -> Iterator[Refusal]:
    """Refuse without the signature of whom the rule lets authorise it; some let nobody."""
    rule = _clocks(s).get(s.message.content.clock)
    if rule is None:
        return
    if not rule.extendable_by:
        yield Refusal("standard.not-extendable")
    elif not manager_signs(s, rule.extendable_by):
        yield Refusal("standard.needs-manager")


def _until_is_ahead(s: Situation) -> Iterator[Refusal]:
    if not s.now < s.message.content.until <= s.now + LONGEST:
        yield Refusal("standard.until", "content.until")


def _is_paused(*, expected: bool) -> Guard:
    def guard(s: Situation) -> Iterator[Refusal]:
        standing = standing_of(s.journey, s.message.content) if s.journey else ""
        if (standing == "paused") is not expected:
            yield Refusal("standard.not-paused" if expected else "standard.already-paused")

    return guard


def _fold_to(state: str) -> Fold:
    def fold(journey: Journey, step: Step) -> Journey:
        content, agency = step.content, step.event.agency
        if state != "explained" and standing_of(journey, content) in _OVER:
            return journey.with_involved(agency)
        known = Standard(content.clock, content.started_by, state, agency)
        return journey.with_standard(known).with_involved(agency)

    return fold


def _pauses_few(s: Situation) -> Iterator[Refusal]:
    """Refuse to pause without end: what is paused is never let go, so that it can be resumed."""
    paused = [p for p in s.journey.standards if p.state == "paused"] if s.journey else []
    if sum(p.by == s.event.agency for p in paused) >= MOST_PAUSED:
        yield Refusal("journey.full")


_NAMES_A_CLOCK: tuple[Guard, ...] = (has_a_part, _clock_is_known, _is_theirs)

EXPLAINED = Kind(
    name="standard.explained",
    title="Why a standard was missed",
    cites="000 l.37",
    content=StandardExplained,
    fold=_fold_to("explained"),
    bases=SHARING_BASES,
    addressed=False,
    guards=(*_NAMES_A_CLOCK, _was_missed, needs_statement("standard.reason")),
)

EXTENDED = Kind(
    name="standard.extended",
    title="A standard is given more time",
    cites="002: reviewing (postponement authorised)",
    content=StandardExtended,
    fold=_fold_to("extended"),
    addressed=False,
    guards=(*_NAMES_A_CLOCK, _authorised, _until_is_ahead),
)

PAUSED = Kind(
    name="standard.paused",
    title="A clock is paused",
    cites="002: reviewing (postponement authorised)",
    content=StandardPaused,
    fold=_fold_to("paused"),
    addressed=False,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(*_NAMES_A_CLOCK, _authorised, _is_paused(expected=False), _pauses_few),
)

RESUMED = Kind(
    name="standard.resumed",
    title="A paused clock runs again",
    cites="002: reviewing (postponement authorised)",
    content=StandardResumed,
    fold=_fold_to("resumed"),
    addressed=False,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(*_NAMES_A_CLOCK, _is_paused(expected=True)),
)

KINDS = (EXPLAINED, EXTENDED, PAUSED, RESUMED)
