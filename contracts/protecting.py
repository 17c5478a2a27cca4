"""Who may learn where a child lives, where that is protected, and why somebody breaks the glass."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.roles import Role


class ProtectedBy(StrEnum):
    """Who decided that an address is protected."""

    FAMILY = "family"
    COURT = "court"


class BreakGlassReason(StrEnum):
    """Why somebody breaks the glass: a closed list, with the reader's own words beside it."""

    CHILD_PROTECTION = "child_protection"
    IMMEDIATE_DANGER = "immediate_danger"
    MISSING_CHILD = "missing_child"
    MEDICAL_EMERGENCY = "medical_emergency"
    COURT_TODAY = "court_today"


@dataclass(frozen=True, slots=True)
class ProtectedAddress:
    """That the address is protected, by whom, and the agencies and roles that may learn it.

    `recorded_by` is the agency that recorded it. Who had the address before keeps what it said
    itself; child protection is not held back.
    """

    by: ProtectedBy
    recorded_by: str
    agencies: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()


def protected_address(made: Mapping[str, Any] | None) -> ProtectedAddress | None:
    """Return the value of its compact form in a journey, or None."""
    if made is None:
        return None
    return ProtectedAddress(
        by=ProtectedBy(made["by"]),
        recorded_by=made["recorded_by"],
        agencies=tuple(made.get("agencies", ())),
        roles=tuple(Role(role) for role in made.get("roles", ())),
    )
