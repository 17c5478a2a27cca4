"""Paragraphs 1.1 to 2.9: from a first referral or a Team Around the Child to social care."""

import pytest

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.roles import Capacity, Level
from contracts.seal import Sealed
from tests import messages as m
from tests.area import (
    CAF,
    CARE,
    DOCTOR,
    DUTY,
    DUTY_MANAGER,
    FRONT,
    GP,
    HEAD,
    PACK,
    SCHOOL,
    TEACHER,
    WORKER,
)
from tests.guidance.playing import RealPlay

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


def decision_on_referral(play: RealPlay, outcome: str, **changes: object) -> dict[str, object]:
    """What First Response's decision on a referral says; a no gives its reason."""
    reasons = [play.area.statement("decision.reason", by=DUTY)] if outcome == "not_met" else []
    made: dict[str, object] = {
        "capacity": Capacity.DUTY_WORKER,
        "answers": play.last,
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "content": {"outcome": outcome},
        "statements": reasons,
    }
    return {**made, **changes}


@pytest.mark.allows("1.1")
async def test_a_referral_below_the_threshold_is_answered_to_whoever_made_it(
    play: RealPlay,
) -> None:
    """The referrer is told the decision with its reason, and may be encouraged to start a CAF."""
    area = play.area
    await play.accept(m.referral(area, play.child))
    content = {"outcome": "not_met", "caf_encouraged": True}
    no = decision_on_referral(play, "not_met", content=content)
    decision = await play.accept(area.sealed("referral.decided", play.child, DUTY, [SCHOOL], **no))

    assert [to.agency for to in decision.to] == [SCHOOL]
    assert (await play.now()).level is Level.UNIVERSAL


@pytest.mark.forbids("1.1")
async def test_a_decision_that_keeps_the_referrer_in_the_dark_is_refused(play: RealPlay) -> None:
    """A no that does not go to the referrer, or gives no reason, is refused."""
    area = play.area
    await play.accept(m.referral(area, play.child))
    elsewhere = area.sealed(
        "referral.decided", play.child, DUTY, [CARE], **decision_on_referral(play, "not_met")
    )
    silent = decision_on_referral(play, "not_met", statements=[])

    assert await play.refused(elsewhere) == {"recipient.missing"}
    unexplained = area.sealed("referral.decided", play.child, DUTY, [SCHOOL], **silent)
    assert await play.refused(unexplained) == {"statements.required"}


@pytest.mark.allows("2.1", "P1")
async def test_a_supported_child_is_stepped_up_beside_or_instead_of_the_team(
    play: RealPlay,
) -> None:
    """A child with a Team Around the Child may get a service instead of its or beside it."""
    await play.accept(m.opened_before(play.area, play.child), m.step_up(play.area, play.child))

    journey = await play.now()
    assert [r.kind for r in journey.requests] == ["stepup.requested"]
    assert journey.level is Level.EARLY_HELP


@pytest.mark.forbids("2.1", "P1")
async def test_a_step_up_needs_a_supported_child_and_a_reason(play: RealPlay) -> None:
    """A step up of a child whom nobody supports, or without why and beside what, is refused."""
    area = play.area
    await play.accept(m.referral(area, play.child))
    assert "stepup.not-supported" in await play.refused(m.step_up(area, play.child))

    other = RealPlay(play.exchange)
    await other.accept(m.opened_before(area, other.child))
    content = {
        "concern": "child_in_need",
        "discussed": {"line_manager": HEAD, "at": area.now.isoformat()},
    }
    refusal = await other.refused(m.step_up(area, other.child, content=content))
    assert refusal == {"message.wrong-content"}


@pytest.mark.allows("2.2")
async def test_child_protection_goes_at_once_from_any_member(play: RealPlay) -> None:
    """A member who does not lead reports child protection without pack, consent or manager."""
    await play.accept(m.opened_before(play.area, play.child))
    sealed = m.referral(
        play.area,
        play.child,
        author=DOCTOR,
        content={"concern": "child_protection"},
        basis={"kind": "child_protection", "call": "01632 960002"},
        statements=[play.area.statement("concern.harm", by=DOCTOR)],
    )
    decision = await play.exchange.decided(sealed, as_urgent=True)

    assert decision.protection
    assert [to.agency for to in decision.to] == [FRONT]


