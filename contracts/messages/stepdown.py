"""Step down from child in need to CAF/TAC (003 §§4.1-4.3, 5.1-5.4)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from contracts.consents import BasisKind, Consent, Covers
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.guards import (
    answers_request,
    needs_statement,
    tells_lead,
    tells_referrer,
    to_role,
)
from contracts.messages.referral import ask, decide_request, explains_refusal
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Instant, Value
from contracts.worktime import WorkingCalendar

MONTHS_AT_CHILD_IN_NEED = 3
_CALENDAR = WorkingCalendar()


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


def _reason_is_legal(s: Situation) -> Iterator[Refusal]:
    reason = s.message.content.reason
    if reason is StepDownReason.MONITORING:
        yield Refusal("stepdown.for-monitoring")
    if reason is StepDownReason.ONWARD_REFERRAL:
        yield Refusal("stepdown.for-onward-referral")
    if not s.message.content.unmet_need_manageable:
        yield Refusal("stepdown.unmet-need")


def _from_child_in_need(s: Situation) -> Iterator[Refusal]:
    if s.journey is None or s.journey.level is not Level.CHILD_IN_NEED:
        yield Refusal("stepdown.not-child-in-need")
        return
    if not s.journey.protection_plan_ended:
        return
    since = max(s.journey.protection_plan_ended, s.journey.child_in_need_since)
    if s.now < _CALENDAR.add_months(datetime.fromisoformat(since), MONTHS_AT_CHILD_IN_NEED):
        yield Refusal("stepdown.too-soon")


def _both_consents(s: Situation) -> Iterator[Refusal]:
    """Refuse without consent to the support and, apart from it, to sharing (003 §4.1)."""
    consents = tuple(c.consent for c in s.consents if c.withdrawn_at is None)
    for covers, code in (
        (Covers.SERVICE, "stepdown.consent-service"),
        (Covers.SHARING, "stepdown.consent-sharing"),
    ):
        if not any(c.covers is covers and _in_force(c, s.now) and _for_caf(s, c) for c in consents):
            yield Refusal(code)


def _for_caf(s: Situation, consent: Consent) -> bool:
    """Tell whether a consent names the CAF team: an empty scope covers nothing."""
    teams = {a for a in s.recipients | {s.event.agency} if s.role_of(a) is Role.CAF_TEAM}
    return Role.CAF_TEAM in consent.roles or not teams.isdisjoint(consent.recipients)


def _still_agreed(s: Situation) -> Iterator[Refusal]:
    """Refuse to take a family on that has withdrawn a consent meanwhile (003 §§3.3, 4.1)."""
    if s.message.content.outcome is StepDownOutcome.ACCEPTED:
        yield from _from_child_in_need(s)
        yield from _both_consents(s)


def _in_force(consent: Consent, now: datetime) -> bool:
    return consent.given_at <= now and (consent.expires_at is None or now < consent.expires_at)


def _fold_requested(journey: Journey, step: Step) -> Journey:
    asked = ask(journey, step, REQUESTED.name, protection=False)
    return replace(asked, support="chosen")


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
        _reason_is_legal,
        _from_child_in_need,
        _both_consents,
        needs_statement("needs.support_required"),
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
        tells_referrer,
        tells_lead,
        explains_refusal,
        _still_agreed,
    ),
)

KINDS = (REQUESTED, DECIDED)
