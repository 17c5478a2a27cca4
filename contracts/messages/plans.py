"""Levels of help and child protection plans: how a plan begins, and the only way in which it ends.

003 §§2.8, 5.1: a conference makes a plan, social worker and team manager end it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from contracts.journey import Journey, Sent
from contracts.kinds import Kind, NoContent, Situation, Step, iso
from contracts.messages.standing import CARE, IN_NEED, has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level


def placed(journey: Journey, level: Level) -> Journey:
    """Return the journey with the child at `level`, as a message has recorded it.

    A Team Around the Child that is there when social care takes over goes on beside it (003 §2.7).
    """
    team = level in IN_NEED and (journey.team or journey.level is Level.EARLY_HELP)
    return replace(journey, level=level, level_known=True, team=team)


def found_at_risk(journey: Journey) -> Journey:
    """Return the journey with the child at child protection; a conference decides on the plan."""
    return replace(placed(journey, Level.CHILD_PROTECTION), case_open=True)


def after_conference(journey: Journey, held: str, learned: str, *, plan: bool) -> Journey:
    """Return the journey after a conference held at `held` and known since `learned` (003 §2.8).

    A plan begins with the conference; one in force goes on from its own beginning. A team that was
    there before has a core group in its place: early help comes back by a step down alone. Where
    no plan was made and none is in force, the child is in need.
    """
    if plan:
        return replace(
            placed(journey, Level.CHILD_PROTECTION),
            case_open=True,
            team=False,
            protection_plan_since=journey.protection_plan_since or held,
            protection_plan_ended="",
        )
    if journey.level is not Level.CHILD_PROTECTION or journey.protection_plan_since:
        return journey
    in_need = placed(journey, Level.CHILD_IN_NEED)
    return replace(in_need, case_open=True, child_in_need_since=learned)


def after_protection(journey: Journey, ended: str, learned: str) -> Journey:
    """Return the journey with the plan ended at `ended`, in need since `learned`.

    The three months before a step down to a CAF run from the later, so that no earlier day that
    somebody names shortens them; a step down from before does not count any more (003 §5.1).
    """
    return replace(
        placed(journey, Level.CHILD_IN_NEED),
        case_open=True,
        team=False,
        protection_plan_since="",
        protection_plan_ended=ended,
        child_in_need_since=learned,
    )


def happened(step: Step) -> str:
    """Return when what the message reports took place: its `occurred_at`, never after `now`."""
    occurred = step.event.data.occurred_at
    return step.at if occurred is None else iso(min(occurred, step.now))


def known_without_recipients(journey: Journey, step: Step) -> Journey:
    """Return the journey that knows this message though it went to nobody.

    People outside the exchange, the family first of all, are told of it, and of nothing unknown.
    """
    if step.event.data.recipients or step.event.data.history is not None:
        return journey
    return journey.with_sent(Sent(step.event.id, step.event.agency, kind=step.event.kind))


def _plan_in_force(s: Situation) -> Iterator[Refusal]:
    if s.journey is None or s.journey.level is not Level.CHILD_PROTECTION:
        yield Refusal("plan.none")


def _ends_after_it_was_in_force(s: Situation) -> Iterator[Refusal]:
    """Refuse an end before the plan began, or before a review that let it go on.

    The day that the signers name starts the three months, so it may not be put before what the
    journey knows (003 §5.1).
    """
    occurred = s.event.data.occurred_at
    if s.journey is None or occurred is None:
        return
    known = max(s.journey.protection_plan_since, s.journey.last_review)
    if known and occurred < datetime.fromisoformat(known):
        yield Refusal("plan.ended-before")


def _fold_ended(journey: Journey, step: Step) -> Journey:
    over = after_protection(journey, happened(step), step.at)
    ended = over.with_involved(step.event.agency)
    return known_without_recipients(ended, step)


ENDED = Kind(
    name="protection-plan.ended",
    title="A child protection plan has ended",
    cites="003 §5.1",
    content=NoContent,
    fold=_fold_ended,
    addressed=False,
    senders=CARE,
    authors=frozenset({Capacity.SOCIAL_WORKER}),
    countersigned_by=(Capacity.TEAM_MANAGER,),
    guards=(has_a_part, _plan_in_force, _ends_after_it_was_in_force),
)

KINDS = (ENDED,)
