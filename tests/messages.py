"""The messages of the two families of the guidance, as tests send them (003 §§2 and 4)."""

from datetime import timedelta
from typing import Any

from contracts.consents import Consent, Covers, GivenBy
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.questions import Category
from contracts.roles import Capacity, Role
from contracts.seal import Sealed
from tests import meeting_messages
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DUTY,
    FRONT,
    HEAD,
    MANAGER,
    PACK,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)

convened = meeting_messages.convened
held = meeting_messages.held
postponed = meeting_messages.postponed
plan_ended = meeting_messages.plan_ended


def consent(area: Area, covers: Covers = Covers.SHARING, **changes: Any) -> Consent:
    """A parent's consent, to sharing everything but safety with social care and the CAF team."""
    made: dict[str, Any] = {
        "id": new_reference(),
        "covers": covers,
        "given_by": GivenBy.PARENT,
        "taken_by": TEACHER,
        "given_at": area.now - timedelta(days=2),
        "roles": (Role.FIRST_RESPONSE, Role.SOCIAL_CARE, Role.CAF_TEAM, Role.UNIVERSAL),
        "categories": tuple(c for c in Category if c is not Category.SAFETY),
    }
    return Consent.model_validate({**made, **changes})


def on_consent(*consents: Consent) -> dict[str, Any]:
    """Basis and consents of a message shared on `consents`."""
    return {
        "basis": {"kind": "consent", "consents": tuple(c.id for c in consents)},
        "consents": consents,
    }


def opened_before(area: Area, child: str, level: str = "early_help", lead: str = TEACHER) -> Sealed:
    """The CAF team's manager records a case already open; its lead professional countersigns."""
    return area.sealed(
        "case.opened-before",
        child,
        CAF_MANAGER,
        capacity=Capacity.TEAM_MANAGER,
        countersigners=(Signer(id=lead, capacity=Capacity.LEAD_PROFESSIONAL),),
        content={"level": level, "lead": lead},
    )


def care_opened_before(area: Area, child: str, **content: Any) -> Sealed:
    """Social care's manager records a child in need already open; the social worker leads."""
    return area.sealed(
        "case.opened-before",
        child,
        MANAGER,
        capacity=Capacity.TEAM_MANAGER,
        countersigners=(Signer(id=WORKER, capacity=Capacity.LEAD_PROFESSIONAL),),
        content={"level": "child_in_need", "lead": WORKER, **content},
    )


def step_up(area: Area, child: str, *, without: str = "", **changes: Any) -> Sealed:
    """The school's lead professional asks for a step up with the four-part pack, on consent."""
    parts = [area.statement(part) for part in PACK if part != without]
    made = {
        "capacity": Capacity.LEAD_PROFESSIONAL,
        "content": {
            "concern": "child_in_need",
            "why": "needs_escalated",
            "beside_tac": "in_addition_to",
            "discussed": {"line_manager": HEAD, "at": area.now},
        },
        **on_consent(consent(area)),
        **changes,
    }
    return area.sealed("stepup.requested", child, TEACHER, [FRONT], parts, **made)


def referral(area: Area, child: str, **changes: Any) -> Sealed:
    """The school refers a child to First Response on the basis of statutory duty."""
    made = {
        "content": {"concern": "child_in_need", "source": "2A"},
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        **changes,
    }
    statements = made.pop("statements", None) or [area.statement("concern.what_happened")]
    author = made.pop("author", TEACHER)
    return area.sealed(
        "referral.submitted", child, author, made.pop("to", [FRONT]), statements, **made
    )


def protection(area: Area, child: str, **changes: Any) -> Sealed:
    """The school reports a child-protection concern with one sentence and a number to call."""
    made = {
        "content": {"concern": "child_protection"},
        "basis": {"kind": "child_protection", "call": "01632 960001"},
        **changes,
    }
    return referral(area, child, **made)


def acknowledged(area: Area, child: str, request: str, by: str = DUTY, to: str = SCHOOL) -> Sealed:
    """A person at the receiving agency takes the request."""
    return area.sealed("message.acknowledged", child, by, [to], answers=request)


def referral_decided(
    area: Area, child: str, request: str, outcome: str, to: tuple[str, ...]
) -> Sealed:
    """First Response decides on a referral; a no says why."""
    reason = [area.statement("decision.reason", by=DUTY)] if outcome == "not_met" else []
    return area.sealed(
        "referral.decided",
        child,
        DUTY,
        to,
        reason,
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        basis=_DUTY if reason else {"kind": "notice"},
        content={"outcome": outcome},
    )


def step_up_decided(area: Area, child: str, request: str, outcome: str = "assess") -> Sealed:
    """First Response decides on a step up; a no says why."""
    reason = [] if outcome == "assess" else [area.statement("decision.reason", by=DUTY)]
    duty = {"kind": "statutory_duty", "provision": "CA1989-s17"}
    return area.sealed(
        "stepup.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        reason,
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        basis=duty if reason else {"kind": "notice"},
        content={"outcome": outcome},
    )


def assessment(area: Area, child: str, *, concluded: str = "") -> Sealed:
    """Social care starts an assessment, or says what it found."""
    kind = "assessment.concluded" if concluded else "assessment.started"
    content = {"finding": concluded} if concluded else {"assessment": "child_and_family"}
    return area.sealed(
        kind,
        child,
        WORKER,
        [SCHOOL],
        capacity=Capacity.SOCIAL_WORKER,
        content=content,
    )


def lead_proposed(area: Area, child: str, who: str, by: str, to: tuple[str, ...]) -> Sealed:
    """`by` proposes `who` as lead professional."""
    return area.sealed("lead.proposed", child, by, to, content={"practitioner": who})


