"""Two references that are one child: joined, and parted again, without rewriting either (ADR 0021).

A join is two messages, each about one child. The first retires a reference and ends its lead; the
second answers it and tells the reference that survives. Both are decided beside the other journey
as it stands, so that no order of arrival and no crash leaves the child with two leads.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final

from contracts.consents import BasisKind
from contracts.identifiers import ChildRef, PractitionerId
from contracts.journey import MOST_LINKED, Journey
from contracts.kinds import Kind, Opened, Situation, Step
from contracts.messages.standing import tells_involved
from contracts.reasons import Refusal
from contracts.restricting import lost
from contracts.roles import Capacity, Level, Role
from contracts.values import Value

_HEIGHT: Final = tuple(Level)
_WHO: Final = frozenset({Role.CAF_TEAM, Role.FIRST_RESPONSE})
_ASSESSING: Final = frozenset({"assessment.started", "assessment.concluded", "conference.held"})
_CASE: Final = frozenset({"case.closed", "protection-plan.ended"})
STILL_TAKEN: Final = frozenset(
    {
        "address.protected",
        "address.unprotected",
        "child.linked",
        "child.unlinked",
        "consent.refused",
        "consent.withdrawn",
        "disagreement.raised",
        "disagreement.resolved",
        "message.acknowledged",
        "message.withdrawn",
        "people.must-not-know",
        "people.not-told",
        "people.told",
        "standard.explained",
        "story.erased",
        "task.done",
    }
)
"""What is still taken about a retired reference: it ends, disputes or guards what is there."""


class WhyLinked(StrEnum):
    """By what two references proved to be one child."""

    SAME_IDENTIFIER = "same_identifier"
    FAMILY_CONFIRMED = "family_confirmed"
    PROFESSIONAL_JUDGEMENT = "professional_judgement"


class WhyUnlinked(StrEnum):
    """Why two references are two children after all."""

    DIFFERENT_CHILDREN = "different_children"
    WRONG_IDENTIFIER = "wrong_identifier"


class ChildLinked(Value):
    """That this reference and `other` are one child, who goes on as `survivor`, one of the two.

    `lead` is who leads the surviving reference and goes on; None where neither is led.
    """

    other: ChildRef
    survivor: ChildRef
    lead: PractitionerId | None = None
    because: WhyLinked


class ChildUnlinked(Value):
    """That this reference and `other` are two children after all; each goes on by itself."""

    other: ChildRef
    because: WhyUnlinked


def other_child(message: Opened) -> str | None:
    """Return the other reference beside whose journey a message has to be decided, or None."""
    content = message.content
    return content.other if isinstance(content, ChildLinked | ChildUnlinked) else None


def children_of(message: Opened) -> tuple[str, ...]:
    """Return the references whose journeys a decision on the message looks at."""
    other = other_child(message)
    return (message.event.subject, *((other,) if other else ()))


def stands_for_itself(s: Situation) -> Iterator[Refusal]:
    """Refuse what would begin anything under a retired reference, and name the one that survives.

    What is open there may be brought to an end: a request be answered, an assessment concluded, a
    case closed. Child protection is never asked (003 §2.2).
    """
    journey = s.journey
    if journey is None or not journey.linked_into or s.message.kind.by_service:
        return
    if s.event.kind not in STILL_TAKEN and not _ends_what_is_open(s, journey):
        yield Refusal("child.linked-to", journey.linked_into)


def _ends_what_is_open(s: Situation, journey: Journey) -> bool:
    name, request = s.event.kind, journey.request(s.event.data.answers or "")
    answers = request is not None and not request.outcome and not s.message.kind.asks
    assesses = name in _ASSESSING and journey.assessment is not None
    return answers or assesses or (name in _CASE and journey.case_open)


def _names_both(s: Situation) -> Iterator[Refusal]:
    content = s.message.content
    if content.other == s.event.subject:
        yield Refusal("message.wrong-content", "content.other")
    elif content.survivor not in (s.event.subject, content.other):
        yield Refusal("message.wrong-content", "content.survivor")
    elif s.other is None:
        yield Refusal("child.other-unknown")


def _may_retire(s: Situation) -> Iterator[Refusal]:
    """Refuse to retire this reference where the child would lose by it, or have two leads."""
    content, mine, other = s.message.content, s.journey, s.other
    if content.survivor == s.event.subject or mine is None or other is None:
        return
    if mine.linked_into:
        yield Refusal("child.linked-already")
    if other.linked_into:
        yield Refusal("child.linked-to", other.linked_into)
    if content.lead != _leads(other):
        yield Refusal("child.other-lead")
    if mine.lead is not None and (other.lead is None or (other.lead_left and not mine.lead_left)):
        yield Refusal("child.wrong-survivor", "lead")
    if _HEIGHT.index(mine.level) > _HEIGHT.index(other.level):
        yield Refusal("child.wrong-survivor", "level")
    if mine.case_open and not other.case_open:
        yield Refusal("child.wrong-survivor", "case")
    if mine.assessment is not None:
        yield Refusal("child.wrong-survivor", "assessment")


def _keeps_what_is_kept_back(s: Situation) -> Iterator[Refusal]:
    """Refuse to retire a reference under which more is kept back than under the one that survives.

    What it is is named to nobody who must not learn of a referral.
    """
    content, mine, other = s.message.content, s.journey, s.other
    if content.survivor == s.event.subject or mine is None or other is None:
        return
    kept_out = any(signer.id in mine.must_not_know for signer in s.event.signers)
    for what in dict.fromkeys("" if kept_out else one for one in lost(mine, other, s.now)):
        yield Refusal("child.restriction-lost", what)


def _may_complete(s: Situation) -> Iterator[Refusal]:
    """Refuse to tell a survivor of a reference that has not been retired into it before."""
    content, mine, other = s.message.content, s.journey, s.other
    if content.survivor != s.event.subject or mine is None or other is None:
        return
    if other.linked_into != s.event.subject or other.linked_by != s.event.data.answers:
        yield Refusal("child.not-linked")
    if content.other in mine.linked:
        yield Refusal("child.linked-already")
    if len(mine.linked) >= MOST_LINKED:
        yield Refusal("journey.full")
    if content.lead != _leads(mine):
        yield Refusal("child.other-lead")


def _leads(journey: Journey) -> str | None:
    return journey.lead.practitioner if journey.lead else None


def _are_linked(s: Situation) -> Iterator[Refusal]:
    """Refuse to part what is not joined; the retired reference is released before the survivor."""
    other = s.message.content.other
    if s.journey is None or s.journey.linked_into == other:
        return
    if other not in s.journey.linked:
        yield Refusal("child.not-linked")
    elif s.other is not None and s.other.linked_into == s.event.subject:
        yield Refusal("child.still-linked")


def _fold_linked(journey: Journey, step: Step) -> Journey:
    content, told = step.content, tuple(r.agency for r in step.event.data.recipients)
    if content.survivor == journey.child:
        linked = tuple(dict.fromkeys((*journey.linked, content.other)))
        return replace(journey, linked=linked).with_involved(step.event.agency, *told)
    retired = replace(
        journey,
        lead=None,
        lead_left="",
        proposals=(),
        linked_into=content.survivor,
        linked_by=step.event.id,
    )
    return retired.with_involved(step.event.agency)


def _fold_unlinked(journey: Journey, step: Step) -> Journey:
    other = step.content.other
    if journey.linked_into == other:
        alone = replace(journey, linked_into="", linked_by="")
    else:
        alone = replace(journey, linked=tuple(c for c in journey.linked if c != other))
    return alone.with_involved(step.event.agency)


LINKED = Kind(
    name="child.linked",
    title="Two references are one child",
    cites="003 principles: clarity about who is lead professional; families tell their story once",
    content=ChildLinked,
    fold=_fold_linked,
    senders=_WHO,
    countersigned_by=(Capacity.TEAM_MANAGER,),
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(_names_both, _may_retire, _keeps_what_is_kept_back, _may_complete, tells_involved),
)

UNLINKED = Kind(
    name="child.unlinked",
    title="Two references are two children after all",
    cites="003 principles: clarity about who is lead professional",
    content=ChildUnlinked,
    fold=_fold_unlinked,
    senders=_WHO,
    countersigned_by=(Capacity.TEAM_MANAGER,),
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(_are_linked, tells_involved),
)

KINDS = (LINKED, UNLINKED)
