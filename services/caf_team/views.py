"""The CAF team's view: step downs that wait, then what those proposed as lead have answered."""

from collections.abc import Sequence
from operator import attrgetter

from contracts.messages import lead, stepdown
from services.agency.items import Item, State

_LEAD = frozenset(kind.name for kind in lead.KINDS)
_ORDER = (State.DELIVERED, State.OPENED, State.ACKNOWLEDGED, State.DECIDED)


def desk(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return alerts, then undecided step downs, then lead professionals (003 §§4.1-4.3).

    Step downs that nobody has taken come first, the longest waiting before others.
    """
    by_age = sorted((i for i in items if _concerns(i)), key=attrgetter("received"))
    return tuple(
        sorted(by_age, key=lambda i: (not i.alert, i.kind in _LEAD, _ORDER.index(i.state)))
    )


def _concerns(item: Item) -> bool:
    waiting = item.kind == stepdown.REQUESTED.name and item.state is not State.DECIDED
    return item.alert or waiting or item.kind in _LEAD
