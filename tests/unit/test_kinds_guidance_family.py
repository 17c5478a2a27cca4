"""A family that moves, and the evidence of who was told or not (003 §3.1; 000 ll.75, 113)."""

from datetime import timedelta

import pytest

from contracts.identifiers import new_reference
from contracts.journey import MOST_RECENT
from contracts.roles import Level
from tests import messages as m
from tests.area import (
    CAF,
    CAF_WORKER,
    CARE,
    DOCTOR,
    FRONT,
    SCHOOL,
    WORKER,
)
from tests.unit.kinds_playing import ALL, at, decided, led, others, state
from tests.unit.test_decision import Play

U, E, N = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED


def test_a_family_that_moved_takes_its_case_along() -> None:
    """A case is transferred only after the move, and then neither led nor open here."""
    play = at(Level.CHILD_PROTECTION)
    area, child = play.area, play.child
    transfer = m.closed(area, child, "transferred", others(CARE))
    assert play.refused(transfer) == {"case.not-moved"}
    play.accept(m.moved(area, child, others(CARE)))
    assert state(play).moved_to == "E08000003"
    play.accept(transfer)
    assert (state(play).level, state(play).case_open, play.leads) == (U, False, "")
    assert (state(play).support, state(play).protection_plan_since) == ("", "")


def test_everybody_involved_hears_of_a_move() -> None:
    """The lead and all who work with the family know that it is elsewhere."""
    play = at(N)
    for missing in (SCHOOL, CAF, FRONT):
        to = tuple(a for a in others(CARE) if a != missing)
        assert play.refused(m.moved(play.area, play.child, to)) == {"recipient.missing"}


@pytest.mark.parametrize("place", ["", "E0800000", "Trafford", "X08000003", "E08000003\n"])
def test_an_area_is_named_by_its_code(place: str) -> None:
    """An address is a statement; the message itself holds a GSS code and nothing else."""
    play = at(N)
    sent = m.moved(play.area, play.child, others(CARE), place=place)
    assert play.area.codes(sent) == {"message.wrong-content"}


def test_a_family_that_came_back_is_not_transferred_by_its_old_move() -> None:
    """When a case opens anew, an earlier move no longer counts."""
    play = at(N)
    area, child = play.area, play.child
    play.accept(m.moved(area, child, others(CARE)))
    play.accept(m.closed(area, child, "transferred", others(CARE)))
    area.now += timedelta(days=30)
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    assert state(play).moved_to == ""
    transfer = m.closed(area, child, "transferred", others(CARE))
    assert play.refused(transfer) == {"case.not-moved"}


def test_the_outcome_of_a_closing_may_be_told_to_the_family() -> None:
    """003 §3.1: people outside the exchange are told, and the evidence names the message."""
    play = at(N)
    area, child = play.area, play.child
    play.accept(m.closed(area, child, "not_needed", others(CARE)))
    closing = play.last
    play.accept(m.told(area, child, closing, ("family", "partner_agencies")))
    play.accept(m.not_told(area, child, closing, ("manager",)))


def test_why_somebody_was_not_told_is_always_given() -> None:
    """000 l.113: where it is not appropriate, the reason is recorded."""
    play = at(N)
    sent = m.not_told(play.area, play.child, state(play).recent[-1].id, statements=[])
    assert play.refused(sent) == {"statements.required"}


def test_nobody_is_told_of_a_message_that_was_never_sent() -> None:
    """Evidence about an unknown message is refused, whether told or not told."""
    play = at(N)
    nothing = new_reference()
    assert play.refused(m.told(play.area, play.child, nothing)) == {"telling.unknown"}
    assert play.refused(m.not_told(play.area, play.child, nothing)) == {"telling.unknown"}


def test_what_went_to_nobody_can_be_told_of() -> None:
    """A closing without a recipient is known to the journey all the same."""
    play = Play(at(N).area)
    play.accept(m.care_opened_before(play.area, play.child))
    play.accept(m.closed(play.area, play.child, "not_needed", ()))
    play.accept(m.told(play.area, play.child, play.last))


def test_old_evidence_is_not_refused_for_want_of_memory() -> None:
    """A journey that has let old messages go cannot say that one was never sent."""
    play = at(N)
    area, child = play.area, play.child
    first = state(play).recent[0].id
    for _ in range(MOST_RECENT // 2):
        play.accept(m.told(area, child, first))
        play.accept(m.moved(area, child, others(CARE)))
    assert state(play).sent(first) is None
    play.accept(m.told(area, child, first))


def test_nobody_is_told_twice_in_one_message() -> None:
    """A list of people names each once."""
    play = at(N)
    known = state(play).recent[-1].id
    twice = m.told(play.area, play.child, known, ("family", "family"))
    assert play.refused(twice) == {"message.wrong-content"}


def test_only_who_has_a_part_speaks_of_the_family() -> None:
    """A choice, a move, a birth or a telling from outside is refused."""
    play = at(N)
    area, child = play.area, play.child
    known = state(play).recent[-1].id
    for sent in (
        m.family_choice(area, child, by=DOCTOR, to=ALL),
        m.moved(area, child, ALL, by=DOCTOR),
        m.told(area, child, known, by=DOCTOR),
        m.not_told(area, child, known, by=DOCTOR),
    ):
        assert play.refused(sent) == {"message.no-part"}


def test_a_step_down_that_the_caf_team_refused_leaves_the_child_in_need() -> None:
    """Social care goes on, and may ask again."""
    play = at(N)
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    reason = [area.statement("decision.reason", by=CAF_WORKER)]
    no = area.sealed(
        "stepdown.decided",
        child,
        CAF_WORKER,
        [CARE],
        reason,
        answers=play.last,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"outcome": "not_accepted"},
    )
    play.accept(no)
    assert (state(play).level, state(play).case_open, play.leads) == (N, True, WORKER)
    play.accept(m.step_down(area, child))


def test_a_led_family_that_chose_support_closes_into_early_help() -> None:
    """003 §§3.4, 5.5: lead accepted outside social care, step down taken on, then closed."""
    play = at(N)
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    play.accept(m.step_down_decided(area, child, play.last))
    led(play)
    play.accept(m.closed(area, child, to=others(CARE)))
    assert (state(play).level, state(play).support) == (E, "chosen")
