"""The lead professional: proposed, accepted or refused; custody moves on acceptance only.

003 principles ("clarity about who is lead person/lead professional"), §§2.8, 3.4, 4.3.
"""

from collections.abc import Iterator
from dataclasses import replace

from contracts.identifiers import PractitionerId, agency_of
from contracts.journey import Journey, Lead, Proposal
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.guards import tells_lead
from contracts.reasons import Refusal
from contracts.roles import Level, Role
from contracts.values import Value

_CARE = (Role.SOCIAL_CARE, Role.FIRST_RESPONSE)
_IN_NEED = (Level.CHILD_IN_NEED, Level.CHILD_PROTECTION)


class LeadProposed(Value):
    """Who is asked to be lead professional."""

    practitioner: PractitionerId


def _may_propose(s: Situation) -> Iterator[Refusal]:
    """Refuse a proposal by an agency without the standing for it.

    The lead's agency may, and with a part in the journey social care, First Response and the CAF
    team. A social worker leads only once an assessment found need (003 §2.8).
    """
    lead = s.journey.lead if s.journey else None
    by_role = s.has_part and s.role_of(s.event.agency) in (*_CARE, Role.CAF_TEAM)
    if not by_role and (lead is None or lead.agency != s.event.agency):
        yield Refusal("lead.may-not-propose")
    into_care = s.role_of(agency_of(s.message.content.practitioner)) in _CARE
    in_need = s.journey is not None and s.journey.level in _IN_NEED
    if into_care and not in_need:
        yield Refusal("lead.not-in-need")


def _proposal_is_new(s: Situation) -> Iterator[Refusal]:
    proposed = s.message.content.practitioner
    if s.directory.practitioner(proposed, s.now) is None:
        yield Refusal("practitioner.unknown", "content.practitioner")
    if agency_of(proposed) not in s.recipients | {s.event.agency}:
        yield Refusal("recipient.missing", agency_of(proposed))
    if s.journey is None:
        return
    if any(not _replaceable(s, p) for p in s.journey.proposals):
        yield Refusal("lead.already-proposed")
    if s.journey.lead is not None and s.journey.lead.practitioner == proposed:
        yield Refusal("lead.already-lead")


def _replaceable(s: Situation, proposal: Proposal) -> bool:
    """Tell whether a proposal may give way: to its own proposer, or when the person has left."""
    left = s.directory.practitioner(proposal.practitioner, s.now) is None
    return left or proposal.proposed_by == s.event.agency


def _proposal(s: Situation) -> Proposal | None:
    answers = s.event.data.answers
    return s.journey.proposal(answers) if s.journey and answers else None


def _answers_proposal(s: Situation) -> Iterator[Refusal]:
    proposal = _proposal(s)
    if proposal is None:
        yield Refusal("lead.no-proposal")
        return
    if s.event.data.author.id != proposal.practitioner:
        yield Refusal("lead.not-the-proposed")
    if proposal.proposed_by not in s.recipients | {s.event.agency}:
        yield Refusal("recipient.missing", proposal.proposed_by)


def _fold_proposed(journey: Journey, step: Step) -> Journey:
    who = step.content.practitioner
    proposal = Proposal(step.event.id, who, agency_of(who), step.event.agency, step.at)
    return replace(journey, proposals=(proposal,)).with_involved(step.event.agency, proposal.agency)


def _without(journey: Journey, step: Step) -> Journey:
    kept = tuple(p for p in journey.proposals if p.id != step.event.data.answers)
    return replace(journey, proposals=kept)


def _fold_accepted(journey: Journey, step: Step) -> Journey:
    proposal = journey.proposal(step.event.data.answers or "")
    if proposal is None:
        return journey
    lead = Lead(proposal.practitioner, proposal.agency, step.at, step.event.id)
    return replace(_without(journey, step), lead=lead)


PROPOSED = Kind(
    name="lead.proposed",
    title="A lead professional is proposed",
    cites="003 §§2.8, 3.4, 4.3",
    content=LeadProposed,
    fold=_fold_proposed,
    guards=(_may_propose, _proposal_is_new, tells_lead),
)

ACCEPTED = Kind(
    name="lead.accepted",
    title="The person proposed accepts to lead",
    cites="003 §§2.8, 3.4, 4.3",
    content=NoContent,
    fold=_fold_accepted,
    guards=(_answers_proposal, tells_lead),
)

REFUSED = Kind(
    name="lead.refused",
    title="The person proposed declines to lead",
    cites="003 §3.4",
    content=NoContent,
    fold=_without,
    guards=(_answers_proposal, tells_lead),
)

KINDS = (PROPOSED, ACCEPTED, REFUSED)