@pytest.mark.forbids("2.2")
async def test_another_concern_is_first_discussed_with_the_own_line_manager(
    play: RealPlay,
) -> None:
    """A step up without that discussion, or with somebody else's manager, is refused."""
    area = play.area
    await play.accept(m.opened_before(area, play.child))
    content = {
        "concern": "child_in_need",
        "why": "needs_escalated",
        "beside_tac": "instead_of",
        "discussed": {"line_manager": DUTY_MANAGER, "at": area.now.isoformat()},
    }

    refusal = await play.refused(m.step_up(area, play.child, content=content))
    assert refusal == {"message.wrong-content"}


@pytest.mark.allows("2.3")
async def test_consent_is_set_aside_on_both_limbs_and_the_managers_signature(
    play: RealPlay,
) -> None:
    """Not possible to obtain and delay detrimental, countersigned by the own line manager."""
    await play.accept(m.opened_before(play.area, play.child))
    sealed = override(play, not_possible_to_obtain=True, delay_detrimental=True, by=HEAD)

    assert (await play.accept(sealed)).to


@pytest.mark.forbids("2.3")
async def test_consent_is_not_set_aside_on_one_limb_or_by_oneself(play: RealPlay) -> None:
    """One limb of the first ground, no manager, or a manager of another agency is refused."""
    await play.accept(m.opened_before(play.area, play.child))
    half = override(play, not_possible_to_obtain=True, by=HEAD)
    alone = override(play, not_possible_to_obtain=True, delay_detrimental=True)
    foreign = override(play, not_possible_to_obtain=True, delay_detrimental=True, by=DUTY_MANAGER)

    assert await play.refused(half) == {"override.ground"}
    assert await play.refused(alone) == {"override.line-manager"}
    assert "override.line-manager" in await play.refused(foreign)


def override(play: RealPlay, *, by: str = "", **limbs: bool) -> Sealed:
    """A step up without consent on the first ground, countersigned by `by` as line manager."""
    countersigners = (Signer(id=by, capacity=Capacity.LINE_MANAGER),) if by else ()
    ground = "not_possible_and_delay_detrimental"
    return m.step_up(
        play.area,
        play.child,
        basis={"kind": "consent_override", "ground": ground, **limbs},
        consents=(),
        countersigners=countersigners,
    )


@pytest.mark.allows("2.4")
async def test_a_step_up_brings_all_four_parts(play: RealPlay) -> None:
    """With form, CAF, delivery plan and last meeting the step up goes to First Response."""
    await play.accept(m.opened_before(play.area, play.child))
    decision = await play.accept(m.step_up(play.area, play.child))

    assert [to.agency for to in decision.to] == [FRONT]


@pytest.mark.forbids("2.4")
@pytest.mark.parametrize("part", PACK)
async def test_a_step_up_without_one_of_the_parts_is_refused(play: RealPlay, part: str) -> None:
    """Each of the four parts is needed, and the refusal names the one that is not there."""
    await play.accept(m.opened_before(play.area, play.child))
    decision = await play.exchange.decided(m.step_up(play.area, play.child, without=part))

    assert [(g.code, g.detail) for g in decision.reasons] == [("pack.part-missing", part)]


@pytest.mark.allows("2.5")
async def test_whoever_does_not_lead_may_refer_and_has_a_receipt_for_the_file(
    play: RealPlay,
) -> None:
    """A GP refers a child with a Team Around the Child; the signed receipt proves it."""
    await play.accept(m.opened_before(play.area, play.child))
    sealed = m.referral(
        play.area,
        play.child,
        author=DOCTOR,
        content={"concern": "child_in_need", "source": "3A"},
        statements=[play.area.statement("concern.what_happened", by=DOCTOR)],
    )
    decision = await play.accept(sealed)

    assert decision.sealed == sealed.digest
    assert await play.leads() == TEACHER


@pytest.mark.forbids("2.5")
async def test_an_answer_to_an_outsiders_referral_also_reaches_the_lead(play: RealPlay) -> None:
    """The referrer need not know who leads: a decision that leaves the lead out is refused."""
    area = play.area
    await play.accept(m.opened_before(area, play.child))
    await play.accept(
        m.referral(
            area,
            play.child,
            author=DOCTOR,
            content={"concern": "child_in_need", "source": "3A"},
            statements=[area.statement("concern.what_happened", by=DOCTOR)],
        )
    )
    made = decision_on_referral(play, "assess")
    only_asked = area.sealed("referral.decided", play.child, DUTY, [GP], **made)

    assert await play.refused(only_asked) == {"recipient.missing"}
    await play.accept(area.sealed("referral.decided", play.child, DUTY, [GP, SCHOOL], **made))


