"""Paragraphs 4.1 to 4.3: from child in need to CAF/TAC."""

from datetime import timedelta

import pytest

from contracts.consents import Covers, GivenBy
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import CAF, CARE, HEAD, SCHOOL, TEACHER, WORKER
from tests.guidance.playing import RealPlay

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.allows("4.1", "P2")
async def test_a_child_no_longer_in_need_is_stepped_down_on_both_consents(play: RealPlay) -> None:
    """An open case, support still required, consent to the support and to sharing: accepted."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    decision = await play.accept(m.step_down(area, child))

    assert [to.agency for to in decision.to] == [CAF]
    assert (await play.now()).level is Level.CHILD_IN_NEED


@pytest.mark.forbids("4.1")
@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (Covers.SERVICE, "stepdown.consent-service"),
        (Covers.SHARING, "stepdown.consent-sharing"),
    ],
)
async def test_one_consent_does_not_stand_for_the_other(
    play: RealPlay, missing: Covers, code: str
) -> None:
    """Without consent to the support, or without consent to sharing, a step down is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    other = Covers.SHARING if missing is Covers.SERVICE else Covers.SERVICE
    only = m.consent(area, other, taken_by=WORKER)
    basis = {"kind": "consent", "consents": (only.id,)}

    assert code in await play.refused(m.step_down(area, child, basis=basis, consents=(only,)))


@pytest.mark.forbids("4.1", "P2")
async def test_only_a_child_in_need_is_stepped_down(play: RealPlay) -> None:
    """A child with early help already, or without an open case, cannot be stepped down."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))

    assert await play.refused(m.step_down(area, child)) == {"stepdown.not-child-in-need"}


@pytest.mark.allows("4.2")
async def test_the_team_manager_decides_with_the_social_worker(play: RealPlay) -> None:
    """Sealed by the social worker and countersigned by the team manager it is accepted."""
    await play.accept(m.care_opened_before(play.area, play.child))

    await play.accept(m.step_down(play.area, play.child))


@pytest.mark.forbids("4.2")
async def test_a_social_worker_alone_cannot_step_down(play: RealPlay) -> None:
    """Without the team manager's own signature a step down is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))

    assert await play.refused(m.step_down(area, child, countersigners=())) == {
        "countersign.missing"
    }


@pytest.mark.forbids("4.2")
@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("monitoring", "stepdown.for-monitoring"),
        ("onward_referral", "stepdown.for-onward-referral"),
    ],
)
async def test_no_step_down_to_monitor_or_to_refer_on(
    play: RealPlay, reason: str, code: str
) -> None:
    """A step down so that a case is monitored, or to refer it to another agency, is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    content = {"reason": reason, "unmet_need_manageable": True}

    assert await play.refused(m.step_down(area, child, content=content)) == {code}


async def stepped_down(play: RealPlay) -> None:
    """Bring a child in need to a step down that the CAF team has accepted."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child), m.step_down(area, child))
    await play.accept(m.step_down_decided(area, child, play.last))


@pytest.mark.allows("4.3", "P7", "P10")
async def test_a_lead_is_named_and_leads_on_accepting(play: RealPlay) -> None:
    """The teacher named at the meeting leads once she accepts; till then the social worker."""
    area, child = play.area, play.child
    await stepped_down(play)
    await play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    assert await play.leads() == WORKER

    await play.accept(m.lead_answered(area, child, play.last, TEACHER, (CARE,)))
    assert await play.leads() == TEACHER


@pytest.mark.forbids("4.3")
async def test_a_consent_is_recorded_by_the_agency_whose_worker_took_it(play: RealPlay) -> None:
    """A consent that names somebody of another agency as its taker is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    taken = m.consent(area, taken_by=TEACHER, given_at=area.now - timedelta(days=1))
    sealed = area.sealed("consent.recorded", child, WORKER, consents=(taken,))

    assert await play.refused(sealed) == {"consent.taken-by"}


@pytest.mark.forbids("4.3")
async def test_a_step_down_does_not_rest_on_what_others_or_a_carer_agreed(play: RealPlay) -> None:
    """Consents that a carer gave are not those of paragraph 4.3, and the step down is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    given = {"taken_by": WORKER, "given_by": GivenBy.CARER}
    sharing, service = (m.consent(area, c, **given) for c in (Covers.SHARING, Covers.SERVICE))
    basis = {"kind": "consent", "consents": (sharing.id,)}
    sealed = m.step_down(area, child, basis=basis, consents=(sharing, service))

    assert await play.refused(sealed) == {"stepdown.consent-taken-by"}


@pytest.mark.forbids("P7")
async def test_nobody_else_accepts_for_the_person_proposed(play: RealPlay) -> None:
    """An acceptance by anybody but the person proposed is refused, and custody does not move."""
    area, child = play.area, play.child
    await stepped_down(play)
    await play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    proposal = play.last
    wrong = m.lead_answered(area, child, proposal, HEAD, (CARE,))

    assert await play.refused(wrong) == {"lead.not-the-proposed"}
    assert await play.leads() == WORKER


@pytest.mark.forbids("P10")
async def test_a_family_that_chose_support_is_not_left_without_a_lead(play: RealPlay) -> None:
    """Closing before the new lead has accepted would open a gap, and is refused."""
    area, child = play.area, play.child
    await stepped_down(play)
    early = m.closed(area, child, to=(SCHOOL, CARE))

    assert await play.refused(early) == {"case.needs-lead"}


@pytest.mark.allows("P8")
async def test_a_message_is_accepted_from_whom_the_directory_knows_in_that_capacity(
    play: RealPlay,
) -> None:
    """A team manager records a case that was open, and its lead countersigns."""
    decision = await play.accept(m.opened_before(play.area, play.child))

    assert decision.rules is not None
    assert await play.leads() == TEACHER


@pytest.mark.forbids("P8")
async def test_nobody_signs_in_a_capacity_that_they_do_not_have(play: RealPlay) -> None:
    """A teacher who signs as social worker is refused."""
    area, child = play.area, play.child
    await play.accept(m.care_opened_before(area, child))
    claimed = area.sealed(
        "story.added",
        child,
        TEACHER,
        [CARE],
        [area.statement("health.general")],
        capacity=Capacity.SOCIAL_WORKER,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
    )

    assert "practitioner.capacity" in await play.refused(claimed)
