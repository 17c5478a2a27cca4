"""A family's no outlives what it ended, and nothing about words stops child protection."""

from dataclasses import replace
from datetime import timedelta

from contracts.consents import Answered, ConsentHeld
from contracts.journey import MOST_CONSENTS
from services.exchange.decision import Accepted, decide
from tests import messages as m
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER
from tests.unit.kinds_playing import state
from tests.unit.test_consent_kinds import by_consent, opened, record, said, withdraw
from tests.unit.test_decision import Play, play

__all__ = ["opened", "play"]


def test_a_withdrawal_outlives_the_message_that_brought_the_consent(opened: Play) -> None:
    """Taking the message back as about a wrong child brings no ended consent to life again."""
    agreed = said(opened)
    opened.accept(by_consent(opened, agreed, carried=True))
    brought = opened.last
    opened.area.now += timedelta(minutes=1)
    opened.accept(withdraw(opened, agreed.id))
    content = {"message": brought, "error": "wrong_child"}
    area, child = opened.area, opened.child
    opened.accept(area.sealed("message.withdrawn", child, TEACHER, [FRONT], content=content))

    assert "consent.withdrawn" in opened.refused(by_consent(opened, agreed, carried=True))


def test_a_no_finds_room_where_agreements_find_none(opened: Play) -> None:
    """However many agreements were taken and taken back, a refusal is recorded and stands."""
    assert opened.journey is not None
    many = tuple(
        ConsentHeld(consent=said(opened, id=f"{n:020}"), withdrawn_at=opened.area.now)
        for n in range(MOST_CONSENTS)
    )
    opened.journey = replace(opened.journey, consents=many)
    assert opened.refused(record(opened, said(opened))) == {"journey.full"}
    no = said(opened, decision=Answered.REFUSED, roles=(), recipients=())
    opened.accept(record(opened, no, kind="consent.refused"))

    assert opened.journey.consents[-1].consent == no


def test_what_was_let_in_as_child_protection_is_passed_on_as_it_came(play: Play) -> None:
    """Words with a wrong clock or code stop neither the concern nor who passes it on."""
    area, child = play.area, play.child
    ahead = area.statement("concern.what_happened")
    ahead = ahead.model_copy(update={"recorded_at": area.now + timedelta(hours=2)})
    play.accept(m.protection(area, child, statements=[ahead]))
    passing = area.sealed(
        "request.redirected",
        child,
        DUTY,
        [CARE, SCHOOL],
        [ahead.model_copy(update={"carried_from": play.last})],
        answers=play.last,
        basis={"kind": "child_protection", "call": "01632 960001"},
        content={"to": CARE, "because": "not_ours", "concern": "child_protection"},
    )
    kept_out = replace(state(play), must_not_know=(DUTY,))

    assert isinstance(decide(area.open(passing), area.directory, kept_out, area.now), Accepted)
    play.accept(passing)
