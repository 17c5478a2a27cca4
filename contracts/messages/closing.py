"""Closing a case to social care (003 §§5.5, 5.7; 3.3: CAF is never a condition of closing)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.journey import Journey, Request
from contracts.kinds import Kind, Situation, Step
from contracts.messages.early_help import led_outside_care
from contracts.messages.family import declined, without_support_asked
from contracts.messages.guards import needs_statement
from contracts.messages.meetings import MeetingKind
from contracts.messages.plans import known_without_recipients, placed
from contracts.messages.standing import CARE, CHOSEN, DECLINED, has_a_part, not_declined
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Value

_TEAM_MEETING = MeetingKind.TEAM_AROUND_THE_CHILD.value


class Support(StrEnum):
    """What follows social care: what the family chose, or another area (003 §§5.3, 5.7)."""

    CONTINUES = "continues"
    DECLINED = "declined"
    NOT_NEEDED = "not_needed"
    TRANSFERRED = "transferred"


class CaseClosed(Value):
    """That a case is closed to social care; the DfE reason is a statement, `closure.reason`."""

    support: Support


def _case_is_open(s: Situation) -> Iterator[Refusal]:
    if s.event.data.history is None and (s.journey is None or not s.journey.case_open):
        yield Refusal("case.not-open")


def _holds_the_case(s: Situation) -> Iterator[Refusal]:
    """Refuse to close another agency's case (003 §§5.5, 5.7: the social worker closes).

    Social care that works with the child may; First Response only what it assessed itself and no
    social worker leads.
    """
    if s.event.data.history is not None:
        return
    yield from has_a_part(s)
    if s.journey is None or s.role_of(s.event.agency) is not Role.FIRST_RESPONSE:
        return
    lead = s.journey.lead
    led = lead is not None and s.role_of(lead.agency) is Role.SOCIAL_CARE
    if led or s.journey.case_holder != s.event.agency:
        yield Refusal("case.other-agency")


def _no_assessment_runs(s: Situation) -> Iterator[Refusal]:
    """Refuse to close over an assessment: its conclusion would have no place (003 §2.7).

    When the family has moved, the other area assesses.
    """
    moves = s.message.content.support is Support.TRANSFERRED
    running = s.journey is not None and s.journey.assessment is not None
    if s.event.data.history is None and running and not moves:
        yield Refusal("case.assessment-open")


def _plan_has_ended(s: Situation) -> Iterator[Refusal]:
    """Refuse to close over a child protection plan: from there the way is child in need (§5.1).

    Support after a plan is refused as a step down is; a family that moved takes its plan along.
    """
    ends = s.message.content.support in (Support.DECLINED, Support.NOT_NEEDED)
    planned = s.journey is not None and s.journey.level is Level.CHILD_PROTECTION
    if s.event.data.history is None and ends and planned:
        yield Refusal("case.protection-plan")


def _family_has_moved(s: Situation) -> Iterator[Refusal]:
    moves = s.message.content.support is Support.TRANSFERRED
    if moves and (s.journey is None or not s.journey.moved_to):
        yield Refusal("case.not-moved")


def _as_the_family_chose(s: Situation) -> Iterator[Refusal]:
    """Refuse to close against the family's own word, either way (003 §§3.3, 5.3, 5.7).

    Nor without a lead for the support that it chose. This makes no CAF a condition: another choice
    of the family can be recorded at any time.
    """
    if s.journey is None or s.event.data.history is not None:
        return
    support = s.message.content.support
    if support is Support.CONTINUES:
        yield from not_declined(s)
    elif support is Support.TRANSFERRED or s.journey.support != CHOSEN:
        return
    elif s.journey.level is not Level.EARLY_HELP and not _caf_team_declined(s.journey):
        yield Refusal("case.choice-differs")
    elif s.journey.level is Level.EARLY_HELP and not led_outside_care(s):
        yield Refusal("case.needs-lead")


def _caf_team_declined(journey: Journey) -> bool:
    """Tell whether the CAF team's last answer was no: that keeps no case open (003 §3.3)."""
    answered = [r for r in _step_downs(journey) if r.outcome in ("accepted", "not_accepted")]
    return bool(answered) and answered[-1].outcome == "not_accepted"


def _step_downs(journey: Journey) -> list[Request]:
    """Return the step downs asked for since the child came to be in need, the oldest first."""
    since = journey.child_in_need_since
    return [r for r in journey.requests if r.kind == "stepdown.requested" and r.at >= since]


def _lead_is_there(s: Situation) -> Iterator[Refusal]:
    """Refuse to leave the family with a lead professional who has left meanwhile (003 §5.5)."""
    continues = s.message.content.support is Support.CONTINUES
    if continues and s.journey is not None and s.journey.lead_left:
        yield Refusal("case.needs-lead")


