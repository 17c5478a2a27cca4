"""The lead professional: proposed, accepted, refused, withdrawn; custody moves on acceptance only.

003 principles ("clarity about who is lead person/lead professional"), §§2.8, 3.4, 4.3.
"""

from collections.abc import Iterator
from dataclasses import replace

from contracts.identifiers import PractitionerId, agency_of
from contracts.journey import Journey, Lead, Proposal
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.early_help import agreed_to_support, begins_with_lead
from contracts.messages.plans import placed
from contracts.messages.standing import CARE, CHOSEN, IN_NEED, left_out, not_declined
from contracts.reasons import Refusal
from contracts.roles import Level, Role
from contracts.values import Value


class LeadProposed(Value):
    """Who is asked to be lead professional."""

    practitioner: PractitionerId


def _may_propose(s: Situation) -> Iterator[Refusal]:
    """Refuse a proposal by an agency without the standing for it.

    The lead's agency may, and with a part in the journey social care, First Response and the CAF
    team; once the lead has left, every agency with a part may, so that no child stays without one,
    and so may an agency that starts a CAF where the family wishes it (003 §1.1). A social worker
    leads only once an assessment found need (§2.8), and nobody is proposed for support that the
    family declined (§3.3).
    """
    lead = s.journey.lead if s.journey else None
    by_role = s.has_part and s.role_of(s.event.agency) in (*CARE, Role.CAF_TEAM)
    vacant = s.has_part and s.journey is not None and bool(s.journey.lead_left)
    leads = lead is not None and lead.agency == s.event.agency
    if not (by_role or vacant or leads or _starts_a_caf(s)):
        yield Refusal("lead.may-not-propose")
    into_care = s.role_of(agency_of(s.message.content.practitioner)) in CARE
    if not into_care:
        yield from not_declined(s)
        yield from _not_under_protection(s)
    elif s.journey is None or s.journey.level not in IN_NEED:
        yield Refusal("lead.not-in-need")


def _starts_a_caf(s: Situation) -> bool:
    """Tell whether an agency that works with the family may start a CAF (003 §§1.1, 3.3)."""
    journey = s.journey
    if journey is None or not s.has_part or journey.support != CHOSEN:
        return False
    return begins_with_lead(journey) and agreed_to_support(s)


def _not_under_protection(s: Situation) -> Iterator[Refusal]:
    """Refuse that anybody outside social care lead at child protection (003 §§2.8, 5.1)."""
    if s.journey is not None and s.journey.level is Level.CHILD_PROTECTION:
        yield Refusal("lead.child-protection")


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
    # Who was proposed before learns that somebody else is asked now.
    yield from left_out(s, tuple(p.agency for p in s.journey.proposals))
    # Somebody who was said to have left, and is there, leads again by accepting anew.
    leads = s.journey.lead is not None and s.journey.lead.practitioner == proposed
    if leads and not s.journey.lead_left:
        yield Refusal("lead.already-lead")


def _replaceable(s: Situation, proposal: Proposal) -> bool:
    """Tell whether a proposal may give way to another.

    To its own proposer at any time, and to social care's once need is found (003 §2.8); to
    everybody who may propose when the person has left, or when the time to answer has lapsed. A
    lapsed proposal stays open until it is replaced: a late yes still counts while nobody else was
    proposed, for a child is better led late than not at all.
    """
    left = s.directory.practitioner(proposal.practitioner, s.now) is None
    in_need = s.journey is not None and s.journey.level in IN_NEED
    by_care = in_need and s.has_part and s.role_of(s.event.agency) in CARE
    gives_way = by_care and s.role_of(proposal.proposed_by) not in CARE
    return left or proposal.lapsed or gives_way or proposal.proposed_by == s.event.agency


def _proposal(s: Situation) -> Proposal | None:
    answers = s.event.data.answers
    return s.journey.proposal(answers) if s.journey and answers else None


def _answers_proposal(s: Situation) -> Iterator[Refusal]:
    proposal = _proposal(s)
    if proposal is None:
        yield Refusal("lead.superseded" if _superseded(s) else "lead.no-proposal")
        return
    if s.event.data.author.id != proposal.practitioner:
        yield Refusal("lead.not-the-proposed")
    yield from left_out(s, (proposal.proposed_by,))


def _superseded(s: Situation) -> bool:
    """Tell whether somebody else has been proposed since the proposal that is answered."""
    recent, answers = (s.journey.recent if s.journey else ()), s.event.data.answers
    proposed = [m.id for m in recent if m.kind == PROPOSED.name]
    return answers in proposed[:-1]


def _may_lead_now(s: Situation) -> Iterator[Refusal]:
    """Refuse a yes of somebody proposed before the child came under child protection."""
    if s.role_of(s.event.agency) not in CARE:
        yield from _not_under_protection(s)


def _withdraws_own_proposal(s: Situation) -> Iterator[Refusal]:
    """Refuse to withdraw another agency's proposal, or without the proposed learning of it."""
    proposal = _proposal(s)
    if proposal is None:
        yield Refusal("lead.no-proposal")
        return
    if proposal.proposed_by != s.event.agency:
        yield Refusal("lead.not-the-proposer")
    yield from left_out(s, (proposal.agency,))


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
    # A social worker who leads takes the place of the team that was there (003 §2.8).
    team = journey.team and proposal.agency != journey.case_holder
    led = replace(_without(journey, step), lead=lead, lead_left="", team=team)
    return placed(led, Level.EARLY_HELP) if begins_with_lead(journey) else led


PROPOSED = Kind(
    name="lead.proposed",
    title="A lead professional is proposed",
    cites="003 §§2.8, 3.4, 4.3",
    content=LeadProposed,
    fold=_fold_proposed,
    guards=(_may_propose, _proposal_is_new),
)

ACCEPTED = Kind(
    name="lead.accepted",
    title="The person proposed accepts to lead",
    cites="003 §§2.8, 3.4, 4.3",
    content=NoContent,
    fold=_fold_accepted,
    guards=(_answers_proposal, _may_lead_now),
)

REFUSED = Kind(
    name="lead.refused",
    title="The person proposed declines to lead",
    cites="003 §3.4",
    content=NoContent,
    fold=_without,
    guards=(_answers_proposal,),
)

WITHDRAWN = Kind(
    name="lead.withdrawn",
    title="A proposal to lead is withdrawn",
    cites="003 principles: clarity about who is lead professional",
    content=NoContent,
    fold=_without,
    guards=(_withdraws_own_proposal,),
)

KINDS = (PROPOSED, ACCEPTED, REFUSED, WITHDRAWN)
