"""The way to a CAF and its end: information, contact, ending (003 §§1.2, 3.2-3.3, 5.4, 5.6)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.consents import SHARING_BASES, BasisKind
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.family import declined
from contracts.messages.guards import (
    answered_request,
    answers_request,
    to_role,
)
from contracts.messages.meetings import MeetingKind
from contracts.messages.plans import known_without_recipients, placed
from contracts.messages.referral import ask, decide_request
from contracts.messages.standing import (
    DECLINED,
    IN_NEED,
    has_a_part,
    has_declined,
    not_declined,
)
from contracts.messages.stepdown import from_child_in_need
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.rules.people import REFERRALS, referral_behind
from contracts.values import Value


class WhyInformed(StrEnum):
    """Why the CAF team is informed (003 §§1.2, 3.2, 5.4)."""

    REFERRER_UNSURE = "referrer_unsure"
    FAMILY_WISHES = "family_wishes"
    STEPPING_DOWN = "stepping_down"


class InformationSent(Value):
    """The CAF information sheet goes to the CAF team; sheet and letter are statements.

    Where the referrer is unsure, `answers` of the message names the referral.
    """

    because: WhyInformed


class ContactOutcome(StrEnum):
    """What came of the CAF team's contact; with the family only where it agreed (003 §3.3)."""

    SUPPORT_OFFERED = "support_offered"
    CAF_STARTED = "caf_started"
    FAMILY_DECLINED = "family_declined"


class ContactMade(Value):
    """The CAF team's contact with the referrer, and what came of it."""

    outcome: ContactOutcome


class WhyEnded(StrEnum):
    """The two reasons for which a CAF ends (003 §5.6)."""

    FAMILY_DECISION = "family_decision"
    MET_BY_UNIVERSAL_SERVICES = "met_by_universal_services"


class CafEnded(Value):
    """That the CAF and the Team Around the Child ended, and for which of the two reasons."""

    reason: WhyEnded


def _has_its_ground(s: Situation) -> Iterator[Refusal]:
    """Refuse information without what its reason says: a referral, a wish, a time at CIN.

    Child protection never leads straight to a CAF, nor does child in need within the three months
    (003 §5.1); a family is not brought to the CAF team before it has agreed (§§3.1-3.3).
    """
    because, journey = s.message.content.because, s.journey
    unsure = because is WhyInformed.REFERRER_UNSURE
    referral = answered_request(s)
    if (unsure or s.event.data.answers) and (referral is None or referral.kind not in REFERRALS):
        yield Refusal("request.unknown")
    if not unsure and s.event.data.basis.kind != BasisKind.CONSENT.value:
        yield Refusal("message.basis-not-allowed", s.event.data.basis.kind)
    if because is WhyInformed.FAMILY_WISHES and journey is not None and not journey.support:
        yield Refusal("family.not-asked")
    in_need = journey is not None and journey.level in IN_NEED
    if in_need or because is WhyInformed.STEPPING_DOWN:
        yield from from_child_in_need(s)


def _tells_nobody_else(s: Situation) -> Iterator[Refusal]:
    """Refuse contact with anybody but who referred, who asked and who leads (003 §1.2)."""
    request, journey = answered_request(s), s.journey
    if request is None or journey is None:
        return
    behind = referral_behind(journey, request)
    meant = {request.agency, *((behind.agency,) if behind else ())}
    meant |= {journey.lead.agency} if journey.lead else set()
    for agency in sorted(s.recipients - meant):
        yield Refusal("recipient.not-meant", agency)


def _family_agreed(s: Situation) -> Iterator[Refusal]:
    """Refuse to go on after the family's no, or over child protection (003 §§3.3, 5.1).

    That no may always be told.
    """
    outcome = s.message.content.outcome
    if outcome is not ContactOutcome.FAMILY_DECLINED and has_declined(s):
        yield Refusal("family.declined")
    protected = s.journey is not None and s.journey.level is Level.CHILD_PROTECTION
    if outcome is ContactOutcome.CAF_STARTED and protected:
        yield Refusal("stepdown.not-child-in-need")


def _may_end(s: Situation) -> Iterator[Refusal]:
    """Refuse to end what is not there, or by another than the lead's agency or the CAF team."""
    journey = s.journey
    if journey is None:
        return
    if journey.level is not Level.EARLY_HELP:
        yield Refusal("caf.none")
    leads = journey.lead is not None and journey.lead.agency == s.event.agency
    team = s.has_part and s.role_of(s.event.agency) is Role.CAF_TEAM
    if not leads and not team:
        yield Refusal("caf.may-not-end")


def _goes_on_during_assessment(s: Situation) -> Iterator[Refusal]:
    """Refuse to end a TAC over an assessment, unless the family itself decides so (003 §2.7)."""
    assessed = s.journey is not None and s.journey.assessment is not None
    if assessed and s.message.content.reason is not WhyEnded.FAMILY_DECISION:
        yield Refusal("caf.assessment-open")


def _fold_sent(journey: Journey, step: Step) -> Journey:
    return ask(journey, step, INFORMATION_SENT.name, protection=False)


def _fold_contact(journey: Journey, step: Step) -> Journey:
    after = decide_request(journey, step, step.content.outcome.value)
    after = after.with_involved(step.event.agency)
    if step.content.outcome is ContactOutcome.FAMILY_DECLINED:
        return declined(after)
    if step.content.outcome is not ContactOutcome.CAF_STARTED:
        return after
    starts = after.level is Level.UNIVERSAL
    return placed(after, Level.EARLY_HELP) if starts else after


def _fold_ended(journey: Journey, step: Step) -> Journey:
    ended = journey
    if step.content.reason is WhyEnded.FAMILY_DECISION:
        ended = declined(journey)
    team = MeetingKind.TEAM_AROUND_THE_CHILD.value
    ended = replace(
        placed(ended, Level.UNIVERSAL),
        lead=None,
        lead_left="",
        proposals=(),
        # A no stays the family's last word until the family itself says otherwise (003 §3.3).
        support=DECLINED if ended.support == DECLINED else "",
        meetings=tuple(m for m in journey.meetings if m.kind != team),
    ).with_involved(step.event.agency)
    return known_without_recipients(ended, step)


INFORMATION_SENT = Kind(
    name="caf.information-sent",
    title="The CAF information sheet goes to the CAF team",
    cites="003 §§1.2, 3.2, 5.4",
    content=InformationSent,
    fold=_fold_sent,
    senders=frozenset({Role.FIRST_RESPONSE, Role.SOCIAL_CARE}),
    authors=frozenset({Capacity.SOCIAL_WORKER, Capacity.DUTY_WORKER}),
    bases=SHARING_BASES,
    guards=(to_role(Role.CAF_TEAM), has_a_part, not_declined, _has_its_ground),
    asks=True,
)

CONTACT_MADE = Kind(
    name="caf.contact-made",
    title="The CAF team has been in contact",
    cites="003 §§1.2, 3.3",
    content=ContactMade,
    fold=_fold_contact,
    senders=frozenset({Role.CAF_TEAM}),
    guards=(
        answers_request(INFORMATION_SENT.name),
        _tells_nobody_else,
        _family_agreed,
    ),
)

ENDED = Kind(
    name="caf.ended",
    title="The CAF and the Team Around the Child have ended",
    cites="003 §5.6",
    content=CafEnded,
    fold=_fold_ended,
    addressed=False,
    guards=(_may_end, _goes_on_during_assessment),
)

KINDS = (INFORMATION_SENT, CONTACT_MADE, ENDED)