def _stepped_down(s: Situation) -> Iterator[Refusal]:
    """Refuse support after social care without the step down that leads to it (003 §§4.1, 5.1).

    Nor may a team beside social care be left to it by another word, unless the family said no or
    the CAF team did. Where an assessment found no need, the child never was in need and none is
    called for (§3.1).
    """
    journey, support = s.journey, s.message.content.support
    if journey is None:
        return
    left_to_team = support is Support.NOT_NEEDED and _team_goes_on(journey, s.event.agency)
    excused = journey.support == DECLINED or _caf_team_declined(journey)
    if support is not Support.CONTINUES and (not left_to_team or excused):
        return
    if journey.level is Level.CHILD_PROTECTION:
        yield Refusal("stepdown.not-child-in-need")
    elif journey.level is Level.CHILD_IN_NEED and not any(
        r.outcome == "accepted" for r in _step_downs(journey)
    ):
        yield Refusal("case.needs-step-down")


def _fold_closed(journey: Journey, step: Step) -> Journey:
    closed = replace(
        _settled(journey, everything=step.event.data.history is not None),
        case_open=False,
        assessment=None,
        proposals=(),
        earlier_plan_ended=_plan_over(journey, step),
        child_in_need_since="",
        protection_plan_since="",
        protection_plan_ended="",
        last_review="",
        meetings=tuple(m for m in journey.meetings if m.kind == _TEAM_MEETING),
    ).with_involved(step.event.agency)
    after = _after_care(closed, step.content.support, step.event.agency)
    return known_without_recipients(replace(after, case_holder=""), step)


def _plan_over(journey: Journey, step: Step) -> str:
    """Return from when the time after the case's last protection plan counts (003 §5.1).

    A plan that is in force at a move to another area counts as ended here with the closing.
    """
    history = step.event.data.history
    at = step.at if history is None else f"{history.occurred_on}T00:00:00.000Z"
    if journey.level is Level.CHILD_PROTECTION:
        return at
    if not journey.protection_plan_ended:
        return journey.earlier_plan_ended
    return max(journey.protection_plan_ended, journey.child_in_need_since)


def _after_care(closed: Journey, support: Support, closer: str) -> Journey:
    """Return the closed journey at the level that follows.

    A Team Around the Child that was there goes on with its lead, and with the family's choice as
    it was or is said now (003 §§2.6, 2.7); it ends by a message of its own, or with the move to
    another area. After a no nothing new begins in it.
    """
    if support is Support.CONTINUES:
        return placed(closed, Level.EARLY_HELP)
    said_no = DECLINED in (support, closed.support)
    if support is not Support.TRANSFERRED and _team_goes_on(closed, closer):
        goes_on = placed(closed, Level.EARLY_HELP)
        return declined(goes_on) if said_no else goes_on
    universal = placed(closed, Level.UNIVERSAL)
    ended = replace(universal, lead=None, lead_left="", meetings=())
    if support is Support.TRANSFERRED:
        # The family's no goes with it; only its own word undoes that (003 §3.3).
        asked = without_support_asked(ended, "closed")
        return replace(asked, support=DECLINED if said_no else "")
    return declined(ended) if said_no else replace(ended, support="")


def _team_goes_on(closed: Journey, closer: str) -> bool:
    """Tell whether a team is there with a lead of its own, and none of social care's."""
    there = closed.team or closed.level is Level.EARLY_HELP
    lead = closed.lead
    return there and lead is not None and lead.agency not in (closer, closed.case_holder)


def _settled(journey: Journey, *, everything: bool) -> Journey:
    """Return the journey without open step downs, or, for history, without any open request.

    History tells the closing and not the decisions before it; a step down ends with its case.
    """
    requests = tuple(
        replace(r, outcome="closed")
        if not r.outcome and (everything or r.kind == "stepdown.requested")
        else r
        for r in journey.requests
    )
    return replace(journey, requests=requests)


CLOSED = Kind(
    name="case.closed",
    title="The case is closed to social care",
    cites="003 §§3.3, 5.5, 5.7",
    content=CaseClosed,
    fold=_fold_closed,
    addressed=False,
    senders=CARE,
    authors=frozenset({Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER}),
    guards=(
        _holds_the_case,
        _case_is_open,
        _no_assessment_runs,
        _plan_has_ended,
        _family_has_moved,
        _as_the_family_chose,
        _lead_is_there,
        _stepped_down,
        needs_statement("closure.reason"),
    ),
)

KINDS = (CLOSED,)
