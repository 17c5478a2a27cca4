"""Meetings about a child: called, held, put off (003 §§2.8, 2.9, 3.4, 4.3, 5.5; 000 l.111).

Brothers and sisters share one meeting: each has a message of its own, and all name the same `ref`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.event import MAX_AHEAD
from contracts.identifiers import MessageId
from contracts.journey import Journey, Meeting
from contracts.journey_bounds import MOST_MEETINGS, kept_meetings
from contracts.kinds import Kind, Situation, Step, iso
from contracts.messages.managers import manager_signs
from contracts.messages.plans import after_conference, happened, known_without_recipients
from contracts.messages.standing import CARE, CHOSEN, has_a_part, has_declined, left_out
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level
from contracts.values import Instant, Value

_FURTHEST = timedelta(days=366)


class MeetingKind(StrEnum):
    """What kind of meeting it is (003 §§2.8, 2.9, 3.4, 4.3; 000 l.111, l.121)."""

    TEAM_AROUND_THE_CHILD = "team_around_the_child"
    CHILD_IN_NEED = "child_in_need"
    CONFERENCE = "child_protection_conference"
    CORE_GROUP = "core_group"
    STRATEGY_DISCUSSION = "strategy_discussion"
    CHILD_IN_NEED_REVIEW = "child_in_need_review"
    PROTECTION_REVIEW = "protection_review"


class MeetingOutcome(StrEnum):
    """What a meeting came to; the plan itself and the minutes are statements."""

    CONTINUE = "continue"
    PROTECTION_PLAN = "protection_plan"
    NO_PLAN = "no_plan"
    STEP_DOWN = "step_down"
    CLOSE = "close"
    NONE = "none"


class WhyPostponed(StrEnum):
    """Why a meeting is put off."""

    FAMILY_UNAVAILABLE = "family_unavailable"
    PROFESSIONAL_UNAVAILABLE = "professional_unavailable"
    CHAIR_UNAVAILABLE = "chair_unavailable"
    REPORTS_NOT_READY = "reports_not_ready"
    OTHER = "other"


class MeetingConvened(Value):
    """An invitation: the recipients are the agencies invited. `ref` names the meeting itself."""

    meeting: MeetingKind
    ref: MessageId
    takes_place_at: Instant


class MeetingHeld(Value):
    """That a meeting took place, at the event's `occurred_at`, and what it came to."""

    meeting: MeetingKind
    ref: MessageId
    outcome: MeetingOutcome


class MeetingPostponed(Value):
    """That a meeting is put off to `takes_place_at`, as a manager authorised (York matrix)."""

    ref: MessageId
    takes_place_at: Instant
    because: WhyPostponed


_K, _O = MeetingKind, MeetingOutcome
_OUTCOMES = {
    _K.TEAM_AROUND_THE_CHILD: {_O.CONTINUE, _O.CLOSE, _O.NONE},
    _K.CHILD_IN_NEED: {_O.CONTINUE, _O.STEP_DOWN, _O.CLOSE, _O.NONE},
    _K.CHILD_IN_NEED_REVIEW: {_O.CONTINUE, _O.STEP_DOWN, _O.CLOSE, _O.NONE},
    _K.CONFERENCE: {_O.PROTECTION_PLAN, _O.NO_PLAN},
    _K.PROTECTION_REVIEW: {_O.CONTINUE, _O.NO_PLAN},
    _K.CORE_GROUP: {_O.CONTINUE, _O.NONE},
    _K.STRATEGY_DISCUSSION: {_O.CONTINUE, _O.NONE},
}
_LEVELS = {
    _K.CHILD_IN_NEED: Level.CHILD_IN_NEED,
    _K.CHILD_IN_NEED_REVIEW: Level.CHILD_IN_NEED,
    _K.CORE_GROUP: Level.CHILD_PROTECTION,
    _K.PROTECTION_REVIEW: Level.CHILD_PROTECTION,
}
REVIEWS = frozenset({_K.CHILD_IN_NEED_REVIEW, _K.PROTECTION_REVIEW})
_NEVER_REFUSED = frozenset({_K.CONFERENCE, _K.STRATEGY_DISCUSSION, _K.CHILD_IN_NEED})
_MOST_EACH = 4
"""How many open meetings an agency outside social care may have called."""
_OF_MEMBERS = frozenset({_K.CORE_GROUP, _K.STRATEGY_DISCUSSION})


