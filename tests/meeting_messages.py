"""The messages about meetings and plans, as tests send them (003 §§2.8, 2.9, 5.1)."""

from datetime import timedelta
from typing import Any

from contracts.event import Signer
from contracts.roles import Capacity
from contracts.seal import Sealed
from tests.area import MANAGER, SCHOOL, WORKER, Area

_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}


def convened(
    area: Area,
    child: str,
    meeting: str,
    ref: str,
    by: str = WORKER,
    to: tuple[str, ...] = (SCHOOL,),
    **changes: Any,
) -> Sealed:
    """`by` calls a meeting in a week and invites."""
    at = changes.pop("takes_place_at", area.now + timedelta(days=7))
    content = {"meeting": meeting, "ref": ref, "takes_place_at": at}
    return area.sealed("meeting.convened", child, by, to, content=content, **changes)


def held(
    area: Area,
    child: str,
    meeting: str,
    ref: str,
    outcome: str = "continue",
    by: str = WORKER,
    to: tuple[str, ...] = (SCHOOL,),
    **changes: Any,
) -> Sealed:
    """`by` reports what a meeting came to; a social worker where it is social care's."""
    capacity = Capacity.SOCIAL_WORKER if by == WORKER else Capacity.PRACTITIONER
    made: dict[str, Any] = {
        "capacity": capacity,
        "content": {"meeting": meeting, "ref": ref, "outcome": outcome},
        "basis": _DUTY,
        **changes,
    }
    minutes = [area.statement("meeting.minutes", by=by)]
    return area.sealed("meeting.held", child, by, to, minutes, **made)


def postponed(
    area: Area,
    child: str,
    ref: str,
    by: str = MANAGER,
    to: tuple[str, ...] = (SCHOOL,),
    **changes: Any,
) -> Sealed:
    """A team manager puts a meeting off by a fortnight."""
    made: dict[str, Any] = {
        "capacity": Capacity.TEAM_MANAGER if by == MANAGER else Capacity.PRACTITIONER,
        **changes,
    }
    at = made.pop("takes_place_at", area.now + timedelta(days=14))
    content = {"ref": ref, "takes_place_at": at, "because": "family_unavailable"}
    return area.sealed("meeting.postponed", child, by, to, content=content, **made)


def plan_ended(area: Area, child: str, to: tuple[str, ...] = (), **changes: Any) -> Sealed:
    """The social worker records the end of a plan; the team manager countersigns."""
    made: dict[str, Any] = {
        "capacity": Capacity.SOCIAL_WORKER,
        "countersigners": (Signer(id=MANAGER, capacity=Capacity.TEAM_MANAGER),),
        **changes,
    }
    return area.sealed("protection-plan.ended", child, WORKER, to, **made)
