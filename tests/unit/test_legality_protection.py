"""No detour from child protection to a CAF: closing, moving, back dates, findings (003 §5.1)."""

from datetime import timedelta

import pytest

from contracts.consents import Covers
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from tests import messages as m
from tests.area import CARE, DUTY, FRONT, GP, SCHOOL, TEACHER, WORKER, Area
from tests.unit.kinds_playing import (
    ALL,
    assessing,
    at,
    decided,
    family_says,
    informed,
    others,
    started,
    state,
)
from tests.unit.legality_playing import (
    CONFERENCE,
    E,
    N,
    P,
    U,
    agreed,
    plan_over,
    proposed,
    stepped_down,
)
from tests.unit.test_decision import Play


@pytest.mark.parametrize("way", ["closed", "moved", "moved_during_the_plan"])
def test_no_detour_shortens_the_three_months(way: str) -> None:
    """003 §5.1: whether the case closes or the family moves, no CAF begins within three months."""
    play = at(P)
    area, child = play.area, play.child
    if way != "moved_during_the_plan":
        plan_over(play)
    if way != "closed":
        play.accept(m.moved(area, child, others(CARE)))
    play.accept(m.closed(area, child, "not_needed" if way == "closed" else "transferred", ALL))
    assert state(play).level is U
    agreed(play, Covers.SERVICE, Covers.SHARING)
    answer = proposed(play)
    assert play.refused(answer) == {"stepdown.too-soon"}
    inform = m.information_sent(area, child, "family_wishes")
    assert play.refused(inform) == {"stepdown.too-soon"}
    area.now += timedelta(days=93)
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (*ALL, GP)))
    play.accept(m.lead_answered(area, child, play.last, TEACHER, (*ALL, GP)))
    assert (state(play).level, play.leads) == (E, TEACHER)


def test_a_caf_asked_for_before_the_plan_does_not_start_within_the_three_months() -> None:
    """003 §5.1: a sheet sent in time is answered with a CAF only when the time is over."""
    play = at(U)
    area, child = play.area, play.child
    request = informed(play)
    agreed(play, by=DUTY)
    started = m.contact_made(area, child, request, "caf_started")
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="child_protection"))
    assert "stepdown.not-child-in-need" in play.refused(started)
    plan_over(play)
    late = m.contact_made(area, child, request, "caf_started", (SCHOOL, FRONT))
    assert "stepdown.too-soon" in play.refused(late)


def test_a_case_is_not_declared_over_what_is_known() -> None:
    """003 §5.1: after a closing nobody records a CAF as if it had been there before."""
    play = at(P)
    plan_over(play)
    play.accept(m.closed(play.area, play.child, "not_needed", others(CARE)))
    found = play.refused(m.opened_before(play.area, play.child))
    assert found == {"case.already-open", "stepdown.too-soon"}


def test_a_declared_caf_follows_its_plan_after_three_months() -> None:
    """003 §5.1: the dates that a declaration itself names are counted too."""
    play = Play(Area())
    ended = (play.area.now - timedelta(days=20)).isoformat()
    content = {"level": "early_help", "protection_plan_ended": ended}
    assert play.refused(m.care_opened_before(play.area, play.child, **content)) == {
        "stepdown.too-soon"
    }


def test_a_new_case_is_not_held_up_by_an_old_plan() -> None:
    """003 §5.1: once the three months have passed, a later need starts none of them anew."""
    play = at(P)
    area, child = play.area, play.child
    plan_over(play)
    play.accept(m.closed(area, child, "not_needed", others(CARE)))
    area.now += timedelta(days=200)
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    family_says(play, "wishes_support")
    play.accept(m.step_down(area, child))


def test_a_plan_that_is_said_to_have_ended_long_ago_shortens_nothing() -> None:
    """003 §5.1: the time counts from when it was made known, whatever day two people name."""
    play = Play(Area())
    area, child = play.area, play.child
    since = (area.now - timedelta(days=300)).isoformat()
    opened = {"level": "child_protection", "protection_plan_since": since}
    play.accept(m.care_opened_before(area, child, **opened))
    play.accept(m.plan_ended(area, child, occurred_at=area.now - timedelta(days=120)))
    family_says(play, "wishes_support")
    assert play.refused(m.step_down(area, child)) == {"stepdown.too-soon"}
    area.now += timedelta(days=93)
    play.accept(m.step_down(area, child))


def test_a_step_down_from_before_a_plan_is_void_after_it() -> None:
    """003 §5.1: what was accepted before the child came under protection closes no case after."""
    play, ref = at(N), new_reference()
    area, child = play.area, play.child
    play.accept(m.convened(area, child, CONFERENCE, ref, to=others(CARE)))
    early = area.now
    area.now += timedelta(hours=1)
    stepped_down(play)
    area.now += timedelta(hours=1)
    plan = m.held(area, child, CONFERENCE, ref, "protection_plan", occurred_at=early, to=ALL)
    play.accept(plan)
    area.now += timedelta(days=10)
    play.accept(m.plan_ended(area, child, others(CARE), occurred_at=early))
    found = play.refused(m.closed(area, child, to=others(CARE)))
    assert found == {"case.needs-step-down", "stepdown.too-soon"}
    area.now += timedelta(days=93)
    found = play.refused(m.closed(area, child, to=others(CARE)))
    assert found == {"case.needs-step-down"}


@pytest.mark.parametrize("finding", ["child_in_need", "not_in_need", "child_protection"])
def test_no_finding_ends_a_child_protection_plan(finding: str) -> None:
    """003 §5.1: social worker and team manager end it, and the plan goes on until then."""
    play = at(P)
    since = state(play).protection_plan_since
    play.accept(started(play, "core"))
    play.accept(m.assessment(play.area, play.child, concluded=finding))
    assert (state(play).level, state(play).protection_plan_since) == (P, since)


def test_a_conference_without_a_plan_returns_the_child_to_need() -> None:
    """003 §§2.8, 5.1: where no plan was made, none has ended and no three months run."""
    play, ref = at(E), new_reference()
    area, child = play.area, play.child
    assessing(play)
    play.accept(m.assessment(area, child, concluded="child_protection"))
    play.accept(m.convened(area, child, CONFERENCE, ref, to=others(CARE)))
    alone = m.held(area, child, CONFERENCE, ref, "no_plan", capacity=Capacity.PRACTITIONER)
    assert "practitioner.capacity" in play.refused(alone)
    play.accept(m.held(area, child, CONFERENCE, ref, "no_plan", to=others(CARE)))
    assert (state(play).level, state(play).protection_plan_ended) == (N, "")
    play.accept(m.step_down(area, child))


def test_a_conference_ends_no_plan_that_is_in_force() -> None:
    """003 §5.1: a further conference that makes no plan leaves the one in force."""
    play, ref = at(P), new_reference()
    play.accept(m.convened(play.area, play.child, CONFERENCE, ref, to=others(CARE)))
    play.accept(m.held(play.area, play.child, CONFERENCE, ref, "no_plan", to=others(CARE)))
    assert state(play).level is P


def test_nobody_outside_social_care_is_made_lead_at_child_protection() -> None:
    """003 §§2.8, 5.1: during a plan the lead stays with social care."""
    play = at(P)
    outside = m.lead_proposed(play.area, play.child, TEACHER, WORKER, ALL)
    assert play.refused(outside) == {"lead.child-protection"}