def invitees(s: Situation, meeting: str) -> tuple[str, ...]:
    """Return the agencies that must be invited to a meeting of that kind (003 §2.8).

    Everybody involved, but a core group and a strategy discussion, whose members are chosen; and
    to a Team Around the Child no social care that has no open case (§2.6: it goes on as before).
    """
    journey = s.journey
    if journey is None or meeting in _OF_MEMBERS:
        return ()
    if meeting == _K.TEAM_AROUND_THE_CHILD and not journey.case_open:
        return tuple(a for a in journey.involved if s.role_of(a) not in CARE)
    return journey.involved


def _by_its_role(s: Situation, meeting: str) -> Iterator[Refusal]:
    """Refuse an agency outside social care that calls or reports social care's meetings."""
    role = s.role_of(s.event.agency)
    if meeting != _K.TEAM_AROUND_THE_CHILD and role is not None and role not in CARE:
        yield Refusal("message.role-may-not", role.value)


def _has_its_occasion(s: Situation) -> Iterator[Refusal]:
    """Refuse a meeting that belongs to another level of help than the child is at."""
    journey, meeting = s.journey, s.message.content.meeting
    yield from _by_its_role(s, meeting)
    if journey is None:
        return
    if meeting is _K.TEAM_AROUND_THE_CHILD:
        yield from _team_exists(s)
    elif meeting is _K.CONFERENCE and not journey.case_open:
        yield Refusal("case.not-open")
    elif _LEVELS.get(meeting, journey.level) is not journey.level:
        yield Refusal("meeting.level")


def _team_exists(s: Situation) -> Iterator[Refusal]:
    """Refuse a Team Around the Child where there is none and the family has not asked for one."""
    journey = s.journey
    if journey is None or journey.level is Level.EARLY_HELP:
        return
    if has_declined(s):
        yield Refusal("family.declined")
    elif journey.level is Level.UNIVERSAL and journey.lead is None and journey.support != CHOSEN:
        yield Refusal("meeting.level")


def _is_to_come(s: Situation) -> Iterator[Refusal]:
    """Refuse a day before the invitation, or more than a year after it."""
    at = s.message.content.takes_place_at
    meeting = getattr(s.message.content, "meeting", None)
    if not s.event.time - _early(meeting) <= at <= s.event.time + _FURTHEST:
        yield Refusal("message.wrong-content", "content.takes_place_at")


def _is_a_new_one(s: Situation) -> Iterator[Refusal]:
    journey = s.journey
    if journey is None:
        return
    if _open_meeting(journey, s.message.content.ref) is not None:
        yield Refusal("meeting.already-convened")
    yield from _has_room(s, journey)


def _has_room(s: Situation, journey: Journey) -> Iterator[Refusal]:
    """Refuse many open meetings of one agency, and of teams; never what a child cannot wait for."""
    care, meeting = s.role_of(s.event.agency) in CARE, s.message.content.meeting
    if care and meeting in _NEVER_REFUSED:
        return
    own = sum(m.by == s.event.agency for m in journey.meetings)
    teams = sum(m.kind == _K.TEAM_AROUND_THE_CHILD for m in journey.meetings)
    if own >= (MOST_MEETINGS if care else _MOST_EACH) or teams >= MOST_MEETINGS:
        yield Refusal("journey.full")


def _invites_everybody(s: Situation) -> Iterator[Refusal]:
    yield from left_out(s, invitees(s, s.message.content.meeting))


def _open_meeting(journey: Journey, ref: str) -> Meeting | None:
    return next((m for m in journey.meetings if m.ref == ref), None)


def _was_convened(s: Situation) -> Iterator[Refusal]:
    """Refuse word of a meeting that nobody called, or of another kind than was called."""
    content = s.message.content
    known = _open_meeting(s.journey, content.ref) if s.journey else None
    if known is None or getattr(content, "meeting", known.kind) != known.kind:
        yield Refusal("meeting.unknown")
    elif s.has_part:
        yield from _by_its_role(s, known.kind)
        if not _theirs(s, known):
            yield Refusal("meeting.not-yours")


def _theirs(s: Situation, meeting: Meeting) -> bool:
    """Tell whether the sender called the meeting, leads, or is social care."""
    lead = s.journey.lead if s.journey else None
    leads = lead is not None and lead.agency == s.event.agency
    return leads or s.event.agency == meeting.by or s.role_of(s.event.agency) in CARE


def _held_after_it_was_called(s: Situation) -> Iterator[Refusal]:
    """Refuse a day before the invitation: a plan would begin before it can have (003 §5.1)."""
    content, occurred = s.message.content, s.event.data.occurred_at
    known = _open_meeting(s.journey, content.ref) if s.journey else None
    if known is None or not known.at or occurred is None:
        return
    if occurred < datetime.fromisoformat(known.at) - _early(content.meeting):
        yield Refusal("meeting.held-before")


