"""The duty desk's view: child protection first, and first of all what nobody has taken yet."""

from collections.abc import Sequence
from operator import attrgetter

from contracts.roles import Role
from services.agency.asking import waits
from services.agency.items import Item, State

_TAKEN = (State.ACKNOWLEDGED, State.DECIDED)


def desk(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return alerts and undecided requests: protection, then alerts, then the rest (003 §2.2).

    Within each, what no person has acknowledged comes first, the longest waiting before others.
    """
    open_ones = [i for i in items if i.alert or waits(i, Role.FIRST_RESPONSE)]
    by_age = sorted(open_ones, key=attrgetter("received"))
    return tuple(sorted(by_age, key=lambda i: (not i.protection, not i.alert, i.state in _TAKEN)))
