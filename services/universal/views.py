"""A universal agency's view: what became of what it asked for, and what is asked of it."""

from collections.abc import Sequence
from operator import attrgetter

from contracts.messages import assessment, closing, corrections, lead, recording, referral, stepup
from contracts.roles import Role
from services.agency.asking import waits
from services.agency.items import Item, State

_OUTCOMES = frozenset(
    {
        recording.ACKNOWLEDGED.name,
        referral.DECIDED.name,
        stepup.DECIDED.name,
        lead.ACCEPTED.name,
        lead.REFUSED.name,
        corrections.REDIRECTED.name,
        corrections.RETURNED.name,
        *(kind.name for kind in (*assessment.KINDS, *closing.KINDS)),
    }
)


def desk(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return, newest first within each: alerts, what is asked, outcomes (003 §§1.1, 2.6).

    A proposal to lead is asked as well; that a request went elsewhere or came back is an outcome.

    `answers` of an outcome names the referral or request that it is about.
    """
    ranked = [(rank, item) for item in items if (rank := _rank(item)) is not None]
    newest = sorted(ranked, key=lambda pair: attrgetter("received")(pair[1]), reverse=True)
    return tuple(item for _, item in sorted(newest, key=lambda pair: pair[0]))


def _rank(item: Item) -> int | None:
    if item.alert:
        return 0
    if waits(item, Role.UNIVERSAL) or (
        item.kind == lead.PROPOSED.name and item.state is not State.DECIDED
    ):
        return 1
    return 2 if item.kind in _OUTCOMES else None
