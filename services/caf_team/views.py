"""The CAF team's view: requests that wait, then what those proposed as lead have answered."""

from collections.abc import Sequence
from operator import attrgetter

from contracts.messages import lead
from contracts.roles import Role
from services.agency.asking import waits
from services.agency.items import Item, State

_LEAD = frozenset(kind.name for kind in lead.KINDS)
_ORDER = tuple(State)


def desk(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return alerts, then undecided requests, then lead professionals (003 §§3.2, 4.1-4.3).

    Requests that nobody has taken come first, the longest waiting before others.
    """
    by_age = sorted((i for i in items if _concerns(i)), key=attrgetter("received"))
    return tuple(
        sorted(by_age, key=lambda i: (not i.alert, i.kind in _LEAD, _ORDER.index(i.state)))
    )


def _concerns(item: Item) -> bool:
    return item.alert or waits(item, Role.CAF_TEAM) or item.kind in _LEAD
