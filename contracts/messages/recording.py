"""Acknowledging, recording consent, adding to the story, and a case that was open before."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from contracts.consents import SHARING_BASES, Answered, BasisKind, ConsentHeld
from contracts.identifiers import MessageId, PractitionerId, agency_of
from contracts.journey import MOST_AHEAD, MOST_AHEAD_OF_ONE, Journey, Lead
from contracts.kinds import Kind, NoContent, Situation, Step, iso
from contracts.messages.family import may_be_unborn, unborn_after
from contracts.messages.guards import answered_request, why_answered
from contracts.messages.plans import placed
from contracts.messages.standing import IN_NEED, not_declined, works_with_family
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Instant, Value


class OpenedBefore(Value):
    """A case already open when an agency joins: its level and its lead professional.

    The lead professional countersigns, which is the acceptance. The agencies that it goes to work
    with the child as well, and have a part from then on. Dates are instants. A plan whose
    beginning is not given counts as in force from this message on.
    """

    level: Annotated[Level, Field(description="the level of help the child is at")]
    lead: PractitionerId | None = None
    child_in_need_since: Instant | None = None
    protection_plan_since: Instant | None = None
    protection_plan_ended: Instant | None = None
    unborn: bool = False


class ConsentWithdrawn(Value):
    """That the family withdrew a consent; at once, whatever the message says elsewhere.

    `lifts`: it also took back what that consent said that somebody may not see.
    """

    consent: MessageId
    lifts: bool = False


def _acknowledges_request(s: Situation) -> Iterator[Refusal]:
    request = answered_request(s)
    if request is None:
        yield Refusal("request.unknown")
    elif s.event.agency not in request.to:
        yield Refusal("request.not-recipient")
    elif request.outcome:
        yield Refusal(why_answered(request))
    elif s.event.agency in request.acknowledged_by:
        yield Refusal("request.already-answered")


def _fold_acknowledged(journey: Journey, step: Step) -> Journey:
    request = journey.request(step.event.data.answers or "")
    if request is None:
        return journey
    taken_by = (*request.acknowledged_by, step.event.agency)
    return journey.with_request(replace(request, acknowledged_by=taken_by))


def _not_known_yet(s: Situation) -> Iterator[Refusal]:
    """Refuse to declare a case of a child whose level has been recorded by whatever message.

    A referral, and the decision to assess it, say nothing about what there was before.
    """
    journey = s.journey
    if journey is None:
        return
    open_here = journey.lead is not None or journey.level is not Level.UNIVERSAL
    recorded = journey.level_known and (journey.live or journey.case_open)
    if open_here or recorded:
        yield Refusal("case.already-open")


def _level_is_its_own(s: Situation) -> Iterator[Refusal]:
    """Refuse the CAF team any level but early help, and a lead or a no beside it (003 §§2.1, 3.3).

    Social care records its own cases, and early help where no CAF team takes part.
    """
    level, lead = s.message.content.level, s.message.content.lead
    role = s.role_of(s.event.agency)
    if role is Role.CAF_TEAM and level in IN_NEED:
        yield Refusal("message.role-may-not", role.value)
    if level is Level.UNIVERSAL and lead is not None:
        yield Refusal("message.wrong-content", "content.lead")
    if level is Level.EARLY_HELP:
        yield from not_declined(s)


def _dates_are_past(s: Situation) -> Iterator[Refusal]:
    for name in ("child_in_need_since", "protection_plan_since", "protection_plan_ended"):
        date = getattr(s.message.content, name)
        if date is not None and date > s.now:
            yield Refusal("message.wrong-content", f"content.{name}")
    since, ended = s.message.content.protection_plan_since, s.message.content.protection_plan_ended
    if since is not None and ended is not None and ended < since:
        yield Refusal("message.wrong-content", "content.protection_plan_ended")


def _lead_signs(s: Situation) -> Iterator[Refusal]:
    """Refuse a lead who has not signed: nobody is made lead without accepting."""
    lead, level = s.message.content.lead, s.message.content.level
    if lead is None:
        if level is not Level.UNIVERSAL:
            yield Refusal("message.wrong-content", "content.lead")
    elif lead not in {signer.id for signer in s.event.signers}:
        yield Refusal("countersign.missing", Capacity.LEAD_PROFESSIONAL.value)


def _fold_opened(journey: Journey, step: Step) -> Journey:
    content = step.content
    lead = content.lead
    planned = content.level is Level.CHILD_PROTECTION
    since = (_text(content.protection_plan_since) or step.at) if planned else ""
    known, in_need = placed(journey, content.level), content.level in IN_NEED
    return replace(
        known,
        case_open=journey.case_open or in_need,
        case_holder=step.event.agency if in_need else journey.case_holder,
        lead=Lead(lead, agency_of(lead), step.at, step.event.id) if lead else None,
        child_in_need_since=_text(content.child_in_need_since),
        protection_plan_since=since,
        protection_plan_ended=_text(content.protection_plan_ended),
        unborn=unborn_after(journey, said=content.unborn),
    ).with_involved(step.event.agency, *((agency_of(lead),) if lead else ()), *step.to)


def _text(instant: Instant | None) -> str:
    return iso(instant) if instant else ""


def _carries_consent(s: Situation) -> Iterator[Refusal]:
    if not s.event.data.consents:
        yield Refusal("message.wrong-content", "consents")


def _fold_involved(journey: Journey, step: Step) -> Journey:
    return journey.with_involved(step.event.agency)


def _fold_added(journey: Journey, step: Step) -> Journey:
    """Give a part to whom somebody with a part tells; what an outsider adds gives none."""
    return journey.with_involved(*step.to) if step.event.agency in journey.involved else journey


def _carries_refusal(s: Situation) -> Iterator[Refusal]:
    if not any(c.decision is Answered.REFUSED for c in s.event.data.consents):
        yield Refusal("message.wrong-content", "consents")


def _may_be_withdrawn(s: Situation) -> Iterator[Refusal]:
    """Refuse where a withdrawal that overtook its consent cannot be remembered until that comes.

    One agency's word never takes the places of everybody's.
    """
    if s.journey is None:
        yield Refusal("consent.unknown")
        return
    ahead = s.journey.ahead
    known = {c.consent.id for c in s.journey.consents} | ahead.keys()
    theirs = sum(1 for _, agency in ahead.values() if agency == s.event.agency)
    full = len(ahead) >= MOST_AHEAD or theirs >= MOST_AHEAD_OF_ONE
    if s.message.content.consent not in known and full:
        yield Refusal("consent.unknown")


def _has_a_part(s: Situation) -> Iterator[Refusal]:
    """Refuse word of a consent from an agency that has no part in the child's journey."""
    if s.journey is not None and not s.has_part:
        yield Refusal("consent.no-part")