@pytest.mark.allows("2.6")
async def test_after_a_no_the_team_goes_on_and_may_ask_again(play: RealPlay) -> None:
    """A refused step up moves neither level nor lead, and a further one is a new request."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child), m.step_up(area, child))
    await play.accept(m.step_up_decided(area, child, play.last, "not_accepted"))
    assert (await play.leads(), (await play.now()).level) == (TEACHER, Level.EARLY_HELP)

    decision = await play.accept(m.step_up(area, child))
    assert [to.agency for to in decision.to] == [FRONT]


@pytest.mark.forbids("2.6")
async def test_a_no_to_a_step_up_must_reach_the_lead_with_its_reason(play: RealPlay) -> None:
    """A decision not sent to the lead professional's agency, or without a reason, is refused."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child), m.step_up(area, child))
    answer: dict[str, object] = {
        "capacity": Capacity.DUTY_WORKER,
        "answers": play.last,
        "content": {"outcome": "not_accepted"},
    }

    to_others = area.sealed("stepup.decided", child, DUTY, [CARE], **answer)
    assert "recipient.missing" in await play.refused(to_others)
    silent = area.sealed("stepup.decided", child, DUTY, [SCHOOL], **answer)
    assert await play.refused(silent) == {"statements.required"}


async def under_assessment(play: RealPlay) -> None:
    """Bring the child to an assessment that has started."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child), m.step_up(area, child))
    await play.accept(m.step_up_decided(area, child, play.last), m.assessment(area, child))


@pytest.mark.allows("2.7")
async def test_the_team_goes_on_during_an_assessment(play: RealPlay) -> None:
    """While social care assesses, level and lead stay, and both hear of the start."""
    await under_assessment(play)

    assert (await play.leads(), (await play.now()).level) == (TEACHER, Level.EARLY_HELP)
    assert (await play.now()).assessment is not None


@pytest.mark.forbids("2.7")
async def test_an_assessment_does_not_start_behind_the_leads_back(play: RealPlay) -> None:
    """An assessment whose start the lead is not told, or that nobody asked for, is refused."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))
    assert await play.refused(m.assessment(area, child)) == {"assessment.none-open"}

    await play.accept(m.step_up(area, child))
    await play.accept(m.step_up_decided(area, child, play.last))
    content = {"assessment": "child_and_family"}
    silent = area.sealed(
        "assessment.started",
        child,
        WORKER,
        [CAF],
        capacity=Capacity.SOCIAL_WORKER,
        content=content,
    )
    assert await play.refused(silent) == {"recipient.missing"}


@pytest.mark.allows("2.8")
async def test_once_need_is_found_the_social_worker_leads_on_accepting(play: RealPlay) -> None:
    """The lead moves to the social worker when that person accepts, and not before."""
    area, child = play.area, play.child
    await under_assessment(play)
    await play.accept(m.assessment(area, child, concluded="child_in_need"))
    await play.accept(m.lead_proposed(area, child, WORKER, WORKER, (SCHOOL, CARE)))
    assert await play.leads() == TEACHER

    await play.accept(m.lead_answered(area, child, play.last, WORKER, (SCHOOL,)))
    assert (await play.leads(), (await play.now()).level) == (WORKER, Level.CHILD_IN_NEED)


@pytest.mark.forbids("2.8")
async def test_no_social_worker_leads_before_need_is_found(play: RealPlay) -> None:
    """During the assessment a proposal that a social worker lead is refused."""
    await under_assessment(play)
    early = m.lead_proposed(play.area, play.child, WORKER, WORKER, (SCHOOL, CARE))

    assert await play.refused(early) == {"lead.not-in-need"}


async def in_need(play: RealPlay) -> None:
    """Bring the child through an assessment that found need, led by the social worker."""
    area, child = play.area, play.child
    await under_assessment(play)
    await play.accept(m.assessment(area, child, concluded="child_in_need"))
    await play.accept(m.lead_proposed(area, child, WORKER, WORKER, (SCHOOL, CARE)))
    await play.accept(m.lead_answered(area, child, play.last, WORKER, (SCHOOL,)))