def lead_answered(
    area: Area, child: str, proposal: str, who: str, to: tuple[str, ...], *, yes: bool = True
) -> Sealed:
    """The person proposed accepts or declines."""
    kind = "lead.accepted" if yes else "lead.refused"
    return area.sealed(kind, child, who, to, answers=proposal)


def step_down(area: Area, child: str, **changes: Any) -> Sealed:
    """The social worker asks for a step down; the team manager countersigns; both consents."""
    sharing = consent(area, taken_by=WORKER)
    service = consent(area, Covers.SERVICE, taken_by=WORKER)
    made: dict[str, Any] = {
        "capacity": Capacity.SOCIAL_WORKER,
        "countersigners": (Signer(id=MANAGER, capacity=Capacity.TEAM_MANAGER),),
        "content": {"reason": "support_still_needed", "unmet_need_manageable": True},
        "basis": {"kind": "consent", "consents": (sharing.id,)},
        "consents": (sharing, service),
        **changes,
    }
    statements = [area.statement("needs.support_required", by=WORKER)]
    return area.sealed("stepdown.requested", child, WORKER, [CAF], statements, **made)


def step_down_decided(area: Area, child: str, request: str) -> Sealed:
    """The CAF team takes the family on."""
    return area.sealed(
        "stepdown.decided",
        child,
        CAF_WORKER,
        [CARE],
        answers=request,
        content={"outcome": "accepted"},
    )


def closed(
    area: Area,
    child: str,
    support: str = "continues",
    to: tuple[str, ...] = (SCHOOL,),
    by: str = WORKER,
) -> Sealed:
    """A social worker closes the case; the reason is a statement."""
    return area.sealed(
        "case.closed",
        child,
        by,
        to,
        [area.statement("closure.reason", "RC7", by=by)],
        capacity=Capacity.SOCIAL_WORKER,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"support": support},
    )


_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}


def information_sent(
    area: Area, child: str, because: str = "referrer_unsure", author: str = DUTY, **changes: Any
) -> Sealed:
    """A social worker sends the CAF team the information sheet; on consent with the letter."""
    on = (
        {"basis": _DUTY}
        if because == "referrer_unsure"
        else on_consent(
            consent(area, taken_by=author), consent(area, Covers.SERVICE, taken_by=author)
        )
    )
    parts = ["caf.information_sheet"]
    parts += [] if because == "referrer_unsure" else ["caf.agreement_letter"]
    made: dict[str, Any] = {
        "capacity": Capacity.SOCIAL_WORKER,
        "content": {"because": because},
        **on,
        **changes,
    }
    statements = [area.statement(part, by=author) for part in parts]
    to = made.pop("to", [CAF])
    return area.sealed("caf.information-sent", child, author, to, statements, **made)


def contact_made(
    area: Area,
    child: str,
    request: str,
    outcome: str = "support_offered",
    to: tuple[str, ...] = (SCHOOL, FRONT),
    **changes: Any,
) -> Sealed:
    """The CAF team has been in contact with the referrer."""
    made = {"answers": request, "content": {"outcome": outcome}, **changes}
    return area.sealed("caf.contact-made", child, CAF_WORKER, to, **made)


def family_choice(
    area: Area,
    child: str,
    choice: str = "declines",
    by: str = WORKER,
    to: tuple[str, ...] = (),
) -> Sealed:
    """Somebody who works with the family records whether it wishes support."""
    return area.sealed("family.choice-recorded", child, by, to, content={"choice": choice})


def caf_ended(
    area: Area,
    child: str,
    reason: str = "met_by_universal_services",
    by: str = TEACHER,
    to: tuple[str, ...] = (),
) -> Sealed:
    """The lead professional's agency or the CAF team records that the CAF has ended."""
    return area.sealed("caf.ended", child, by, to, content={"reason": reason})


def told(
    area: Area, child: str, of: str, people: tuple[str, ...] = ("family",), by: str = WORKER
) -> Sealed:
    """Evidence that people were told of the outcome of the message `of`."""
    content = {"people": people, "of": of, "form": "outcome"}
    return area.sealed("people.told", child, by, content=content)


def not_told(
    area: Area, child: str, of: str, people: tuple[str, ...] = ("family",), **changes: Any
) -> Sealed:
    """Why people were not told of the outcome of the message `of`; the reason is a statement."""
    by = changes.pop("by", WORKER)
    content = {"people": people, "of": of, "because": "unsafe_for_child"}
    reason = changes.pop("statements", [area.statement("telling.reason", by=by)])
    made = {"basis": _DUTY, "content": content, **changes}
    return area.sealed("people.not-told", child, by, (), reason, **made)


def lead_withdrawn(
    area: Area, child: str, proposal: str, by: str = WORKER, to: tuple[str, ...] = (SCHOOL,)
) -> Sealed:
    """The agency that proposed somebody takes the proposal back."""
    return area.sealed("lead.withdrawn", child, by, to, answers=proposal)


def born(
    area: Area, child: str, on: str, by: str = TEACHER, to: tuple[str, ...] = (), **changes: Any
) -> Sealed:
    """A child who was unborn has been born `on` a day."""
    statements = changes.pop("statements", [area.statement("identity.born_on", on, by=by)])
    return area.sealed("child.born", child, by, to, statements, basis=_DUTY, **changes)


def moved(
    area: Area, child: str, to: tuple[str, ...] = (), by: str = WORKER, place: str = "E08000003"
) -> Sealed:
    """The family lives in another area now."""
    return area.sealed("family.moved", child, by, to, content={"area": place})
