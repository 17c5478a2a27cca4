"""Paragraphs 5.1 to 5.7: from a child protection plan to child in need, to CAF, and to the end."""

from datetime import datetime, timedelta

import pytest

from contracts.consents import Covers
from contracts.roles import Level
from tests import messages as m
from tests.area import CAF, CARE, SCHOOL, TEACHER, WORKER
from tests.guidance.playing import RealPlay

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


def ago(play: RealPlay, days: int) -> datetime:
    """An instant that many days ago."""
    return play.area.now - timedelta(days=days)


async def after_a_plan(play: RealPlay, days: int) -> None:
    """A child in need whose protection plan ended `days` ago, recorded when social care joined."""
    since = ago(play, days).isoformat()
    dates = {"child_in_need_since": since, "protection_plan_ended": since}
    await play.accept(m.care_opened_before(play.area, play.child, **dates))


@pytest.mark.allows("5.1")
async def test_three_months_after_a_plan_a_step_down_may_be_considered(play: RealPlay) -> None:
    """93 days after the plan has ended, more than three months, a step down is accepted."""
    await after_a_plan(play, 93)
    await play.accept(m.family_choice(play.area, play.child, "wishes_support"))

    await play.accept(m.step_down(play.area, play.child))


@pytest.mark.forbids("5.1")
async def test_within_three_months_of_a_plan_no_step_down(play: RealPlay) -> None:
    """88 days after the plan has ended, less than three months, a step down is refused."""
    await after_a_plan(play, 88)
    await play.accept(m.family_choice(play.area, play.child, "wishes_support"))

    assert await play.refused(m.step_down(play.area, play.child)) == {"stepdown.too-soon"}


@pytest.mark.forbids("5.1")
async def test_from_child_protection_there_is_no_way_straight_to_a_caf(play: RealPlay) -> None:
    """A step down or a closing with support during a plan is refused; ending the plan is not."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child, level="child_protection"))

    assert await play.refused(m.step_down(area, child)) == {"stepdown.not-child-in-need"}
    assert await play.refused(m.closed(area, child, to=(SCHOOL, CARE)))
    await play.accept(m.plan_ended(area, child))
    assert (await play.now()).level is Level.CHILD_IN_NEED
    await play.accept(m.family_choice(area, child, "wishes_support"))
    assert await play.refused(m.step_down(area, child)) == {"stepdown.too-soon"}


@pytest.mark.forbids("5.1")
async def test_closing_the_case_opens_no_shorter_way_to_a_caf(play: RealPlay) -> None:
    """After a plan and a closing, wish and consent start no team within the three months."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child, level="child_protection"))
    await play.accept(m.plan_ended(area, child), m.closed(area, child, "not_needed", to=(SCHOOL,)))
    agreed = m.consent(area, Covers.SERVICE, taken_by=WORKER)
    await play.accept(
        m.family_choice(area, child, "wishes_support"),
        area.sealed("consent.recorded", child, WORKER, consents=(agreed,)),
        m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)),
    )
    answer = m.lead_answered(area, child, play.last, TEACHER, (CARE,))
    assert await play.refused(answer) == {"stepdown.too-soon"}
    assert "case.already-open" in await play.refused(m.opened_before(area, child))


@pytest.mark.allows("5.2")
async def test_both_state_that_the_rest_can_be_met_and_the_family_is_asked(
    play: RealPlay,
) -> None:
    """Signed by social worker and team manager, after the family's choice, it is accepted."""
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(play.area, play.child, "wishes_support"))

    await play.accept(m.step_down(play.area, play.child))


@pytest.mark.forbids("5.2")
async def test_needs_beyond_a_caf_are_not_stepped_down(play: RealPlay) -> None:
    """Where they do not state that what is left can be met, the step down is refused."""
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(play.area, play.child, "wishes_support"))
    content = {"reason": "support_still_needed", "unmet_need_manageable": False}
    sealed = m.step_down(play.area, play.child, content=content)

    assert await play.refused(sealed) == {"stepdown.unmet-need"}


@pytest.mark.forbids("5.2")
async def test_a_family_that_was_not_asked_is_not_stepped_down(play: RealPlay) -> None:
    """After a plan, without the family's recorded choice, the step down is refused."""
    await after_a_plan(play, 100)

    assert await play.refused(m.step_down(play.area, play.child)) == {"family.not-asked"}


async def stepped_down(play: RealPlay) -> None:
    """Bring a child to a step down that the CAF team accepted."""
    area, child = play.area, play.child
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(area, child, "wishes_support"), m.step_down(area, child))
    await play.accept(m.step_down_decided(area, child, play.last))


