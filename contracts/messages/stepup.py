"""Step up where a CAF is in existence (003 §§2.1-2.6)."""

from collections.abc import Iterator
from enum import StrEnum

from contracts.consents import SHARING_BASES
from contracts.identifiers import PractitionerId
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.guards import answers_request
from contracts.messages.referral import (
    Concern,
    Discussion,
    ask,
    has_something_to_act_on,
    is_protection,
    reaches_first_response,
    start_assessing,
)
from contracts.messages.standing import has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Value


class Why(StrEnum):
    """Why a service from social care is asked for (003 §2.1)."""

    NEEDS_CHANGED = "needs_changed"
    NEEDS_ESCALATED = "needs_escalated"


class BesideTac(StrEnum):
    """Whether the service is asked for instead of the TAC's or in addition to it (003 §2.1)."""

    INSTEAD_OF = "instead_of"
    IN_ADDITION_TO = "in_addition_to"


class StepUpRequested(Value):
    """A request to social care for a child whom a Team Around the Child supports.

    `discussed`: with the line manager, for a concern other than child protection (003 §2.2).
    Child protection may leave everything but the concern to follow.
    """

    concern: Concern
    why: Why | None = None
    beside_tac: BesideTac | None = None
    discussed: Discussion | None = None


class StepUpOutcome(StrEnum):
    """What First Response decided on a step up (003 §§2.6, 2.7)."""

    NOT_ACCEPTED = "not_accepted"
    ASSESS = "assess"
    SECTION_47 = "section_47"


class StepUpDecided(Value):
    """The decision on a step up; the social worker who will assess, once named (003 §2.7)."""

    outcome: StepUpOutcome
    social_worker: PractitionerId | None = None


def is_supported(s: Situation) -> Iterator[Refusal]:
    """Refuse a step up by an outsider, or without a TAC; never child protection (003 §2.1)."""
    journey = s.journey
    supported = journey is not None and (
        journey.level is not Level.UNIVERSAL or journey.lead is not None
    )
    if not is_protection(s):
        yield from has_a_part(s)
    if not supported and not is_protection(s):
        yield Refusal("stepup.not-supported")


def says_why(s: Situation) -> Iterator[Refusal]:
    """Refuse a request that does not say why, and whether beside the TAC (003 §2.1)."""
    if is_protection(s):
        return
    for field in ("why", "beside_tac"):
        if getattr(s.message.content, field) is None:
            yield Refusal("message.wrong-content", f"content.{field}")


def _fold_requested(journey: Journey, step: Step) -> Journey:
    protection = step.content.concern is Concern.CHILD_PROTECTION
    return ask(journey, step, REQUESTED.name, protection=protection)


def _fold_decided(journey: Journey, step: Step) -> Journey:
    return start_assessing(journey, step, step.content.outcome.value)


REQUESTED = Kind(
    name="stepup.requested",
    title="Step up to social care",
    cites="003 §§2.1-2.5",
    content=StepUpRequested,
    fold=_fold_requested,
    senders=frozenset({Role.UNIVERSAL, Role.CAF_TEAM}),
    bases=SHARING_BASES,
    guards=(
        reaches_first_response,
        has_something_to_act_on,
        is_supported,
        says_why,
    ),
    asks=True,
)

DECIDED = Kind(
    name="stepup.decided",
    title="Decision on a step up",
    cites="003 §§2.6-2.7",
    content=StepUpDecided,
    fold=_fold_decided,
    senders=frozenset({Role.FIRST_RESPONSE, Role.SOCIAL_CARE}),
    authors=frozenset({Capacity.DUTY_WORKER, Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER}),
    guards=(answers_request(REQUESTED.name),),
)

KINDS = (REQUESTED, DECIDED)