def _early(meeting: MeetingKind | None) -> timedelta:
    """Return by how much the invitation may be later than the meeting.

    A strategy discussion is often held at once, and its invitation written afterwards.
    """
    return timedelta(days=1) if meeting is _K.STRATEGY_DISCUSSION else MAX_AHEAD


def _comes_to_what_it_may(s: Situation) -> Iterator[Refusal]:
    """Refuse an outcome that such a meeting cannot have, and a plan that no social worker signs.

    A child protection plan is made by a conference alone and leads to no CAF (003 §§2.8, 5.1);
    that none is made is signed in the same way.
    """
    content = s.message.content
    if content.outcome not in _OUTCOMES[content.meeting]:
        yield Refusal("meeting.outcome")
    signed_as = {signer.capacity for signer in s.event.signers}
    by_care = signed_as & {Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER}
    if content.outcome in (_O.PROTECTION_PLAN, _O.NO_PLAN) and not by_care:
        yield Refusal("practitioner.capacity", Capacity.SOCIAL_WORKER.value)


def _manager_authorises(s: Situation) -> Iterator[Refusal]:
    """Refuse to put a meeting off without a manager's signature (York matrix, reviewing).

    A Team Around the Child may be led where there is no team manager: the line manager stands in.
    """
    known = _open_meeting(s.journey, s.message.content.ref) if s.journey else None
    capacities = {Capacity.TEAM_MANAGER}
    if known is not None and known.kind == _K.TEAM_AROUND_THE_CHILD:
        capacities.add(Capacity.LINE_MANAGER)
    if not manager_signs(s, capacities):
        yield Refusal("countersign.missing", Capacity.TEAM_MANAGER.value)


def _tells_the_invited(s: Situation) -> Iterator[Refusal]:
    known = _open_meeting(s.journey, s.message.content.ref) if s.journey else None
    if known is not None:
        yield from left_out(s, known.invited)


def _fold_convened(journey: Journey, step: Step) -> Journey:
    event, content = step.event, step.content
    invited = tuple(dict.fromkeys(r.agency for r in event.data.recipients))
    kind, at = content.meeting.value, iso(event.time)
    called = Meeting(event.id, kind, content.ref, event.agency, invited, at)
    meetings = kept_meetings((*journey.meetings, called))
    return replace(journey, meetings=meetings).with_involved(event.agency, *invited)


def _fold_held(journey: Journey, step: Step) -> Journey:
    content, at = step.content, happened(step)
    over = tuple(m for m in journey.meetings if m.ref != content.ref)
    after = replace(journey, meetings=over).with_involved(step.event.agency)
    if content.meeting in REVIEWS:
        after = replace(after, last_review=max(after.last_review, at))
    if content.meeting is _K.CONFERENCE:
        after = after_conference(after, at, step.at, plan=content.outcome is _O.PROTECTION_PLAN)
    return known_without_recipients(after, step)


def _fold_postponed(journey: Journey, step: Step) -> Journey:
    told = tuple(r.agency for r in step.event.data.recipients)

    def after(meeting: Meeting) -> Meeting:
        if meeting.ref != step.content.ref:
            return meeting
        return replace(meeting, invited=tuple(dict.fromkeys((*meeting.invited, *told)))[:64])

    return replace(journey, meetings=tuple(after(m) for m in journey.meetings))


CONVENED = Kind(
    name="meeting.convened",
    title="A meeting is called and everybody involved invited",
    cites="003 §§2.8, 2.9, 3.4, 4.3",
    content=MeetingConvened,
    fold=_fold_convened,
    guards=(has_a_part, _has_its_occasion, _is_to_come, _is_a_new_one, _invites_everybody),
)

HELD = Kind(
    name="meeting.held",
    title="A meeting was held, with its outcome",
    cites="003 §§2.8, 2.9, 3.4, 4.2, 5.5",
    content=MeetingHeld,
    fold=_fold_held,
    addressed=False,
    guards=(has_a_part, _was_convened, _held_after_it_was_called, _comes_to_what_it_may),
)

POSTPONED = Kind(
    name="meeting.postponed",
    title="A meeting is put off, as a manager authorised",
    cites="York matrix, reviewing",
    content=MeetingPostponed,
    fold=_fold_postponed,
    guards=(has_a_part, _was_convened, _is_to_come, _manager_authorises, _tells_the_invited),
)

KINDS = (CONVENED, HELD, POSTPONED)
