"""Dates that cannot be true, unborn children, and children of whom little is known."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.identifiers import new_reference
from contracts.kinds import Step
from contracts.messages import KINDS
from contracts.roles import Level
from services.exchange.folding import folded
from tests import messages as m
from tests.area import CARE, Area
from tests.unit.kinds_playing import at, others, state
from tests.unit.test_decision import Play

UNBORN = {"concern": "child_in_need", "source": "2A", "unborn": True}


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def _referral(play: Play, born_on: str, **changes: Any) -> Any:
    area = play.area
    statements = [
        area.statement("concern.what_happened"),
        area.statement("identity.born_on", born_on),
    ]
    return m.referral(area, play.child, statements=statements, **changes)


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=1), timedelta(days=400)])
def test_nothing_is_reported_that_is_still_to_come(play: Play, ahead: timedelta) -> None:
    """What a message reports has happened when it is sealed, whatever the kind."""
    sent = m.referral(play.area, play.child, occurred_at=play.area.now + ahead)
    assert play.refused(sent) == {"message.in-future"}


def test_clocks_may_differ_by_five_minutes(play: Play) -> None:
    """As for the sealing itself."""
    sent = m.referral(play.area, play.child, occurred_at=play.area.now + timedelta(minutes=4))
    play.accept(sent)


def test_a_message_that_was_long_under_way_reports_nothing_after_its_sealing(play: Play) -> None:
    """The sealing bounds what is reported, not only the arrival."""
    area = play.area
    sealed_at = area.now - timedelta(days=3)
    sent = m.referral(area, play.child, time=sealed_at, occurred_at=area.now - timedelta(days=1))
    assert play.refused(sent) == {"message.in-future"}


def test_nothing_happens_to_a_child_before_birth(play: Play) -> None:
    """A date of birth after what the message reports is a slip in one of the two."""
    area = play.area
    happened = area.now - timedelta(days=30)
    born = f"{area.now - timedelta(days=10):%Y-%m-%d}"
    sent = _referral(play, born, occurred_at=happened)
    assert play.refused(sent) == {"message.before-birth"}
    play.accept(_referral(play, born))


def test_a_child_born_on_the_day_itself_is_born(play: Play) -> None:
    """The day counts, in London's time, and not the hour."""
    area = play.area
    play.accept(_referral(play, f"{area.now:%Y-%m-%d}"))


@pytest.mark.parametrize("value", ["not a day", "2150-13-40", "spring"])
def test_a_date_of_birth_that_is_no_day_says_nothing(play: Play, value: str) -> None:
    """A statement in words is left to its readers."""
    play.accept(_referral(play, value))


def test_an_unborn_child_is_referred_with_the_expected_day(play: Play) -> None:
    """The day to come is no fault, and the journey knows that the child is unborn."""
    expected = f"{play.area.now + timedelta(days=90):%Y-%m-%d}"
    assert play.refused(_referral(play, expected)) == {"message.before-birth"}
    play.accept(_referral(play, expected, content=UNBORN))
    assert state(play).unborn


def test_child_protection_waits_for_no_date(play: Play) -> None:
    """003 §2.2: a slip in a date does not stop a concern about a child."""
    ahead = play.area.now + timedelta(days=2)
    expected = f"{play.area.now + timedelta(days=90):%Y-%m-%d}"
    content = {"concern": "child_protection"}
    basis = {"kind": "child_protection"}
    sent = _referral(play, expected, content=content, basis=basis, occurred_at=ahead)
    assert play.accept(sent).protection


def test_an_unborn_child_stays_one_child_through_birth(play: Play) -> None:
    """The same reference, requests and consents before and after; born once and only once."""
    area, child = play.area, play.child
    agreed = m.consent(area)
    play.accept(m.referral(area, child, content=UNBORN, **m.on_consent(agreed)))
    before = state(play)
    today = f"{area.now:%Y-%m-%d}"
    play.accept(m.born(area, child, today))
    after = state(play)
    assert not after.unborn
    assert (after.child, after.requests, after.consents) == (
        child,
        before.requests,
        before.consents,
    )
    assert play.refused(m.born(area, child, today)) == {"child.already-born"}
    again = m.referral(area, child, content=UNBORN)
    assert play.refused(again) == {"child.already-born"}


def test_a_birth_has_its_day_and_the_day_has_come(play: Play) -> None:
    """Without the date of birth, or with one to come, nothing was born."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, content=UNBORN))
    without = m.born(area, child, "none", statements=[area.statement("needs.development")])
    assert play.refused(without) == {"statements.required"}
    tomorrow = f"{area.now + timedelta(days=2):%Y-%m-%d}"
    assert play.refused(m.born(area, child, tomorrow)) == {"message.in-future"}


def test_a_protection_concern_does_not_make_a_child_unborn_again(play: Play) -> None:
    """What passes without its guards is still folded to what is true."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, content=UNBORN))
    play.accept(m.born(area, child, f"{area.now:%Y-%m-%d}"))
    content = {"concern": "child_protection", "unborn": True}
    play.accept(m.protection(area, child, content=content))
    assert not state(play).unborn


def test_an_unborn_child_may_have_a_plan(play: Play) -> None:
    """A case declared before birth, with a plan, goes through birth on that plan."""
    area, child = play.area, play.child
    declared = {"level": "child_protection", "unborn": True}
    play.accept(m.care_opened_before(area, child, **declared))
    today = f"{area.now:%Y-%m-%d}"
    play.accept(m.born(area, child, today, by="demo.social-care.worker"))
    assert (state(play).level, state(play).unborn) == (Level.CHILD_PROTECTION, False)


@pytest.mark.parametrize(
    "known",
    [
        (),
        ("identity.name",),
        ("identity.born_on",),
        ("identity.nhs_number",),
        ("identity.name", "identity.nhs_number"),
    ],
)
def test_a_child_is_referred_with_whatever_is_known(play: Play, known: tuple[str, ...]) -> None:
    """Neither name, date of birth nor NHS number is a condition of help."""
    area = play.area
    values = {"identity.born_on": "2020-02-29"}
    statements = [area.statement("concern.what_happened")]
    statements += [area.statement(q, values.get(q, "as told")) for q in known]
    play.accept(m.referral(area, play.child, statements=statements))


def test_a_plan_ends_on_no_day_to_come() -> None:
    """003 §5.1: the three months cannot start in the future."""
    play = at(Level.CHILD_PROTECTION)
    ahead = play.area.now + timedelta(days=1)
    sent = m.plan_ended(play.area, play.child, others(CARE), occurred_at=ahead)
    assert play.refused(sent) == {"message.in-future"}


def test_a_journey_folds_again_to_the_same_from_its_messages() -> None:
    """Every kind of the guidance folds without a disclosure, and twice to the same."""
    play = at(Level.CHILD_IN_NEED)
    area, child = play.area, play.child
    ref = new_reference()
    sent = (
        m.convened(area, child, "child_in_need_review", ref, to=others(CARE)),
        m.postponed(area, child, ref, to=others(CARE)),
        m.held(area, child, "child_in_need_review", ref, to=others(CARE)),
        m.family_choice(area, child, "wishes_support", to=others(CARE)),
        m.moved(area, child, others(CARE)),
        m.closed(area, child, "transferred", others(CARE)),
    )
    start = journey = state(play)
    for sealed in sent:
        opened = area.open(sealed)
        answered = play.accept(sealed).answered
        step = Step(opened.event, opened.content, area.now)
        kind = KINDS[opened.event.kind]
        journey = folded(journey, step, kind, answered)
        assert journey == state(play)
    assert journey.entries == start.entries + len(sent)
