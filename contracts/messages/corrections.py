"""What goes wrong with a message and is put right: withdrawn, redirected, returned for gaps.

A withdrawal takes the words back and never undoes what people have acted on: an open request, an
open proposal and a meeting not held yet go; whatever was accepted, decided or found stands and is
put right by a further message (003 principles: accountability; 004 §7.7: data protection). Who
only had a part by a message about the wrong child, or gone to the wrong place, has none any more.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.consents import BasisKind, ConsentHeld
from contracts.document_parts import QuestionKey
from contracts.identifiers import AgencyId, MessageId
from contracts.journey import MOST_WITHDRAWN, Journey, Sent
from contracts.kinds import EVERY_ROLE, Kind, Situation, Step
from contracts.managers import is_alone
from contracts.messages.guards import WITHDRAWN as WITHDRAWN_OUTCOME
from contracts.messages.guards import answered_request, answers_request, tells_referrer
from contracts.messages.managers import manager_countersigns
from contracts.messages.referral import MOST_ASKED, Concern
from contracts.messages.standing import left_out
from contracts.messages.taking_back import still_answered, support_after, without_parts
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.values import Value

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

Of any other message the words can be taken back from a wrong recipient, or where it was about the
wrong child; what it decided stands until further messages put it right.
"""
_NEVER = frozenset({"lead.accepted", "message.withdrawn"})
"""What has no words to take back: who accepted leads on, what was withdrawn stays so."""
_BREACHES = ("wrong_child", "wrong_recipient")


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
    words = content.error in _BREACHES and sent.kind not in _NEVER
    if sent.kind not in WITHDRAWABLE and not words:
        yield Refusal("withdrawal.of-record", sent.kind)
    yield from left_out(s, sent.to)


def _manager_lets_protection_go(s: Situation) -> Iterator[Refusal]:
    """Refuse to take a child-protection concern back on one person's word (003 §2.2).

    But of somebody who works alone: whoever has the concern learns that it was taken back.
    """
    request = s.journey.request(s.message.content.message) if s.journey else None
    if request is None or not request.protection:
        return
    agreed = manager_countersigns(s) or is_alone(s.directory, s.event.agency, s.event.time)
    if s.message.content.error is SentInError.SENT_IN_ERROR or not agreed:
        yield Refusal("withdrawal.protection")


def _fold_withdrawn(journey: Journey, step: Step) -> Journey:
    """Take back what the sender's own agency sent under that id; another's of that id stays."""
    name, agency = step.content.message, step.event.agency
    sent, request = journey.sent(name), journey.request(name)
    sent = sent if sent is not None and sent.agency == agency else None
    request = request if request is not None and request.agency == agency else None
    wrong_child = step.content.error is SentInError.WRONG_CHILD
    brought = set(sent.consents) if sent is not None and wrong_child else set[str]()
    after = replace(
        journey,
        withdrawn=(*journey.withdrawn, name)[-MOST_WITHDRAWN:],
        proposals=tuple(p for p in journey.proposals if (p.id, p.proposed_by) != (name, agency)),
        meetings=tuple(m for m in journey.meetings if (m.id, m.by) != (name, agency)),
        consents=_without(journey.consents, brought),
        answered=still_answered(journey, sent),
        support=support_after(journey, sent, request, wrong_child=wrong_child),
    )
    if request is not None and not request.outcome and _asks_no_more(request.kind, step):
        after = after.with_request(replace(request, outcome=WITHDRAWN_OUTCOME))
    else:
        after = _taken_back(after, sent)
    if sent is None or not sent.parts or step.content.error not in _BREACHES:
        return after
    return without_parts(after, sent, wrong_child=wrong_child)


def _asks_no_more(kind: str, step: Step) -> bool:
    return kind in WITHDRAWABLE or step.content.error is SentInError.WRONG_CHILD


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


