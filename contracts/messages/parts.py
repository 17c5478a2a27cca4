"""That an agency has no part in a child's journey any more, by its own word.

Whoever leads, is asked something or waits for an answer first hands that on (003 principles: clear
roles, responsibilities and accountability).
"""

from collections.abc import Iterator
from dataclasses import replace

from contracts.consents import BasisKind
from contracts.journey import Journey
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.standing import CARE, has_a_part, left_out
from contracts.reasons import Refusal


def _owes_nothing(s: Situation) -> Iterator[Refusal]:
    """Refuse to leave what is open with the agency: a lead, a request, a meeting, a case."""
    journey, agency = s.journey, s.event.agency
    if journey is None:
        return
    if journey.lead is not None and journey.lead.agency == agency:
        yield Refusal("part.leads")
    asked = any(not r.outcome and agency in (r.agency, *r.to) for r in journey.requests)
    proposed = any(agency in (p.agency, p.proposed_by) for p in journey.proposals)
    calls = any(m.by == agency for m in journey.meetings)
    if asked or proposed or calls or _has_the_case(s, journey):
        yield Refusal("part.still-open")


def _has_the_case(s: Situation, journey: Journey) -> bool:
    """Tell whether the agency assesses, or a case is open with no other of social care."""
    agency = s.event.agency
    if journey.assessment is not None and s.role_of(agency) in CARE:
        return True
    if not journey.case_open or s.role_of(agency) not in CARE:
        return False
    others = (a for a in journey.involved if a != agency)
    return agency == journey.case_holder or all(s.role_of(a) not in CARE for a in others)


def _tells_the_lead(s: Situation) -> Iterator[Refusal]:
    lead = s.journey.lead if s.journey and s.has_part else None
    yield from left_out(s, (lead.agency,) if lead else ())


def _fold_ended(journey: Journey, step: Step) -> Journey:
    agency = step.event.agency
    return replace(journey, involved=tuple(a for a in journey.involved if a != agency))


ENDED = Kind(
    name="part.ended",
    title="An agency has no part in the child's journey any more",
    cites="003 principles: clear roles, responsibilities and accountability",
    content=NoContent,
    fold=_fold_ended,
    addressed=False,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(has_a_part, _owes_nothing, _tells_the_lead),
)

KINDS = (ENDED,)
