"""What goes wrong with a message and is put right: withdrawn, redirected, returned for gaps.

A withdrawal takes the words back and never undoes what people have acted on: an open request, an
open proposal and a meeting not held yet go; whatever was accepted, decided or found stands and is
put right by a further message (003 principles: accountability; 004 §7.7: data protection).
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.consents import BasisKind
from contracts.document_parts import QuestionKey
from contracts.identifiers import AgencyId, MessageId
from contracts.journey import MOST_WITHDRAWN, Journey, Sent
from contracts.kinds import EVERY_ROLE, Kind, Situation, Step
from contracts.messages.guards import answered_request, answers_request, tells_referrer
from contracts.messages.managers import manager_countersigns
from contracts.messages.referral import MOST_ASKED, Concern
from contracts.messages.standing import left_out
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.values import Value

WITHDRAWN_OUTCOME = "withdrawn"
"""The outcome of a request that its sender took back."""

_FRONT_DOOR = frozenset({Role.FIRST_RESPONSE, Role.SOCIAL_CARE})
_CAF = frozenset({Role.CAF_TEAM})
REDIRECTED_TO = {
    "referral.submitted": _FRONT_DOOR,
    "stepup.requested": _FRONT_DOOR,
    "stepdown.requested": _CAF,
    "caf.information-sent": _CAF,
    "agency-check.requested": EVERY_ROLE,
    "enquiry.made": EVERY_ROLE,
}
"""By the kind of request, the roles that may answer it; other requests go to one agency only."""

WITHDRAWABLE = frozenset(
    {
        *REDIRECTED_TO,
        "agency-check.answered",
        "disagreement.raised",
        "enquiry.answered",
        "lead.proposed",
        "meeting.convened",
        "message.returned",
        "story.added",
        "task.set",
    }
)
"""What may be withdrawn for any error: it asks, proposes or tells, and decides nothing.

Of any other message, but never of a lead's acceptance, the words can be taken back from a wrong
recipient; what it decided stands.
"""
_LEAD_ACCEPTED = "lead.accepted"


class SentInError(StrEnum):
    """What went wrong; the first two are breaches and are counted as such."""

    WRONG_CHILD = "wrong_child"
    WRONG_RECIPIENT = "wrong_recipient"
    SENT_IN_ERROR = "sent_in_error"


class MessageWithdrawn(Value):
    """That `message` was sent in error and is no longer to be read by anybody."""

    message: MessageId
    error: SentInError


class WhyRedirected(StrEnum):
    """Why a request belongs elsewhere."""

    NOT_OURS = "not_ours"
    OTHER_AREA = "other_area"
    OTHER_SERVICE = "other_service"


class RequestRedirected(Value):
    """That a request goes on to the agency `to`; `of_kind` may say what kind of request it is.

    `concern` says that it is about child protection, so that it travels as such.
    """

    to: AgencyId
    because: WhyRedirected
    concern: Literal[Concern.CHILD_PROTECTION] | None = None
    of_kind: Annotated[str, Field(pattern=r"^[a-z-]+\.[a-z-]+$")] | None = None


class MessageReturned(Value):
    """That a request is returned for gaps: the questions still to be answered (York matrix)."""

    missing: Annotated[tuple[QuestionKey, ...], Field(min_length=1, max_length=64)]


def original(s: Situation) -> Sent | None:
    """Return the message to withdraw as the journey knows it, if the sender's own agency sent it.

    A request that was redirected went to everybody who was ever asked. Requests are known longer
    than other messages.
    """
    if s.journey is None:
        return None
    name, agency = s.message.content.message, s.event.agency
    request = s.journey.request(name)
    asked = request.to if request is not None and request.agency == agency else ()
    known = next((m for m in s.journey.recent if (m.id, m.agency) == (name, agency)), None)
    if known is not None:
        return replace(known, to=tuple(dict.fromkeys((*known.to, *asked))))
    return Sent(name, agency, asked, request.kind) if request is not None and asked else None


def _may_withdraw(s: Situation) -> Iterator[Refusal]:
    sent, content = original(s), s.message.content
    if sent is None:
        yield Refusal("withdrawal.unknown")
        return
    if s.journey is not None and content.message in s.journey.withdrawn:
        yield Refusal("withdrawal.already")
    from_recipient = content.error is SentInError.WRONG_RECIPIENT and sent.kind != _LEAD_ACCEPTED
    if sent.kind not in WITHDRAWABLE and not from_recipient:
        yield Refusal("withdrawal.of-record", sent.kind)
    yield from left_out(s, sent.to)


def _manager_lets_protection_go(s: Situation) -> Iterator[Refusal]:
    """Refuse to take a child-protection concern back on one person's word (003 §2.2)."""
    request = s.journey.request(s.message.content.message) if s.journey else None
    if request is None or not request.protection:
        return
    if s.message.content.error is SentInError.SENT_IN_ERROR or not manager_countersigns(s):
        yield Refusal("withdrawal.protection")


