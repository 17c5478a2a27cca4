"""Whose word counts as a manager's: within the sending agency, by the directory (003 §2.3)."""

from collections.abc import Iterable

from contracts.event import Signer
from contracts.identifiers import agency_of
from contracts.kinds import Situation
from contracts.roles import Capacity

MANAGERS = frozenset({Capacity.TEAM_MANAGER, Capacity.LINE_MANAGER})


def manager_signs(s: Situation, capacities: Iterable[Capacity] = MANAGERS) -> bool:
    """Tell whether the author or a countersigner holds one of `capacities` in the sending agency.

    As at sealing. The author's own line manager and that manager's deputy count as line managers.
    """
    return any(_manages(s, signer, frozenset(capacities)) for signer in s.event.signers)


def manager_countersigns(s: Situation) -> bool:
    """Tell whether a manager of the sending agency, other than the author, signed as well."""
    return any(_manages(s, signer, MANAGERS) for signer in s.event.data.countersigners)


def _manages(s: Situation, signer: Signer, capacities: frozenset[Capacity]) -> bool:
    person = s.directory.practitioner(signer.id, s.event.time)
    if person is None or agency_of(signer.id) != s.event.agency:
        return False
    over_author = signer.id in s.directory.line_managers(s.event.data.author.id, s.event.time)
    held = {*person.capacities, *((Capacity.LINE_MANAGER,) if over_author else ())}
    return not capacities.isdisjoint(held)
