"""What a family decides, and what happens to it: a choice, a birth, a move (003 §§3.1, 5.2-5.7)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.consents import SHARING_BASES
from contracts.journey import Journey
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.dates import born_later_than
from contracts.messages.guards import needs_statement
from contracts.messages.standing import (
    CHOSEN,
    DECLINED,
    has_a_part,
    speaks_for_family,
    tells_involved,
)
from contracts.reasons import Refusal
from contracts.values import Value

_ABOUT_SUPPORT = ("caf.information-sent", "stepdown.requested")


class Choice(StrEnum):
    """Whether the family wishes to be supported through the CAF process (003 §§3.1, 5.2)."""

    WISHES_SUPPORT = "wishes_support"
    DECLINES = "declines"


class ChoiceRecorded(Value):
    """The family's choice; `declines` is final until the family itself chooses anew (003 §3.3)."""

    choice: Choice


class FamilyMoved(Value):
    """That the family lives in another area now; `area` is its GSS code, such as E08000005."""

    area: Annotated[str, StringConstraints(pattern=r"^[EWSN][0-9]{8}$")]


def may_be_unborn(s: Situation) -> Iterator[Refusal]:
    """Refuse to call a child unborn who is known already and was not: nobody is born twice."""
    if s.message.content.unborn and s.journey is not None and not s.journey.unborn:
        yield Refusal("child.already-born")


def unborn_after(journey: Journey, *, said: bool) -> bool:
    """Return whether the child is unborn after a message that `said` so; only a first makes it so.

    Child protection passes whatever it says, so the fold decides for itself.
    """
    return journey.unborn or (said and journey.entries == 0)


def _is_unborn(s: Situation) -> Iterator[Refusal]:
    if s.journey is not None and not s.journey.unborn:
        yield Refusal("child.already-born")


def _birth_is_past(s: Situation) -> Iterator[Refusal]:
    if born_later_than(s.message, min(s.now, s.event.time)):
        yield Refusal("message.in-future", "identity.born_on")


def _fold_choice(journey: Journey, step: Step) -> Journey:
    told = journey.with_involved(step.event.agency)
    if step.content.choice is Choice.WISHES_SUPPORT:
        return replace(told, support=CHOSEN)
    return declined(told)


def declined(journey: Journey) -> Journey:
    """Return the journey after the family's no: what was asked for its support is over.

    Nobody is chased, and no proposal to lead stays open. A step up or an assessment goes on.
    """
    return replace(without_support_asked(journey, DECLINED), support=DECLINED, proposals=())


def without_support_asked(journey: Journey, outcome: str) -> Journey:
    """Return the journey with every open request for the family's support decided as `outcome`."""
    requests = tuple(
        replace(r, outcome=outcome) if not r.outcome and r.kind in _ABOUT_SUPPORT else r
        for r in journey.requests
    )
    return replace(journey, requests=requests)


def _fold_born(journey: Journey, step: Step) -> Journey:
    return replace(journey, unborn=False).with_involved(step.event.agency)


def _fold_moved(journey: Journey, step: Step) -> Journey:
    told = (r.agency for r in step.event.data.recipients)
    return replace(journey, moved_to=step.content.area).with_involved(step.event.agency, *told)


CHOICE = Kind(
    name="family.choice-recorded",
    title="The family's choice about support",
    cites="003 §§3.1, 3.3, 5.2, 5.3, 5.7",
    content=ChoiceRecorded,
    fold=_fold_choice,
    addressed=False,
    guards=(has_a_part, speaks_for_family),
)

BORN = Kind(
    name="child.born",
    title="An unborn child has been born",
    cites="003 principles: families tell their story once; domain: unborn children",
    content=NoContent,
    fold=_fold_born,
    addressed=False,
    bases=SHARING_BASES,
    guards=(
        has_a_part,
        _is_unborn,
        needs_statement("identity.born_on"),
        _birth_is_past,
    ),
)

MOVED = Kind(
    name="family.moved",
    title="The family moved to another area",
    cites="003 principles: families are kept informed, know who to contact",
    content=FamilyMoved,
    fold=_fold_moved,
    addressed=False,
    guards=(has_a_part, speaks_for_family, tells_involved),
)

KINDS = (CHOICE, BORN, MOVED)
