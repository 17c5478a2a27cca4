"""The principles that no paragraph below repeats: story, consent, promptness, no repetition."""

import pytest

from contracts.consents import Covers
from contracts.questions import Category
from contracts.records import Outcome
from contracts.roles import Role
from tests import messages as m
from tests.area import DOCTOR, FRONT, HEAD, SCHOOL, TEACHER
from tests.guidance.playing import RealPlay

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.allows("P3")
async def test_what_a_family_told_is_marked_as_answered_for_whoever_asks_next(
    play: RealPlay,
) -> None:
    """The journey marks which questions are answered, when and by whom, and never the answer."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))
    told = area.statement("health.general", "sleeps badly")
    consent = m.consent(area)
    await play.accept(
        area.sealed("story.added", child, TEACHER, [], [told], **m.on_consent(consent))
    )

    answered = (await play.now()).answered
    assert [agency for _, agency in answered.values()] == [SCHOOL]
    data = await play.exchange.last(f"journey.{child}")
    assert data is not None
    assert b"sleeps badly" not in data


@pytest.mark.allows("P4")
async def test_what_the_family_agreed_to_is_passed_on_and_the_rest_withheld(
    play: RealPlay,
) -> None:
    """Consent to sharing health alone lets the health statement through and holds the rest."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))
    narrow = m.consent(
        area, Covers.SHARING, categories=(Category.HEALTH,), roles=(Role.FIRST_RESPONSE,)
    )
    statements = [area.statement("health.general"), area.statement("education.attendance")]
    sealed = area.sealed("story.added", child, TEACHER, [FRONT], statements, **m.on_consent(narrow))
    await play.accept(sealed)

    assert len((await play.exchange.delivery(FRONT, play.last))["shown"]) == 1


@pytest.mark.forbids("P4")
async def test_without_consent_nothing_is_passed_on(play: RealPlay) -> None:
    """A step up on a consent that names nobody is refused."""
    area, child = play.area, play.child
    await play.accept(m.opened_before(area, child))
    empty = m.consent(area, roles=(), recipients=())

    assert await play.refused(m.step_up(area, child, **m.on_consent(empty)))


@pytest.mark.allows("P6")
async def test_a_person_at_the_receiving_agency_takes_the_request(play: RealPlay) -> None:
    """An acknowledgement by whoever was asked is accepted, and reaches whoever asked."""
    await play.accept(m.referral(play.area, play.child))
    decision = await play.accept(m.acknowledged(play.area, play.child, play.last))

    assert [to.agency for to in decision.to] == [SCHOOL]


@pytest.mark.forbids("P6")
async def test_nobody_else_acknowledges_for_the_receiving_agency(play: RealPlay) -> None:
    """An acknowledgement by an agency that was not asked, or a second one, is refused."""
    area, child = play.area, play.child
    await play.accept(m.referral(area, child))
    request = play.last

    foreign = m.acknowledged(area, child, request, by=DOCTOR)
    assert await play.refused(foreign) == {"request.not-recipient"}
    await play.accept(m.acknowledged(area, child, request))
    again = m.acknowledged(area, child, request)
    assert await play.refused(again) == {"request.already-answered"}


@pytest.mark.allows("P9")
async def test_the_same_message_again_gets_its_first_receipt(play: RealPlay) -> None:
    """A message sent twice is decided once."""
    sealed = m.referral(play.area, play.child)
    first = await play.accept(sealed)
    again = await play.exchange.decided(sealed)

    assert again == first
    assert (await play.now()).entries == 1


@pytest.mark.forbids("P9")
async def test_an_id_is_not_used_for_another_message(play: RealPlay) -> None:
    """Other bytes under an id that has been decided are refused."""
    await play.accept(m.referral(play.area, play.child))
    other = m.referral(play.area, play.child, id=play.last, author=HEAD)
    decision = await play.exchange.decided(other)

    assert decision.outcome is Outcome.REFUSED
    assert [ground.code for ground in decision.reasons] == ["message.id-reused"]