@pytest.mark.allows("5.3", "5.5")
async def test_a_lead_who_accepted_takes_over_and_the_case_closes(play: RealPlay) -> None:
    """With a lead from the family's network who accepted, the review's outcome closes the case."""
    area, child = play.area, play.child
    await stepped_down(play)
    await play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    await play.accept(m.lead_answered(area, child, play.last, TEACHER, (CARE,)))
    await play.accept(m.closed(area, child))

    journey = await play.now()
    assert (await play.leads(), journey.level, journey.case_open) == (
        TEACHER,
        Level.EARLY_HELP,
        False,
    )


@pytest.mark.forbids("5.3")
async def test_no_caf_without_the_familys_consent(play: RealPlay) -> None:
    """A family that chose against it is not stepped down to a CAF."""
    area, child = play.area, play.child
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(area, child, "declines"))

    assert "family.declined" in await play.refused(m.step_down(area, child))


@pytest.mark.forbids("5.5")
async def test_a_case_does_not_close_before_the_lead_has_accepted(play: RealPlay) -> None:
    """Support goes on, the lead is only proposed: closing is refused."""
    area, child = play.area, play.child
    await stepped_down(play)
    await play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))

    assert await play.refused(m.closed(area, child)) == {"case.needs-lead"}


@pytest.mark.allows("5.4")
async def test_the_caf_information_goes_to_the_caf_team_on_consent(play: RealPlay) -> None:
    """Three months after the plan, on consent, the information reaches the CAF team."""
    area, child = play.area, play.child
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(area, child, "wishes_support"))
    decision = await play.accept(m.information_sent(area, child, "stepping_down", WORKER))

    assert [to.agency for to in decision.to] == [CAF]


@pytest.mark.forbids("5.4")
async def test_no_caf_information_without_consent_or_within_the_three_months(
    play: RealPlay,
) -> None:
    """On statutory duty instead of consent, or 30 days after the plan, it is refused."""
    area = play.area
    duty = {"basis": {"kind": "statutory_duty", "provision": "CA1989-s17"}, "consents": ()}
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(area, play.child, "wishes_support"))
    without = m.information_sent(area, play.child, "stepping_down", WORKER, **duty)
    assert "message.basis-not-allowed" in await play.refused(without)

    early = RealPlay(play.exchange)
    await after_a_plan(early, 30)
    await early.accept(m.family_choice(area, early.child, "wishes_support"))
    sealed = m.information_sent(area, early.child, "stepping_down", WORKER)
    assert await early.refused(sealed) == {"stepdown.too-soon"}


@pytest.mark.allows("5.6")
@pytest.mark.parametrize("reason", ["family_decision", "met_by_universal_services"])
async def test_early_help_ends_for_one_of_its_two_reasons(play: RealPlay, reason: str) -> None:
    """The family ends it, or universal services can meet what is left: the lead ends too."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child), m.caf_ended(area, child, reason))

    journey = await play.now()
    assert (journey.level, journey.lead) == (Level.UNIVERSAL, None)


@pytest.mark.forbids("5.6")
async def test_early_help_ends_for_no_other_reason_and_by_nobody_else(play: RealPlay) -> None:
    """A third reason is not in the contract, and social care cannot end a team that is led."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))
    decision = await play.exchange.decided(m.caf_ended(area, child, "capacity"))
    assert [g.code for g in decision.reasons] == ["message.wrong-content"]

    assert "caf.may-not-end" in await play.refused(m.caf_ended(area, child, by=WORKER))


@pytest.mark.allows("5.7")
async def test_a_case_closes_on_the_familys_no(play: RealPlay) -> None:
    """The family's choice is recorded, and the case closes without consent and without a lead."""
    area, child = play.area, play.child
    await after_a_plan(play, 100)
    await play.accept(m.family_choice(area, child, "declines"))
    await play.accept(m.closed(area, child, "declined", to=(SCHOOL, CARE)))

    journey = await play.now()
    assert (journey.case_open, journey.lead) == (False, None)


@pytest.mark.forbids("5.7")
async def test_a_case_does_not_close_without_a_reason_on_record(play: RealPlay) -> None:
    """A closing that does not say why is refused, and who has no part closes nothing."""
    area, child = play.area, play.child
    await after_a_plan(play, 100)
    silent = area.sealed("case.closed", child, WORKER, [SCHOOL], content={"support": "declined"})
    assert "statements.required" in await play.refused(silent)

    other = RealPlay(play.exchange)
    await other.accept(m.opened_before(area, other.child))
    refusal = await other.refused(m.closed(area, other.child, "declined"))
    assert refusal == {"message.no-part"}
