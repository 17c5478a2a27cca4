"""The families of the guidance: step up, below the threshold, step down (003 §§2, 4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.identifiers import new_reference
from services.cli.demo.stage import Sent, Stage
from services.cli.output import now

SCHOOL, CAF = "demo.hilltop-school", "demo.caf-team"
FRONT, CARE = "demo.first-response", "demo.social-care"
TEACHER, HEAD = f"{SCHOOL}.jo-marsh", f"{SCHOOL}.ruth-adeyemi"
CAF_MANAGER, CAF_WORKER = f"{CAF}.beth-carmody", f"{CAF}.nina-holt"
DUTY = f"{FRONT}.claire-dunmore"
WORKER, MANAGER = f"{CARE}.priya-nair", f"{CARE}.marian-keogh"
_EVERYTHING = [
    "identity",
    "family",
    "health",
    "education",
    "needs",
    "concern",
    "views",
    "plan",
    "decision",
]
_DUTY_TO_ASSESS = {"kind": "statutory_duty", "provision": "CA1989-s17"}
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Family:
    """A family as it was played: the child's reference and what must be true of it now."""

    title: str
    child: str
    leads: tuple[str, ...]
    level: str
    told: tuple[Sent, ...]
    telling: str


def _said(
    question: str, value: str, by: str = "mother", standing: str = "report"
) -> dict[str, str]:
    return {"question": question, "value": value, "said_by": by, "standing": standing}


def _consent(covers: str = "sharing") -> dict[str, Any]:
    return {
        "id": new_reference(),
        "covers": covers,
        "given_by": "parent_with_responsibility",
        "given_at": (now() - timedelta(days=1)).isoformat(),
        "roles": ["universal", "caf_team", "first_response", "social_care"],
        "categories": _EVERYTHING,
    }


def _pack(story: str) -> list[dict[str, str]]:
    return [
        _said("pack.referral_form", story, "class teacher", "opinion"),
        _said("pack.caf", "Assessed in the summer; strengths at school, strain at home.", "mother"),
        _said("pack.tac_delivery_plan", "Breakfast club, a parenting course, a mentor.", "TAC"),
        _said("pack.last_tac_meeting", "Met last week; actions done, worries grew.", "TAC", "fact"),
        _said("concern.why_escalated", story, "class teacher", "opinion"),
        _said("views.child", "I like school. I want it to be quieter at home.", "child", "fact"),
    ]


async def _supported_by_tac(stage: Stage) -> str:
    """Record a family whom a Team Around the Child already supports, and return its child."""
    opened = await stage.must(
        CAF_MANAGER,
        {
            "kind": "case.opened-before",
            "child": "new",
            "recipients": [SCHOOL],
            "basis": {"kind": "notice"},
            "capacity": "team_manager",
            "countersigners": [{"id": TEACHER, "capacity": "lead_professional"}],
            "data": {"level": "early_help", "lead": TEACHER},
        },
        TEACHER,
    )
    return opened.child


async def _step_up(stage: Stage, child: str, story: str) -> Sent:
    agreed = _consent()
    return await stage.must(
        TEACHER,
        {
            "kind": "stepup.requested",
            "child": child,
            "recipients": [FRONT],
            "basis": {"kind": "consent", "consents": [agreed["id"]]},
            "consents": [agreed],
            "capacity": "lead_professional",
            "data": {
                "concern": "child_in_need",
                "why": "needs_escalated",
                "beside_tac": "in_addition_to",
                "discussed": {"line_manager": HEAD, "at": now().isoformat()},
            },
            "statements": _pack(story),
        },
    )


def _notice(kind: str, child: str, to: list[str], **more: object) -> dict[str, Any]:
    """Return a document about the process only, without statements."""
    made = {"kind": kind, "child": child, "recipients": to, "basis": {"kind": "notice"}}
    return {**made, "data": {}, **more}


async def _acknowledge(stage: Stage, who: str, request: Sent, to: str) -> Sent:
    body = _notice("message.acknowledged", request.child, [to], answers=request.message)
    return await stage.must(who, body)


async def _lead(stage: Stage, child: str, by: str, who: str, tell: list[str]) -> tuple[Sent, Sent]:
    """Propose `who` and let them accept; the lead moves with the acceptance and not before."""
    proposal = _notice("lead.proposed", child, tell, data={"practitioner": who})
    proposed = await stage.must(by, proposal)
    answer = _notice("lead.accepted", child, tell, answers=proposed.message)
    return proposed, await stage.must(who, answer)


async def _assess(stage: Stage, request: Sent, tell: Tell) -> list[Sent]:
    """Decide to assess, start and conclude; return what the school is told of it."""
    child, duty = request.child, {"outcome": "assess", "social_worker": WORKER}
    decision = _notice(
        "stepup.decided",
        child,
        [SCHOOL, CARE],
        capacity="duty_worker",
        answers=request.message,
        data=duty,
    )
    told = [await stage.must(DUTY, decision)]
    for kind, data in (
        ("assessment.started", {"assessment": "child_and_family"}),
        ("assessment.concluded", {"finding": "child_in_need"}),
    ):
        tell(f"social care: {kind.replace('.', ' ')}")
        body = _notice(kind, child, [SCHOOL], capacity="social_worker", data=data)
        told.append(await stage.must(WORKER, body))
    return told


