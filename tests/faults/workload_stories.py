"""The stories that the workload tells: what practitioners do for families, one after another.

Each is legal from its first message to its last, but for what is marked as refused: every refusal
is one that must hold under any fault. What is sent at once tells only what has one outcome,
whatever order the lanes are read in.
"""

from collections.abc import Callable
from typing import Any, Final

from contracts.consents import Answered, Covers
from contracts.roles import Capacity, Role
from tests.faults.workload import ACCEPTED, ANY, DUTY_BASIS, REFUSED, Family, on, signed_too
from tests.faults.workload_people import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    CARE_MANAGER,
    DUTY,
    FRONT,
    GONE,
    WORKER,
)

Story = Callable[[Family], None]
Said = dict[str, Any]
"""Members of a message's data, by name."""


def refer(family: Family, *, urgent: bool = False) -> str:
    """The first helper refers the child to First Response, as child protection where urgent."""
    who = family.first.person
    protects: Said = {
        "content": {"concern": "child_protection"},
        "basis": {"kind": "child_protection", "call": "01632 960001"},
    }
    duty: Said = {"content": {"concern": "child_in_need", "source": "2A"}, "basis": DUTY_BASIS}
    said = [family.statement("concern.what_happened", who)]
    body = protects if urgent else duty
    return family.say("referral.submitted", who, [FRONT], said, urgent=urgent, **body)