@pytest.mark.allows("1.2")
async def test_the_information_sheet_goes_to_the_caf_team_which_offers_its_support(
    play: RealPlay,
) -> None:
    """The social worker's sheet reaches the CAF team, and its offer reaches the referrer."""
    area, child = play.area, play.child
    await play.accept(m.referral(area, child))
    await play.accept(m.information_sent(area, child, "referrer_unsure", answers=play.last))
    decision = await play.accept(m.contact_made(area, child, play.last, "support_offered"))

    assert SCHOOL in {to.agency for to in decision.to}


@pytest.mark.forbids("1.2")
async def test_the_caf_team_does_not_pass_over_the_referrer(play: RealPlay) -> None:
    """An answer that does not reach whoever referred the child is refused."""
    area, child = play.area, play.child
    await play.accept(m.referral(area, child))
    await play.accept(m.information_sent(area, child, "referrer_unsure", answers=play.last))
    past = m.contact_made(area, child, play.last, "support_offered", to=(FRONT,))

    assert "recipient.missing" in await play.refused(past)


@pytest.mark.allows("2.7", "P5")
async def test_who_contacted_family_and_partners_is_recorded(play: RealPlay) -> None:
    """The social worker records having told the family and the partner agencies."""
    area, child = play.area, play.child
    await under_assessment(play)
    people = ("family", "partner_agencies")

    await play.accept(m.told(area, child, play.last, people))


@pytest.mark.allows("2.8", "P10")
async def test_the_meeting_is_called_with_everybody_involved(play: RealPlay) -> None:
    """School and First Response, both involved, are invited to the child in need meeting."""
    area, child = play.area, play.child
    await in_need(play)
    call = m.convened(area, child, "child_in_need", new_reference(), to=involved(await play.now()))
    await play.accept(call)

    assert [meeting.kind for meeting in (await play.now()).meetings] == ["child_in_need"]


@pytest.mark.forbids("2.8", "P10")
async def test_a_meeting_that_leaves_somebody_out_is_refused(play: RealPlay) -> None:
    """An invitation that passes over a professional already involved is refused."""
    area, child = play.area, play.child
    await in_need(play)
    some = tuple(a for a in involved(await play.now()) if a != SCHOOL)
    call = m.convened(area, child, "child_in_need", new_reference(), to=some)

    assert "recipient.missing" in await play.refused(call)


@pytest.mark.allows("2.8")
async def test_a_conference_may_make_a_child_protection_plan(play: RealPlay) -> None:
    """A conference that was called and decides on a plan moves the child to child protection."""
    area, child, ref = play.area, play.child, new_reference()
    await in_need(play)
    everybody = involved(await play.now())
    await play.accept(m.convened(area, child, "child_protection_conference", ref, to=everybody))
    await play.accept(
        m.held(area, child, "child_protection_conference", ref, "protection_plan", to=everybody)
    )

    assert (await play.now()).level is Level.CHILD_PROTECTION


@pytest.mark.allows("2.9")
async def test_a_review_is_held_and_put_off_only_by_authority(play: RealPlay) -> None:
    """A review is called, put off by the team manager, held, and the next is called."""
    area, child, ref = play.area, play.child, new_reference()
    await in_need(play)
    everybody = involved(await play.now())
    await play.accept(
        m.convened(area, child, "child_in_need_review", ref, to=everybody),
        m.postponed(area, child, ref, to=everybody),
        m.held(area, child, "child_in_need_review", ref, to=everybody),
        m.convened(area, child, "child_in_need_review", new_reference(), to=everybody),
    )

    assert (await play.now()).last_review


@pytest.mark.forbids("2.9")
async def test_a_review_is_not_put_off_by_the_social_worker_or_held_uncalled(
    play: RealPlay,
) -> None:
    """Without a manager's signature a review stays where it is; one never called is unknown."""
    area, child, ref = play.area, play.child, new_reference()
    await in_need(play)
    everybody = involved(await play.now())
    await play.accept(m.convened(area, child, "child_in_need_review", ref, to=everybody))

    assert await play.refused(m.postponed(area, child, ref, by=WORKER, to=everybody))
    unknown = m.held(area, child, "child_in_need_review", new_reference(), to=everybody)
    assert await play.refused(unknown) == {"meeting.unknown"}


def involved(journey: Journey) -> tuple[str, ...]:
    """Everybody with a part in the journey but social care itself."""
    return tuple(agency for agency in journey.involved if agency != CARE)
