"""Paragraphs 3.1 to 3.4: no need was found, and the family may want support."""

import pytest

from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.guidance.playing import RealPlay

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


async def not_in_need(play: RealPlay) -> None:
    """Bring a child referred by the school through an assessment that found no need."""
    area, child = play.area, play.child
    await play.accept(m.referral(area, child))
    decided = m.referral_decided(area, child, play.last, "assess", (SCHOOL, CARE))
    await play.accept(decided, m.assessment(area, child))
    await play.accept(m.assessment(area, child, concluded="not_in_need"))


@pytest.mark.allows("3.1", "P5")
async def test_the_family_is_told_and_asked_whether_it_wants_support(play: RealPlay) -> None:
    """Telling the family of the outcome, and its choice, are both on record."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(
        m.told(area, child, play.last), m.family_choice(area, child, "wishes_support")
    )

    assert (await play.now()).support == "chosen"


@pytest.mark.allows("3.1", "P5")
async def test_where_telling_the_family_is_unsafe_the_reason_stands_in_its_place(
    play: RealPlay,
) -> None:
    """That a family was not told, with a recorded reason, is accepted."""
    await not_in_need(play)

    await play.accept(m.not_told(play.area, play.child, play.last))


@pytest.mark.forbids("3.1", "P5")
async def test_a_family_left_untold_without_a_reason_is_refused(play: RealPlay) -> None:
    """Not telling somebody without saying why, or of a message never sent, is refused."""
    area, child = play.area, play.child
    await not_in_need(play)
    silent = m.not_told(area, child, play.last, statements=[area.statement("health.general")])

    assert await play.refused(silent) == {"statements.required"}
    assert await play.refused(m.told(area, child, "0" * 26)) == {"telling.unknown"}


@pytest.mark.allows("3.2")
async def test_letter_and_sheet_go_to_the_caf_team_for_a_family_that_wants_support(
    play: RealPlay,
) -> None:
    """With agreement letter and information sheet, on consent, the CAF team is informed."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "wishes_support"))
    decision = await play.accept(m.information_sent(area, child, "family_wishes"))

    assert [to.agency for to in decision.to] == [CAF]


@pytest.mark.forbids("3.2")
@pytest.mark.parametrize("part", ["caf.information_sheet", "caf.agreement_letter"])
async def test_without_letter_or_sheet_the_caf_team_is_not_informed(
    play: RealPlay, part: str
) -> None:
    """Information that lacks one of the two documents is refused."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "wishes_support"))
    agreed = m.on_consent(m.consent(area, taken_by=DUTY))
    other = next(p for p in ("caf.information_sheet", "caf.agreement_letter") if p != part)
    sealed = area.sealed(
        "caf.information-sent",
        child,
        DUTY,
        [CAF],
        [area.statement(other, by=DUTY)],
        capacity=Capacity.SOCIAL_WORKER,
        content={"because": "family_wishes"},
        **agreed,
    )
    decision = await play.exchange.decided(sealed)

    assert [(g.code, g.detail) for g in decision.reasons] == [("statements.required", part)]


@pytest.mark.allows("3.3")
async def test_closing_does_not_depend_on_a_caf(play: RealPlay) -> None:
    """A case of a family that wants no support closes without CAF, lead or step down."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "declines"))
    await play.accept(m.closed(area, child, "declined"))

    journey = await play.now()
    assert (journey.case_open, journey.level) == (False, Level.UNIVERSAL)


@pytest.mark.forbids("3.3")
async def test_after_the_familys_no_nobody_is_chased(play: RealPlay) -> None:
    """No information to the CAF team, and no lead for a CAF, until the family itself asks."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "declines"))

    chase = m.information_sent(area, child, "family_wishes")
    assert "family.declined" in await play.refused(chase)
    propose = m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,))
    assert "family.declined" in await play.refused(propose)

    await play.accept(m.family_choice(area, child, "wishes_support"))
    await play.accept(m.information_sent(area, child, "family_wishes"))


@pytest.mark.allows("3.4")
async def test_the_caf_team_finds_a_lead_in_the_familys_network(play: RealPlay) -> None:
    """The CAF team proposes the teacher, who leads once she has accepted."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "wishes_support"))
    await play.accept(m.information_sent(area, child, "family_wishes"))
    await play.accept(m.contact_made(area, child, play.last, "caf_started"))
    await play.accept(m.lead_proposed(area, child, TEACHER, CAF_WORKER, (SCHOOL,)))
    await play.accept(m.lead_answered(area, child, play.last, TEACHER, (CAF,)))

    assert (await play.leads(), (await play.now()).level) == (TEACHER, Level.EARLY_HELP)


@pytest.mark.forbids("3.4")
async def test_a_social_worker_does_not_lead_a_caf(play: RealPlay) -> None:
    """Where no need was found, a proposal that somebody of social care lead is refused."""
    area, child = play.area, play.child
    await not_in_need(play)
    await play.accept(m.family_choice(area, child, "wishes_support"))
    propose = m.lead_proposed(area, child, WORKER, DUTY, (CARE, FRONT))

    assert "lead.not-in-need" in await play.refused(propose)