async def step_up_accepted(stage: Stage, tell: Tell) -> Family:
    """Play the first family of the guidance: assessed, in need, the social worker leads."""
    child = await _supported_by_tac(stage)
    request = await _step_up(stage, child, "He comes tired and hungry, and says he is afraid.")
    tell("First Response opens the step up, acknowledges it, and decides to assess")
    await stage.open(DUTY, request, "duty screening")
    told = [await _acknowledge(stage, DUTY, request, SCHOOL)]
    told += await _assess(stage, request, tell)
    told += await _lead(stage, child, MANAGER, WORKER, [SCHOOL, CARE])
    return Family(
        "Step up: assessed, a child in need",
        child,
        (TEACHER, WORKER),
        "child_in_need",
        tuple(told),
        SCHOOL,
    )


async def step_up_refused(stage: Stage, tell: Tell) -> Family:
    """Play the second family: below the threshold; both are told why and the TAC goes on."""
    child = await _supported_by_tac(stage)
    request = await _step_up(stage, child, "She has missed more school than last term.")
    tell("First Response finds it below the threshold and says why")
    await stage.open(DUTY, request, "duty screening")
    told = [await _acknowledge(stage, DUTY, request, SCHOOL)]
    told.append(
        await stage.must(
            DUTY,
            {
                "kind": "stepup.decided",
                "child": child,
                "recipients": [SCHOOL],
                "basis": _DUTY_TO_ASSESS,
                "capacity": "duty_worker",
                "answers": request.message,
                "data": {"outcome": "not_accepted"},
                "statements": [
                    _said(
                        "decision.reason",
                        "Attendance alone does not meet the threshold; the plan is working.",
                        "duty worker",
                        "opinion",
                    )
                ],
            },
        )
    )
    await stage.open(TEACHER, told[-1], "outcome of our request")
    return Family(
        "Step up: below the threshold", child, (TEACHER,), "early_help", tuple(told), SCHOOL
    )


async def _open_case(stage: Stage) -> str:
    """Record a child in need whom social care already supports, and return the child."""
    body = {
        "kind": "case.opened-before",
        "child": "new",
        "basis": {"kind": "notice"},
        "capacity": "team_manager",
        "countersigners": [{"id": WORKER, "capacity": "lead_professional"}],
        "data": {"level": "child_in_need", "lead": WORKER},
    }
    return (await stage.must(MANAGER, body, WORKER)).child


async def _step_down(stage: Stage, child: str) -> Sent:
    """Ask for a step down: social worker and team manager sign, both consents are there."""
    sharing, support = _consent(), _consent("service")
    body = {
        "kind": "stepdown.requested",
        "child": child,
        "recipients": [CAF],
        "basis": {"kind": "consent", "consents": [sharing["id"]]},
        "consents": [sharing, support],
        "capacity": "social_worker",
        "countersigners": [{"id": MANAGER, "capacity": "team_manager"}],
        "data": {"reason": "support_still_needed", "unmet_need_manageable": True},
        "statements": [
            _said("needs.support_required", "Help with routines until Easter.", "father"),
            _said("views.parents", "We want the mentor to stay.", "father", "fact"),
        ],
    }
    return await stage.must(WORKER, body, MANAGER)


async def _close(stage: Stage, child: str) -> Sent:
    body = {
        "kind": "case.closed",
        "child": child,
        "recipients": [SCHOOL, CAF],
        "basis": _DUTY_TO_ASSESS,
        "data": {"support": "continues"},
        "statements": [_said("closure.reason", "RC7", "social worker", "fact")],
    }
    return await stage.must(WORKER, body)


async def step_down(stage: Stage, tell: Tell) -> Family:
    """Play the step down: both sign, the CAF team takes over, a lead accepts, then it closes."""
    child = await _open_case(stage)
    request = await _step_down(stage, child)
    tell("the CAF team opens the step down, acknowledges it and takes the family on")
    await stage.open(CAF_WORKER, request, "taking on the step down")
    told = [await _acknowledge(stage, CAF_WORKER, request, CARE)]
    decision = {"answers": request.message, "data": {"outcome": "accepted"}}
    told.append(
        await stage.must(CAF_WORKER, _notice("stepdown.decided", child, [CARE], **decision))
    )
    told += await _lead(stage, child, WORKER, TEACHER, [SCHOOL, CARE, CAF])
    tell("a lead professional has accepted: now the case closes to social care")
    told.append(await _close(stage, child))
    to_school = tuple(s for s in told if any(t.agency == SCHOOL for t in s.decision.to))
    leads = (WORKER, TEACHER)
    return Family("Step down to the CAF team", child, leads, "early_help", to_school, SCHOOL)


FAMILIES = (step_up_accepted, step_up_refused, step_down)