def assess(family: Family, request: str, outcome: str = "assess") -> None:
    """First Response acknowledges and decides, and social care starts its assessment.

    An acknowledgement that was held until its request came may be overtaken by the decision.
    """
    referrer = family.first.agency
    taken = ACCEPTED if family.waits else ANY
    family.say("message.acknowledged", DUTY, [referrer], answers=request, expect=taken)
    family.say(
        "referral.decided",
        DUTY,
        [referrer, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": outcome},
    )
    family.say(
        "assessment.started",
        WORKER,
        [referrer],
        capacity=Capacity.SOCIAL_WORKER,
        content={"assessment": "child_and_family"},
    )


def conclude(family: Family) -> None:
    """Social care finds a child in need, and its social worker becomes lead."""
    referrer = family.first.agency
    family.say(
        "assessment.concluded",
        WORKER,
        [referrer],
        capacity=Capacity.SOCIAL_WORKER,
        content={"finding": "child_in_need"},
    )
    proposal = family.say("lead.proposed", WORKER, [referrer], content={"practitioner": WORKER})
    family.say("lead.accepted", WORKER, [referrer], answers=proposal)


def step_down(family: Family) -> None:
    """Social care steps down to the CAF team, and the first helper becomes lead."""
    sharing = family.consent(WORKER)
    service = family.consent(WORKER, Covers.SERVICE)
    helper = family.first
    request = family.say(
        "stepdown.requested",
        WORKER,
        [CAF],
        [family.statement("needs.support_required", WORKER)],
        capacity=Capacity.SOCIAL_WORKER,
        countersigners=signed_too(CARE_MANAGER, Capacity.TEAM_MANAGER),
        content={"reason": "support_still_needed", "unmet_need_manageable": True},
        basis={"kind": "consent", "consents": (sharing.id,)},
        consents=(sharing, service),
    )
    family.say("message.acknowledged", CAF_WORKER, [CARE], answers=request)
    family.say(
        "stepdown.decided", CAF_WORKER, [CARE], answers=request, content={"outcome": "accepted"}
    )
    proposal = family.say(
        "lead.proposed",
        CAF_WORKER,
        [helper.agency, CARE],
        content={"practitioner": helper.person},
    )
    family.say("lead.accepted", helper.person, [CAF, CARE], answers=proposal)


def from_referral_to_step_down(family: Family) -> None:
    """A referral is assessed, a social worker leads, and support goes on at a lower level."""
    assess(family, refer(family))
    conclude(family)
    step_down(family)


def protected(family: Family) -> None:
    """A child-protection concern goes its own way, and is assessed."""
    request = refer(family, urgent=True)
    assess(family, request, "section_47")


def opened_before(family: Family) -> None:
    """A case that was open before Handrail is taken over; the first helper leads in it."""
    family.say(
        "case.opened-before",
        CAF_MANAGER,
        [family.second.agency],
        capacity=Capacity.TEAM_MANAGER,
        countersigners=signed_too(family.first.person, Capacity.LEAD_PROFESSIONAL),
        content={"level": "early_help", "lead": family.first.person},
    )


def handed_on(family: Family) -> None:
    """The lead is handed from one helper to the other; nobody else can take it, nor take it twice.

    In between a proposal is refused and another withdrawn; at the end the CAF is closed.
    """
    first, second = family.first, family.second
    opened_before(family)
    proposal = family.say(
        "lead.proposed", first.person, [second.agency], content={"practitioner": second.person}
    )
    usurped: Said = {"answers": proposal, "expect": REFUSED}
    family.say("lead.accepted", second.manager, [first.agency], **usurped)
    family.say("lead.accepted", second.person, [first.agency], answers=proposal)
    family.say("lead.accepted", second.person, [first.agency], **usurped)
    declined = family.say(
        "lead.proposed", second.person, [first.agency], content={"practitioner": first.person}
    )
    family.say("lead.refused", first.person, [second.agency], answers=declined)
    gone = family.say(
        "lead.proposed", second.person, [first.agency], content={"practitioner": first.manager}
    )
    family.say("lead.withdrawn", second.person, [first.agency], answers=gone)
    family.say("lead.accepted", first.manager, [second.agency], answers=gone, expect=REFUSED)
    ended: Said = {"content": {"reason": "met_by_universal_services"}}
    family.say("caf.ended", second.person, [first.agency], **ended)


def consent_withdrawn(family: Family) -> None:
    """What a family agreed to is shared until it withdraws that, and never afterwards."""
    who, other = family.first.person, family.second.agency
    agreed = family.consent(who)
    refer(family)
    told = [family.statement("education.attendance", who)]
    family.say("story.added", who, [other], told, **on(agreed))
    more = [family.statement("health.general", who)]
    family.say("story.added", who, [other], more, **on(agreed, bring=False))
    family.say("consent.withdrawn", who, [other], content={"consent": agreed.id})
    late = [family.statement("family.household", who)]
    family.say("story.added", who, [other], late, expect=REFUSED, **on(agreed, bring=False))
    family.say("story.added", who, [other], late, basis=DUTY_BASIS)


def without_ground(family: Family) -> None:
    """Nothing passes without a ground: a notice, a no, a consent that covers somebody else."""
    who, other = family.first.person, family.second.agency
    request = refer(family)
    said = [family.statement("health.general", who)]
    family.say("story.added", who, [other], said, basis={"kind": "notice"}, expect=REFUSED)
    agreed = family.consent(who)
    refusal = agreed.model_copy(update={"decision": Answered.REFUSED})
    family.say("story.added", who, [other], said, expect=REFUSED, **on(refusal))
    narrow = family.consent(who).model_copy(update={"roles": (Role.CAF_TEAM,)})
    family.say("story.added", who, [other], said, expect=REFUSED, **on(narrow))
    family.say("message.acknowledged", who, [FRONT], answers=request, expect=REFUSED)
    if family.crew.somebody_left:
        body: Said = {"content": {"concern": "child_in_need", "source": "2A"}, "basis": DUTY_BASIS}
        family.say("referral.submitted", GONE, [FRONT], said, expect=REFUSED, **body)


WAITING: Final[tuple[tuple[Story, int], ...]] = (
    (handed_on, 3),
    (from_referral_to_step_down, 3),
    (consent_withdrawn, 3),
    (without_ground, 1),
    (protected, 2),
)
"""The stories of families that wait, and how often each is told."""


def answered_at_once(family: Family) -> None:
    """A referral and the answers to it, all on their way at the same time."""
    assess(family, refer(family))


def handed_on_at_once(family: Family) -> None:
    """A proposal and its acceptance, on their way at the same time; a case was opened before."""
    first, second = family.first, family.second
    opened_before(family)
    proposal = family.say(
        "lead.proposed",
        CAF_MANAGER,
        [second.agency, first.agency],
        waits=True,
        content={"practitioner": second.person},
    )
    family.say("lead.accepted", second.person, [first.agency, CAF], answers=proposal)


def referrals(family: Family) -> None:
    """Several requests of one agency about one child, which keep their order."""
    for _ in range(5):
        refer(family)


AT_ONCE: Final[tuple[tuple[Story, int], ...]] = (
    (answered_at_once, 2),
    (handed_on_at_once, 1),
    (protected, 1),
    (referrals, 2),
)
"""The stories of families that do not wait, and how often each is told."""
