"""Breaches put right: words about the wrong child, or gone to the wrong place."""

import pytest

from contracts.journey import MOST_RECENT
from contracts.seal import Sealed
from tests import messages as m
from tests import messages_real_life as r
from tests.area import (
    CAF,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    MANAGER,
    SCHOOL,
    WORKER,
    Area,
)
from tests.unit.kinds_playing import decided, state
from tests.unit.test_decision import Play

DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


@pytest.fixture
def play() -> Play:
    """A play with a child in need, led by a social worker."""
    made = Play(Area())
    made.accept(m.care_opened_before(made.area, made.child))
    return made


def told(play: Play, *to: str) -> Sealed:
    """Social care adds something to the story."""
    said = [play.area.statement("views.child", by=WORKER)]
    return play.area.sealed("story.added", play.child, WORKER, to, said, basis=DUTY_OF_CARE)


@pytest.mark.parametrize("later", [17, MOST_RECENT - 2])
def test_a_breach_is_put_right_long_after(play: Play, later: int) -> None:
    """004 §7.7: many messages later it is still withdrawn, and disagreed with."""
    area, child = play.area, play.child
    play.accept(told(play, GP))
    wrong = play.last
    for _ in range(later):
        play.accept(told(play, SCHOOL))
    play.accept(r.disagreed(area, child, wrong, to=CARE))
    play.accept(r.withdrawn(area, child, wrong, "wrong_recipient", to=(GP,), by=WORKER))
    assert state(play).withdrawn == (wrong,)


def test_a_wrong_recipient_loses_the_part_it_only_had_by_that(play: Play) -> None:
    """Who was reached in error is invited to nothing and speaks of the child no more."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT, GP]))
    sent = play.last
    play.accept(m.acknowledged(area, child, sent, by=DOCTOR))
    assert GP in state(play).involved
    play.accept(r.withdrawn(area, child, sent, "wrong_recipient", to=(FRONT, GP)))
    assert state(play).involved == (CARE, SCHOOL)


def test_who_has_a_part_besides_keeps_it(play: Play) -> None:
    """Who was told before, was told since, is asked or leads goes on taking part."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT]))
    first = play.last
    play.accept(m.referral(area, child, to=[FRONT, GP, CAF]))
    sent = play.last
    play.accept(told(play, GP))
    play.accept(r.withdrawn(area, child, sent, "wrong_recipient", to=(FRONT, GP, CAF)))
    assert state(play).involved == (CARE, SCHOOL, FRONT, GP)
    play.accept(decided(area, child, first))


def test_who_referred_the_wrong_child_has_no_part_in_its_journey(play: Play) -> None:
    """A referral about another child leaves nothing of the referrer behind."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, author=DOCTOR))
    play.accept(r.withdrawn(area, child, play.last, "wrong_child", by=DOCTOR))
    assert state(play).involved == (CARE,)


def test_a_message_sent_in_error_alone_takes_no_part_away(play: Play) -> None:
    """What was no breach changes nobody's standing."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT, GP]))
    play.accept(r.withdrawn(area, child, play.last, to=(FRONT, GP)))
    assert state(play).involved == (CARE, SCHOOL, FRONT, GP)


@pytest.mark.parametrize("what", ["case.opened-before", "referral.decided", "consent.recorded"])
def test_words_of_record_about_the_wrong_child_are_taken_back(what: str) -> None:
    """They are unreadable and a breach; what they decided stands until it is corrected."""
    play = Play(Area())
    area, child = play.area, play.child
    if what == "referral.decided":
        play.accept(m.referral(area, child))
        play.accept(decided(area, child, play.last))
        by, to = DUTY, [SCHOOL, CARE]
    else:
        play.accept(m.care_opened_before(area, child))
        by, to = MANAGER, []
        if what == "consent.recorded":
            agreed = m.consent(area, taken_by=WORKER)
            play.accept(area.sealed(what, child, WORKER, consents=(agreed,)))
            by = WORKER
    wrong, before = play.last, state(play)
    assert before.recent[-1].kind == what
    play.accept(r.withdrawn(area, child, wrong, "wrong_child", to=to, by=by))
    after = state(play)
    assert after.withdrawn == (wrong,)
    assert after.consents == ()
    assert (after.level, after.case_open, after.lead) == (
        before.level,
        before.case_open,
        before.lead,
    )
    again = r.withdrawn(area, child, play.last, "wrong_child", to=to, by=by)
    assert play.refused(again) == {"withdrawal.of-record"}


def test_a_step_down_about_another_child_leaves_no_choice_behind(play: Play) -> None:
    """003 §3.3: what another family chose does not bind this one."""
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    assert state(play).support == "chosen"
    play.accept(r.withdrawn(area, child, play.last, "wrong_child", to=(CAF,), by=WORKER))
    assert (state(play).support, state(play).consents) == ("", ())


def test_the_familys_own_choice_outlasts_a_step_down(play: Play) -> None:
    """What the family itself chose stays, and so does what the CAF team has taken on."""
    area, child = play.area, play.child
    play.accept(m.family_choice(area, child, "wishes_support", to=()))
    play.accept(m.step_down(area, child))
    play.accept(r.withdrawn(area, child, play.last, "wrong_child", to=(CAF,), by=WORKER))
    assert state(play).support == "chosen"
    other = Play(area)
    other.accept(m.care_opened_before(area, other.child))
    other.accept(m.step_down(area, other.child))
    request = other.last
    other.accept(m.step_down_decided(area, other.child, request))
    other.accept(r.withdrawn(area, other.child, request, to=(CAF,), by=WORKER))
    assert state(other).support == "chosen"


def test_an_incident_told_to_a_wrong_agency_is_still_to_be_notified(play: Play) -> None:
    """Words taken from a wrong reader do not end the duty that is on record."""
    area, child = play.area, play.child
    play.accept(area.sealed("incident.known", child, WORKER, [GP]))
    known = play.last
    play.accept(r.withdrawn(area, child, known, "wrong_recipient", to=(GP,), by=WORKER))
    request = state(play).request(known)
    assert request is not None
    assert request.outcome == ""


def test_who_works_alone_takes_a_concern_back_from_the_wrong_child() -> None:
    """003 §2.2: where nobody could countersign, a mistake about a child can be put right."""
    play = Play(Area())
    area, child = play.area, play.child
    said = [area.statement("concern.what_happened", by=DOCTOR)]
    play.accept(m.protection(area, child, author=DOCTOR, statements=said))
    sent = play.last
    simply = r.withdrawn(area, child, sent, by=DOCTOR)
    assert play.refused(simply) == {"withdrawal.protection"}
    play.accept(r.withdrawn(area, child, sent, "wrong_child", by=DOCTOR))
