"""Closing beside a team, a family's no, and who may conclude or speak for a family (003)."""

from datetime import timedelta

import pytest

from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import CAF, CARE, DOCTOR, DUTY, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.unit.kinds_playing import state
from tests.unit.test_decision import Play


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def in_need_beside_a_team(play: Play) -> None:
    """Bring a child with a Team Around the Child through an assessment that found need."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="child_in_need"))


def test_a_child_in_need_is_not_left_to_its_team_without_a_step_down(play: Play) -> None:
    """003 §§4.1-4.2: closing as "not needed" beside a team is no way round the step down."""
    in_need_beside_a_team(play)
    assert "case.needs-step-down" in play.refused(m.closed(play.area, play.child, "not_needed"))


def test_a_no_at_closing_stands_though_a_team_goes_on(play: Play) -> None:
    """003 §3.3: after the family's no nobody is proposed to lead, beside a team neither."""
    area, child = play.area, play.child
    in_need_beside_a_team(play)
    play.accept(m.closed(area, child, "declined"))
    assert state(play).support == "declined"
    proposed = m.lead_proposed(area, child, DOCTOR, TEACHER, ("demo.mill-lane-surgery",))
    assert "family.declined" in play.refused(proposed)


def test_the_caf_teams_no_keeps_no_case_open(play: Play) -> None:
    """003 §3.3: CAF is no condition of closing, so its no to a step down lets the case close."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.step_down(area, child))
    answer = area.sealed(
        "stepdown.decided",
        child,
        f"{CAF}.worker",
        [CARE],
        [area.statement("decision.reason", by=f"{CAF}.worker")],
        answers=play.last,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"outcome": "not_accepted"},
    )
    play.accept(answer)
    play.accept(m.closed(area, child, "not_needed", to=(SCHOOL, CARE, CAF)))
    assert state(play).case_open is False
    assert state(play).level is Level.UNIVERSAL


def test_first_response_does_not_conclude_what_social_care_assesses(play: Play) -> None:
    """Who assesses is answerable for the finding; the front door neither concludes nor takes it."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(m.referral_decided(area, child, play.last, "assess", (SCHOOL, CARE)))
    play.accept(m.assessment(area, child))
    by_front = {"capacity": Capacity.SOCIAL_WORKER, "content": {"finding": "not_in_need"}}
    concluded = area.sealed("assessment.concluded", child, DUTY, [SCHOOL, CARE], **by_front)
    assert "case.other-agency" in play.refused(concluded)
    enquiry = {"capacity": Capacity.SOCIAL_WORKER, "content": {"assessment": "section_47"}}
    started = area.sealed("assessment.started", child, DUTY, [SCHOOL, CARE], **enquiry)
    assert "case.other-agency" in play.refused(started)
    play.accept(m.assessment(area, child, concluded="not_in_need"))


def turned_down(play: Play, author: str, agency: str) -> None:
    """Let `author` refer the child and First Response answer that the threshold is not met."""
    area, child = play.area, play.child
    said = [area.statement("concern.what_happened", by=author)]
    play.accept(m.referral(area, child, author=author, statements=said))
    play.accept(m.referral_decided(area, child, play.last, "not_met", (agency,)))


def test_only_who_referred_last_speaks_for_a_family_that_nobody_leads(play: Play) -> None:
    """003 §1.1: an earlier referrer does not undo what the family told a later one."""
    area, child = play.area, play.child
    turned_down(play, DOCTOR, "demo.mill-lane-surgery")
    turned_down(play, TEACHER, SCHOOL)
    play.accept(m.family_choice(area, child, "wishes_support", by=TEACHER))
    undo = m.family_choice(area, child, "declines", by=DOCTOR, to=(SCHOOL,))
    assert "family.not-yours" in play.refused(undo)


def test_an_encouragement_lasts_half_a_year(play: Play) -> None:
    """003 §1.1: a referrer turned down long ago does not speak for the family any more."""
    area, child = play.area, play.child
    turned_down(play, DOCTOR, "demo.mill-lane-surgery")
    area.now += timedelta(days=200)
    choice = m.family_choice(area, child, "wishes_support", by=DOCTOR)
    assert "family.not-yours" in play.refused(choice)


@pytest.mark.parametrize("choice", ["declines", "wishes_support"])
def test_a_choice_about_the_wrong_child_is_undone(play: Play, choice: str) -> None:
    """What another family chose does not stand here once it is withdrawn."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.family_choice(area, child, choice, to=(SCHOOL,)))
    content = {"message": play.last, "error": "wrong_child"}
    play.accept(area.sealed("message.withdrawn", child, WORKER, [SCHOOL], content=content))
    assert state(play).support == ""


def test_social_care_does_not_leave_while_an_assessment_is_to_come(play: Play) -> None:
    """Whoever is to assess stays with the child until the finding."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(m.referral_decided(area, child, play.last, "section_47", (SCHOOL, CARE)))
    leaves = area.sealed("part.ended", child, WORKER, [FRONT])
    assert "part.still-open" in play.refused(leaves)