def _is_theirs_to_tell(s: Situation) -> Iterator[Refusal]:
    """Refuse word that a consent was withdrawn from who is not at work with the family.

    Who took it, who leads, social care, the CAF team and whoever was asked for help hear it from
    the family, and so may whoever with a part the consent names: withdrawing only ever withholds.
    It takes effect at once, whoever is told of it: that is followed up afterwards.
    """
    journey, agency = s.journey, s.event.agency
    if journey is None:
        return
    named = s.message.content.consent
    meant = [c.consent for c in journey.consents if c.consent.id == named]
    if any(agency_of(consent.taken_by) == agency for consent in meant):
        return
    asked = any(agency in r.to for r in journey.requests)
    shared = any(agency in c.recipients or s.role_of(agency) in c.roles for c in meant)
    if not s.has_part:
        yield Refusal("consent.no-part")
    elif not (asked or shared or works_with_family(s)):
        yield Refusal("consent.not-theirs")


def _fold_withdrawn(journey: Journey, step: Step) -> Journey:
    content = step.content

    def after(held: ConsentHeld) -> ConsentHeld:
        if held.consent.id != content.consent:
            return held
        return ConsentHeld(
            consent=held.consent,
            withdrawn_at=held.withdrawn_at or step.now,
            lifted=held.lifted or content.lifts,
        )

    if all(c.consent.id != content.consent for c in journey.consents):
        first = {content.consent: (step.at, step.event.agency)}
        return replace(journey, ahead={**first, **journey.ahead})
    return replace(journey, consents=tuple(after(c) for c in journey.consents))


ACKNOWLEDGED = Kind(
    name="message.acknowledged",
    title="A person at the receiving agency took the request",
    cites="003 principles: prompt response; Working Together 2023",
    content=NoContent,
    fold=_fold_acknowledged,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(_acknowledges_request,),
)

OPENED_BEFORE = Kind(
    name="case.opened-before",
    title="A case that was already open",
    cites="003 definitions",
    content=OpenedBefore,
    fold=_fold_opened,
    addressed=False,
    senders=frozenset({Role.CAF_TEAM, Role.SOCIAL_CARE, Role.FIRST_RESPONSE}),
    authors=frozenset({Capacity.TEAM_MANAGER}),
    guards=(_not_known_yet, _level_is_its_own, _dates_are_past, _lead_signs, may_be_unborn),
    opening=True,
)

CONSENT_RECORDED = Kind(
    name="consent.recorded",
    title="A consent of the family is recorded",
    cites="003 §§2.3, 4.1, 4.3",
    content=NoContent,
    fold=_fold_involved,
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(_carries_consent, _has_a_part),
)

CONSENT_WITHDRAWN = Kind(
    name="consent.withdrawn",
    title="The family withdrew a consent",
    cites="003 §§2.3, 3.3",
    content=ConsentWithdrawn,
    fold=_fold_withdrawn,
    addressed=False,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(_may_be_withdrawn, _is_theirs_to_tell),
)

CONSENT_REFUSED = Kind(
    name="consent.refused",
    title="The family refused",
    cites="003 §2.3",
    content=NoContent,
    fold=_fold_involved,
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(_carries_refusal, _has_a_part),
)

STORY_ADDED = Kind(
    name="story.added",
    title="Something is added to the child's story",
    cites="003 principles: families tell their story once",
    content=NoContent,
    fold=_fold_added,
    bases=SHARING_BASES,
    addressed=False,
)

KINDS = (
    ACKNOWLEDGED,
    OPENED_BEFORE,
    CONSENT_RECORDED,
    CONSENT_REFUSED,
    CONSENT_WITHDRAWN,
    STORY_ADDED,
)
