"""Child protection plans: how one begins, and the only ways in which one ends (003 §§2.8, 5.1)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from contracts.journey import Journey, Sent
from contracts.kinds import Kind, NoContent, Situation, Step, iso
from contracts.messages.standing import CARE, has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level


def under_protection(journey: Journey, since: str) -> Journey:
    """Return the journey with the child on a protection plan from `since` on.

    A plan that is in force already goes on from its own beginning.
    """
    begun = journey.level is Level.CHILD_PROTECTION and journey.protection_plan_since
    return replace(
        journey,
        level=Level.CHILD_PROTECTION,
        case_open=True,
        protection_plan_since=begun or since,
        protection_plan_ended="",
    )


def after_protection(journey: Journey, ended: str) -> Journey:
    """Return the journey with the plan ended and the child in need, both from `ended` on.

    From then the three months run before a step down to a CAF may be considered (003 §5.1).
    """
    return replace(
        journey,
        level=Level.CHILD_IN_NEED,
        case_open=True,
        protection_plan_since="",
        protection_plan_ended=ended,
        child_in_need_since=ended,
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
    ended = after_protection(journey, happened(step)).with_involved(step.event.agency)
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