def _fold_withdrawn(journey: Journey, step: Step) -> Journey:
    name = step.content.message
    sent, request = journey.sent(name), journey.request(name)
    wrong_child = step.content.error is SentInError.WRONG_CHILD
    brought = set(sent.consents) if sent is not None and wrong_child else set[str]()
    after = replace(
        journey,
        withdrawn=(*journey.withdrawn, name)[-MOST_WITHDRAWN:],
        proposals=tuple(p for p in journey.proposals if p.id != name),
        meetings=tuple(m for m in journey.meetings if m.id != name),
        consents=tuple(c for c in journey.consents if c.consent.id not in brought),
        answered=_still_answered(journey, sent),
    )
    if request is None or request.outcome:
        return _taken_back(after, sent)
    return after.with_request(replace(request, outcome=WITHDRAWN_OUTCOME))


def _taken_back(journey: Journey, sent: Sent | None) -> Journey:
    """Return the journey with a redirection to a wrong recipient undone: who passed it on has it.

    The agency that a request was last redirected to stands first among those asked.
    """
    passed = (r for r in journey.requests if sent and r.about == sent.id and not r.outcome)
    request = next((r for r in passed if r.kind in REDIRECTED_TO), None)
    if request is None or sent is None:
        return journey
    to = dict.fromkeys((sent.agency, *request.to[1:]))
    return journey.with_request(replace(request, to=tuple(to), about=""))


def _still_answered(journey: Journey, sent: Sent | None) -> dict[str, tuple[str, str]]:
    """Return what is answered without `sent`: what a later message answered again stays so.

    A redirected request repeats what it redirects and answers nothing anew.
    """
    if sent is None:
        return journey.answered
    later = journey.recent[journey.recent.index(sent) + 1 :]
    again = {n for m in later if m.kind != "request.redirected" for n in m.answered}
    gone = {str(number) for number in sent.answered if number not in again}
    return {number: mark for number, mark in journey.answered.items() if number not in gone}


def _goes_where_it_can_be_answered(s: Situation) -> Iterator[Refusal]:
    content, request = s.message.content, answered_request(s)
    if content.to not in s.recipients:
        yield Refusal("recipient.missing", content.to)
    if request is None:
        return
    if content.of_kind not in (None, request.kind):
        yield Refusal("message.wrong-content", "content.of_kind")
    if content.to in {*request.to, request.agency, s.event.agency}:
        yield Refusal("redirect.same", content.to)
    if s.role_of(content.to) not in REDIRECTED_TO.get(request.kind, EVERY_ROLE):
        yield Refusal("redirect.role", content.to)


def _fold_redirected(journey: Journey, step: Step) -> Journey:
    """Ask the new agency; who redirects need not answer, but for child protection still must."""
    request = journey.request(step.event.data.answers or "")
    # Child protection passes whatever else is wrong with it, so the fold looks for itself.
    if request is None or request.outcome or step.event.agency not in request.to:
        return journey.with_involved(step.content.to)
    if step.content.concern is not None and not request.protection:
        return journey.with_involved(step.content.to)
    goes = set[str]() if request.protection else {step.event.agency}
    to = dict.fromkeys((step.content.to, *(a for a in request.to if a not in goes)))
    moved = replace(
        request,
        to=tuple(to)[:MOST_ASKED],
        about=step.event.id,
        acknowledged_by=tuple(a for a in request.acknowledged_by if a not in goes),
    )
    return journey.with_request(moved).with_involved(step.content.to)


def _not_protection(s: Situation) -> Iterator[Refusal]:
    """Refuse to return child protection: whatever it lacks may follow (003 §2.2)."""
    request = answered_request(s)
    if request is not None and request.protection:
        yield Refusal("return.child-protection")


def _fold_returned(journey: Journey, step: Step) -> Journey:
    return journey.with_involved(step.event.agency)


WITHDRAWN = Kind(
    name="message.withdrawn",
    title="A message was sent in error and is withdrawn",
    cites="004 §7.7; 003 principles: accountability",
    content=MessageWithdrawn,
    fold=_fold_withdrawn,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(_may_withdraw, _manager_lets_protection_go),
)

REDIRECTED = Kind(
    name="request.redirected",
    title="A request goes on to the agency where it belongs",
    cites="003 principles: transfer is timely; 004 §4.4",
    content=RequestRedirected,
    fold=_fold_redirected,
    guards=(
        answers_request(*REDIRECTED_TO),
        tells_referrer,
        _goes_where_it_can_be_answered,
    ),
)

RETURNED = Kind(
    name="message.returned",
    title="A request is returned for gaps and stays open",
    cites="002: information gathering",
    content=MessageReturned,
    fold=_fold_returned,
    guards=(
        answers_request(*REDIRECTED_TO),
        tells_referrer,
        _not_protection,
    ),
)

KINDS = (WITHDRAWN, REDIRECTED, RETURNED)
