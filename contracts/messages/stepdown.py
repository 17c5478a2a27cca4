"""Step down from child in need to CAF/TAC (003 §§4.1-4.3, 5.1-5.4)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.consents import BasisKind
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.early_help import nothing_is_open
from contracts.messages.guards import answers_request, to_role
from contracts.messages.referral import ask, decide_request
from contracts.messages.standing import CHOSEN, not_declined
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Instant, Value


class StepDownReason(StrEnum):
    """Why a step down is asked for; two of them the guidance forbids (003 §§4.1-4.2)."""

    SUPPORT_STILL_NEEDED = "support_still_needed"
    MONITORING = "monitoring"
    ONWARD_REFERRAL = "onward_referral"


class StepDownRequested(Value):
    """A request to the CAF team for a child whom social care supports.

    Author and countersigner state together that the child is no longer in need and, by
    `unmet_need_manageable`, that what is left can be met without social care (003 §5.2).
    """

    reason: StepDownReason
    unmet_need_manageable: bool
    child_in_need_review: Instant | None = None


class StepDownOutcome(StrEnum):
    """What the CAF team answered."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"


class StepDownDecided(Value):
    """The CAF team's answer to a step down."""

    outcome: StepDownOutcome


def from_child_in_need(s: Situation) -> Iterator[Refusal]:
    """Refuse but from child in need; how long there after a plan, a rule pack says (003 §5.1)."""
    if s.journey is None or s.journey.level is not Level.CHILD_IN_NEED:
        yield Refusal("stepdown.not-child-in-need")


def _still_in_need(s: Situation) -> Iterator[Refusal]:
    """Refuse to take a family on from another level than when it was asked (003 §§4.1, 5.1)."""
    if s.message.content.outcome is StepDownOutcome.ACCEPTED:
        yield from from_child_in_need(s)
        yield from nothing_is_open(s)


def _fold_requested(journey: Journey, step: Step) -> Journey:
    asked = ask(journey, step, REQUESTED.name, protection=False)
    return replace(asked, support=CHOSEN)


def _fold_decided(journey: Journey, step: Step) -> Journey:
    return decide_request(journey, step, step.content.outcome.value)


REQUESTED = Kind(
    name="stepdown.requested",
    title="Step down to the CAF team",
    cites="003 §§4.1-4.3, 5.1-5.4",
    content=StepDownRequested,
    fold=_fold_requested,
    senders=frozenset({Role.SOCIAL_CARE}),
    authors=frozenset({Capacity.SOCIAL_WORKER}),
    countersigned_by=(Capacity.TEAM_MANAGER,),
    bases=frozenset({BasisKind.CONSENT}),
    guards=(
        to_role(Role.CAF_TEAM),
        not_declined,
        from_child_in_need,
        nothing_is_open,
    ),
    asks=True,
)

DECIDED = Kind(
    name="stepdown.decided",
    title="The CAF team's answer to a step down",
    cites="003 §§3.3-3.4, 4.1",
    content=StepDownDecided,
    fold=_fold_decided,
    senders=frozenset({Role.CAF_TEAM}),
    guards=(
        answers_request(REQUESTED.name),
        _still_in_need,
    ),
)

KINDS = (REQUESTED, DECIDED)
