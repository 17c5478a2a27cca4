"""Messages of real life, as tests send them: mistakes put right, standards, partners and tasks."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from contracts.event import Signer
from contracts.roles import Capacity
from contracts.seal import Sealed
from tests.area import DOCTOR, DUTY, FRONT, GP, HEAD, MANAGER, SCHOOL, TEACHER, WORKER, Area

DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s47"}
HEAD_SIGNS = (Signer(id=HEAD, capacity=Capacity.LINE_MANAGER),)
CLOCK = "decide-request"


def withdrawn(
    area: Area,
    child: str,
    message: str,
    error: str = "sent_in_error",
    *,
    to: Iterable[str] = (FRONT,),
    by: str = TEACHER,
    **changes: Any,
) -> Sealed:
    """`by` takes back a message of the own agency."""
    content = {"message": message, "error": error}
    return area.sealed("message.withdrawn", child, by, to, content=content, **changes)


def redirected(
    area: Area,
    child: str,
    request: str,
    to: str,
    *,
    told: Iterable[str] = (SCHOOL,),
    by: str = DUTY,
    about: str = "concern.what_happened",
    **content: Any,
) -> Sealed:
    """`by` passes a request on to `to`, with what it was shown as it was first recorded."""
    said = area.statement(about)
    return area.sealed(
        "request.redirected",
        child,
        by,
        dict.fromkeys((to, *told)),
        [said],
        answers=request,
        basis=DUTY_OF_CARE,
        content={"to": to, "because": "not_ours", **content},
    )


def returned(area: Area, child: str, request: str, *missing: str, by: str = DUTY) -> Sealed:
    """`by` returns a request to the school for gaps."""
    content = {"missing": missing or ("views.child",)}
    return area.sealed("message.returned", child, by, [SCHOOL], answers=request, content=content)


def handed_on(
    area: Area, child: str, leaves: str, takes: str, *, by: str, to: Iterable[str], **changes: Any
) -> Sealed:
    """`by` hands on to `takes` what is open with `leaves`."""
    content = {"from_practitioner": leaves, "to_practitioner": takes}
    return area.sealed("work.handed-on", child, by, to, content=content, **changes)


def clock(started_by: str, rule: str = CLOCK, **more: Any) -> dict[str, Any]:
    """The content that names a clock."""
    return {"clock": rule, "started_by": started_by, **more}


def explained(area: Area, child: str, content: dict[str, Any], **changes: Any) -> Sealed:
    """First Response says why a standard was missed."""
    made = {
        "basis": {"kind": "statutory_duty", "provision": "CA2004-s11"},
        "content": {"cause": "workload", **content},
        **changes,
    }
    author = made.pop("author", DUTY)
    statements = made.pop("statements", None)
    if statements is None:
        statements = [area.statement("standard.reason", "three on duty were ill", by=author)]
    return area.sealed("standard.explained", child, author, (), statements, **made)


def standard(area: Area, child: str, what: str, content: dict[str, Any], **changes: Any) -> Sealed:
    """First Response's manager extends, pauses or resumes a clock."""
    author = changes.pop("author", f"{FRONT}.manager")
    capacity = changes.pop("capacity", Capacity.TEAM_MANAGER)
    kind = f"standard.{what}"
    return area.sealed(kind, child, author, content=content, capacity=capacity, **changes)


def by_tracker(area: Area, child: str, kind: str, to: str, content: dict[str, Any]) -> Sealed:
    """The tracker seals a notice."""
    source = "urn:handrail:demo:tracker"
    return area.sealed(
        kind,
        child,
        "demo.tracker",
        [to],
        content=content,
        capacity=Capacity.SERVICE,
        source=source,
    )


def missed(area: Area, child: str, started_by: str, rule: str = CLOCK) -> Sealed:
    """The tracker tells First Response's manager that a clock ran out."""
    content = clock(started_by, rule, due_at=area.now, manager=f"{FRONT}.manager")
    return by_tracker(area, child, "standard.missed", FRONT, content)


def warned(area: Area, child: str, started_by: str, rule: str = CLOCK) -> Sealed:
    """The tracker warns First Response that a clock is about to run out."""
    content = clock(started_by, rule, due_at=area.now + timedelta(hours=2), practitioner=DUTY)
    return by_tracker(area, child, "standard.warned", FRONT, content)


def lead_left(area: Area, child: str, who: str, to: str) -> Sealed:
    """The tracker tells an agency that the lead is no longer there."""
    return by_tracker(area, child, "lead.left", to, {"practitioner": who})


def check_requested(area: Area, child: str, to: Iterable[str] = (GP,), **changes: Any) -> Sealed:
    """Social care asks what an agency knows."""
    made = {"basis": DUTY_OF_CARE, "capacity": Capacity.SOCIAL_WORKER, **changes}
    author = made.pop("author", WORKER)
    return area.sealed("agency-check.requested", child, author, to, **made)


def check_answered(area: Area, child: str, request: str, *, known: bool = True) -> Sealed:
    """The surgery says what it knows."""
    said = [area.statement("check.known", "two missed appointments", by=DOCTOR)] if known else []
    return area.sealed(
        "agency-check.answered",
        child,
        DOCTOR,
        [WORKER.rsplit(".", 1)[0]],
        said,
        answers=request,
        basis=DUTY_OF_CARE,
    )


def disagreed(
    area: Area, child: str, about: str, stage: int = 1, to: str = FRONT, **changes: Any
) -> Sealed:
    """The school disagrees with a message of another agency."""
    made = {"basis": DUTY_OF_CARE, "content": {"about": about, "stage": stage}, **changes}
    author = made.pop("author", TEACHER)
    why = [area.statement("disagreement.reason", by=author)]
    return area.sealed("disagreement.raised", child, author, [to], why, **made)


def resolved(
    area: Area, child: str, raised: str, outcome: str, *, by: str = DUTY, to: str = SCHOOL
) -> Sealed:
    """The agency asked ends a stage; escalating needs no reason in words."""
    words = [] if outcome == "escalated" else [area.statement("decision.reason", by=by)]
    basis = DUTY_OF_CARE if words else {"kind": "notice"}
    return area.sealed(
        "disagreement.resolved",
        child,
        by,
        [to],
        words,
        answers=raised,
        basis=basis,
        content={"outcome": outcome},
    )


def task_set(area: Area, child: str, who: str = TEACHER, **changes: Any) -> Sealed:
    """Social care's manager sets a task for somebody, due in a week."""
    content = {"due_at": area.now + timedelta(days=7), "practitioner": who}
    made = {"basis": DUTY_OF_CARE, "content": content, "to": [who.rsplit(".", 1)[0]], **changes}
    what = [area.statement("task.what", "see the child at breakfast club", by=MANAGER)]
    return area.sealed("task.set", child, MANAGER, made.pop("to"), what, **made)


def enquiry(area: Area, child: str, to: Iterable[str] = (FRONT,), by: str = "email") -> Sealed:
    """The school asks what has become of its referral."""
    return area.sealed("enquiry.made", child, TEACHER, to, content={"by": by})
