"""Social care's view: leads to answer, assessments to make, and what became of step downs."""

from collections.abc import Sequence
from operator import attrgetter

from contracts.messages import assessment, lead, referral, stepdown, stepup
from contracts.roles import Role
from services.agency.asking import waits
from services.agency.items import Item, State

_ASSESSMENTS = frozenset(
    {referral.DECIDED.name, stepup.DECIDED.name, *(kind.name for kind in assessment.KINDS)}
)
_LEADS = frozenset({lead.ACCEPTED.name, lead.REFUSED.name, stepdown.DECIDED.name})


def desk(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return, newest first within each: alerts, what is asked, assessments, then leads.

    First Response's decision to assess names who will (003 §2.7); a proposal waits for the person
    it names (003 §2.8).
    """
    ranked = [(rank, item) for item in items if (rank := _rank(item)) is not None]
    newest = sorted(ranked, key=lambda pair: attrgetter("received")(pair[1]), reverse=True)
    return tuple(item for _, item in sorted(newest, key=lambda pair: pair[0]))


def _rank(item: Item) -> int | None:
    if item.alert:
        return 0
    if waits(item, Role.SOCIAL_CARE) or (
        item.kind == lead.PROPOSED.name and item.state is not State.DECIDED
    ):
        return 1
    if item.kind in _ASSESSMENTS:
        return 2
    return 3 if item.kind in _LEADS else None
