"""Which lines of an inbox ask something that the agency itself may answer and has not yet."""

from typing import Final

from contracts.kinds import EVERY_ROLE
from contracts.messages import KINDS
from contracts.messages.corrections import REDIRECTED, REDIRECTED_TO
from contracts.roles import Role
from services.agency.items import Item, State

_OVER: Final = (State.DECIDED, State.WITHDRAWN)
_ANSWERED_BY: Final = {
    **{k.name: REDIRECTED_TO.get(k.name, EVERY_ROLE) for k in KINDS.values() if k.asks},
    # A universal agency is told where its own request went far more often than it is asked so.
    REDIRECTED.name: EVERY_ROLE - {Role.UNIVERSAL},
}
"""By kind, the roles that may answer it; a redirected request is one for whom it comes to."""


def waits(item: Item, role: Role) -> bool:
    """Tell whether a line asks an agency of `role` for what is neither decided nor withdrawn."""
    return role in _ANSWERED_BY.get(item.kind, ()) and item.state not in _OVER