def _without(consents: tuple[ConsentHeld, ...], brought: set[str]) -> tuple[ConsentHeld, ...]:
    """Return the consents without those that were `brought`; what they keep back stays kept back.

    Else a family's no could be undone by whoever brought the consent that it ended.
    """
    left = (held.kept_back() if held.consent.id in brought else held for held in consents)
    return tuple(held for held in left if held is not None)


def passed_on(s: Situation) -> frozenset[str]:
    """Return the agencies to which a message passes on child protection that was asked of it.

    Consent is not asked for there (003 §2.2): whom it was asked of, who asked, and the new agency
    where that may act on it. Empty for every other message.
    """
    if s.message.kind.name != REDIRECTED.name:
        return frozenset()
    request, to = answered_request(s), s.message.content.to
    if request is None or not request.protection or s.event.agency not in request.to:
        return frozenset()
    may_act = s.role_of(to) in REDIRECTED_TO.get(request.kind, EVERY_ROLE)
    return frozenset({request.agency, *request.to, *((to,) if may_act else ())})


def whose_words(s: Situation) -> frozenset[str]:
    """Return who asked what a message redirects: they hear of it, and wrote its words themselves.

    The consent to share them elsewhere need not name them.
    """
    request = answered_request(s) if s.message.kind.name == REDIRECTED.name else None
    return frozenset({request.agency} if request is not None else ())


def _goes_where_it_can_be_answered(s: Situation) -> Iterator[Refusal]:
    content, request = s.message.content, answered_request(s)
    if content.to not in s.recipients:
        yield Refusal("recipient.missing", content.to)
    if request is None or s.event.agency not in request.to:
        return
    if content.of_kind not in (None, request.kind):
        yield Refusal("message.wrong-content", "content.of_kind")
    if content.concern is not None and not request.protection:
        yield Refusal("message.wrong-content", "content.concern")
    if content.to in {*request.to, request.agency, s.event.agency}:
        yield Refusal("redirect.same", content.to)
    roles = REDIRECTED_TO.get(request.kind, EVERY_ROLE)
    # Whoever has child protection may bring in who acts on it: nobody is asked less for that.
    giver = content.to if request.protection else s.event.agency
    for agency in dict.fromkeys((content.to, giver)):
        if s.role_of(agency) not in roles:
            yield Refusal("redirect.role", agency)


def _fold_redirected(journey: Journey, step: Step) -> Journey:
    """Ask the new agency; who redirects need not answer, but for child protection still must."""
    request = journey.request(step.event.data.answers or "")
    if request is None:
        return journey
    goes = set[str]() if request.protection else {step.event.agency}
    to = dict.fromkeys((step.content.to, *(a for a in request.to if a not in goes)))
    moved = replace(
        request,
        to=tuple(to)[:MOST_ASKED],
        about=step.event.id,
        acknowledged_by=tuple(a for a in request.acknowledged_by if a not in goes),
    )
    after = journey.with_request(moved)
    # Who has no part can give none: an enquiry may go from hand to hand among outsiders.
    has_part = step.event.agency in journey.involved
    return after.with_involved(step.content.to) if has_part else after


def _not_protection(s: Situation) -> Iterator[Refusal]:
    """Refuse to return child protection: whatever it lacks may follow (003 §2.2)."""
    request = answered_request(s)
    if request is not None and request.protection:
        yield Refusal("return.child-protection")


def _unchanged(journey: Journey, _step: Step) -> Journey:
    return journey


WITHDRAWN = Kind(
    name="message.withdrawn",
    title="A message was sent in error and is withdrawn",
    cites="004 §7.7; 003 principles: accountability",
    content=MessageWithdrawn,
    fold=_fold_withdrawn,
    addressed=False,
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
    fold=_unchanged,
    guards=(
        answers_request(*REDIRECTED_TO),
        tells_referrer,
        _not_protection,
    ),
)

KINDS = (WITHDRAWN, REDIRECTED, RETURNED)
