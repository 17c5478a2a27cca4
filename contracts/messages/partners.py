"""Between partners: agency checks, disagreements and enquiries (004 §§4.4-4.6, 9.1).

Each is asked of one agency, so that there is one answer to it and one clock; who wants several
agencies to answer asks each of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.consents import SHARING_BASES
from contracts.identifiers import MessageId
from contracts.journey import Journey
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.guards import (
    answered_request,
    answers_request,
    needs_statement,
    tells_referrer,
)
from contracts.messages.referral import ask, decide_request
from contracts.messages.standing import CARE, has_a_part
from contracts.reasons import Refusal
from contracts.values import Value

ANSWERED = "answered"


class DisagreementRaised(Value):
    """A disagreement about the message `about`; stages are the partnership's own, 1 to 3."""

    about: MessageId
    stage: Annotated[int, Field(ge=1, le=3)]


class Resolution(StrEnum):
    """How a stage of a disagreement ended; `escalated` opens the next one."""

    UPHELD = "upheld"
    CHANGED = "changed"
    ESCALATED = "escalated"


class DisagreementResolved(Value):
    """What became of a disagreement; what it was about goes on unless a message changes it."""

    outcome: Resolution


class Channel(StrEnum):
    """How an enquiry came; the time to reply depends on it (004 §9.1)."""

    LETTER = "letter"
    EMAIL = "email"
    TELEPHONE = "telephone"


class EnquiryMade(Value):
    """An enquiry that wants a reply, a referrer's about a referral among them."""

    by: Channel


def goes_to_one_agency(s: Situation) -> Iterator[Refusal]:
    """Refuse a request to several agencies: the first answer would stand for all of them."""
    if len(s.recipients) > 1:
        yield Refusal("recipient.one-only")


def _fold_check(journey: Journey, step: Step) -> Journey:
    return ask(journey, step, CHECK_REQUESTED.name, protection=False)


def _fold_enquiry(journey: Journey, step: Step) -> Journey:
    """Wait for the reply; an enquiry from outside gives nobody a part in the journey."""
    asked = ask(journey, step, ENQUIRY_MADE.name, protection=False)
    has_part = step.event.agency in journey.involved
    return asked if has_part else replace(asked, involved=journey.involved)


def _fold_answered(journey: Journey, step: Step) -> Journey:
    return decide_request(journey, step, ANSWERED)


def _fold_replied(journey: Journey, step: Step) -> Journey:
    return replace(decide_request(journey, step, ANSWERED), involved=journey.involved)


def _about_somebody_elses(s: Situation) -> Iterator[Refusal]:
    """Refuse a disagreement about an unknown message, one's own, or told to another agency."""
    if s.journey is None:
        return
    about = s.message.content.about
    found = s.journey.sent(about) or s.journey.request(about)
    if found is None:
        yield Refusal("disagreement.unknown-message")
    elif found.agency == s.event.agency:
        yield Refusal("disagreement.own-message")
    elif found.agency not in s.recipients and s.role_of(found.agency) is not None:
        yield Refusal("recipient.missing", found.agency)


def _stage_follows(s: Situation) -> Iterator[Refusal]:
    """Refuse a stage that is open already, or whose earlier stage was not escalated."""
    if s.journey is None:
        return
    content = s.message.content
    raised = [r for r in s.journey.requests if (r.kind, r.about) == (RAISED.name, content.about)]
    if any(r.agency == s.event.agency and not r.outcome for r in raised):
        yield Refusal("disagreement.open")
    earlier = [r for r in raised if (r.stage, r.outcome) == (content.stage - 1, "escalated")]
    if content.stage > 1 and not earlier:
        yield Refusal("disagreement.stage")


def _resolves(s: Situation) -> Iterator[Refusal]:
    """Refuse a resolution by others than who was asked; who raised it may escalate it as well."""
    request = answered_request(s)
    escalates = s.message.content.outcome is Resolution.ESCALATED
    raised_it = request is not None and request.agency == s.event.agency
    if request is None or request.kind != RAISED.name:
        yield Refusal("request.unknown")
    elif request.outcome:
        yield Refusal("request.already-answered")
    elif s.event.agency not in request.to and not (raised_it and escalates):
        yield Refusal("request.not-recipient")


def _says_why(s: Situation) -> Iterator[Refusal]:
    if s.message.content.outcome is not Resolution.ESCALATED:
        yield from needs_statement("decision.reason")(s)


def _other_side_is_told(s: Situation) -> Iterator[Refusal]:
    request = answered_request(s)
    sides = {request.agency, *request.to} if request is not None else set[str]()
    for agency in sorted(sides - s.recipients - {s.event.agency}):
        if s.role_of(agency) is not None:
            yield Refusal("recipient.missing", agency)


def _fold_raised(journey: Journey, step: Step) -> Journey:
    asked = ask(journey, step, RAISED.name, protection=False)
    request = asked.request(step.event.id)
    if request is None:
        return asked
    content = step.content
    return asked.with_request(replace(request, about=content.about, stage=content.stage))


def _fold_resolved(journey: Journey, step: Step) -> Journey:
    return decide_request(journey, step, step.content.outcome.value)


CHECK_REQUESTED = Kind(
    name="agency-check.requested",
    title="What does your agency know? A check in child protection",
    cites="004 §4.6",
    content=NoContent,
    fold=_fold_check,
    senders=CARE,
    bases=SHARING_BASES,
    guards=(has_a_part, goes_to_one_agency),
    asks=True,
)

CHECK_ANSWERED = Kind(
    name="agency-check.answered",
    title="What an agency knows",
    cites="004 §4.6",
    content=NoContent,
    fold=_fold_answered,
    bases=SHARING_BASES,
    guards=(
        answers_request(CHECK_REQUESTED.name),
        tells_referrer,
        needs_statement("check.known"),
    ),
)

RAISED = Kind(
    name="disagreement.raised",
    title="An agency disagrees",
    cites="004 §4.5",
    content=DisagreementRaised,
    fold=_fold_raised,
    bases=SHARING_BASES,
    guards=(
        has_a_part,
        goes_to_one_agency,
        _about_somebody_elses,
        _stage_follows,
        needs_statement("disagreement.reason"),
    ),
    asks=True,
)

RESOLVED = Kind(
    name="disagreement.resolved",
    title="A stage of a disagreement is over",
    cites="004 §4.5",
    content=DisagreementResolved,
    fold=_fold_resolved,
    guards=(_resolves, _other_side_is_told, _says_why),
)

ENQUIRY_MADE = Kind(
    name="enquiry.made",
    title="An enquiry that wants a reply",
    cites="004 §9.1; Working Together 2023: the referrer follows up",
    content=EnquiryMade,
    fold=_fold_enquiry,
    guards=(goes_to_one_agency,),
    asks=True,
)

ENQUIRY_ANSWERED = Kind(
    name="enquiry.answered",
    title="The reply to an enquiry",
    cites="004 §9.1",
    content=NoContent,
    fold=_fold_replied,
    guards=(answers_request(ENQUIRY_MADE.name), tells_referrer),
)

KINDS = (
    CHECK_REQUESTED,
    CHECK_ANSWERED,
    RAISED,
    RESOLVED,
    ENQUIRY_MADE,
    ENQUIRY_ANSWERED,
)
