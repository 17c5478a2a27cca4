"""Closing a case to social care (003 §§5.5, 5.7; 3.3: CAF is never a condition of closing)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.guards import needs_statement, tells_lead
from contracts.reasons import Refusal
from contracts.roles import Level, Role
from contracts.values import Value


class Support(StrEnum):
    """What the family chose beside social care (003 §§5.3, 5.7)."""

    CONTINUES = "continues"
    DECLINED = "declined"
    NOT_NEEDED = "not_needed"


class CaseClosed(Value):
    """That a case is closed to social care; the DfE reason is a statement, `closure.reason`."""

    support: Support


def _case_is_open(s: Situation) -> Iterator[Refusal]:
    if s.event.data.history is None and (s.journey is None or not s.journey.case_open):
        yield Refusal("case.not-open")


def _no_assessment_runs(s: Situation) -> Iterator[Refusal]:
    """Refuse to close over an assessment: its conclusion would have no place (003 §2.7)."""
    if s.event.data.history is None and s.journey is not None and s.journey.assessment is not None:
        yield Refusal("case.assessment-open")


def _lead_has_accepted(s: Situation) -> Iterator[Refusal]:
    """Refuse to leave a family that chose support without a lead (003 §§5.3, 5.5)."""
    if s.message.content.support is not Support.CONTINUES:
        return
    lead = s.journey.lead if s.journey else None
    outside = lead is not None and s.role_of(lead.agency) not in (
        Role.SOCIAL_CARE,
        Role.FIRST_RESPONSE,
        None,
    )
    if not outside:
        yield Refusal("case.needs-lead")


def _stepped_down(s: Situation) -> Iterator[Refusal]:
    """Refuse support after social care without the step down that leads to it (003 §§4.1, 5.1).

    Where an assessment found no need, the child never was in need and none is called for (§3.1).
    """
    if s.message.content.support is not Support.CONTINUES or s.journey is None:
        return
    if s.journey.level is Level.CHILD_PROTECTION:
        yield Refusal("stepdown.not-child-in-need")
    elif s.journey.level is Level.CHILD_IN_NEED and not any(
        r.kind == "stepdown.requested"
        and r.outcome == "accepted"
        and r.at >= s.journey.child_in_need_since
        for r in s.journey.requests
    ):
        yield Refusal("case.needs-step-down")


def _fold_closed(journey: Journey, step: Step) -> Journey:
    continues = step.content.support is Support.CONTINUES
    closed = replace(
        _settled(journey, everything=step.event.data.history is not None),
        case_open=False,
        assessment=None,
        proposals=(),
        support="chosen" if continues else "declined",
        child_in_need_since="",
        protection_plan_ended="",
    ).with_involved(step.event.agency)
    if continues:
        return replace(closed, level=Level.EARLY_HELP)
    if journey.level is Level.EARLY_HELP:
        return closed  # social care never led: the Team Around the Child goes on (003 §2.6)
    return replace(closed, level=Level.UNIVERSAL, lead=None)


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
    senders=frozenset({Role.SOCIAL_CARE, Role.FIRST_RESPONSE}),
    guards=(
        _case_is_open,
        _no_assessment_runs,
        _lead_has_accepted,
        _stepped_down,
        tells_lead,
        needs_statement("closure.reason"),
    ),
)

KINDS = (CLOSED,)
