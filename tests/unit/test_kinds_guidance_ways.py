"""The ways up and down, plan by plan: who signs, what counts, what ends (003 §§2.7-3.4, 5.1)."""

from datetime import datetime, timedelta

import pytest

from contracts.consents import Covers
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import CARE, SCHOOL, WORKER
from tests.unit.kinds_playing import (
    assessing,
    at,
    decided,
    family_says,
    informed,
    led,
    others,
    started,
    state,
)
from tests.unit.test_decision import Play

U, E, N, P = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED, Level.CHILD_PROTECTION


def test_a_plan_is_made_by_a_conference() -> None:
    """003 §2.8: the conference decides on the plan, and from then on the child is protected."""
    play, ref = at(N), new_reference()
    area, child = play.area, play.child
    conference = "child_protection_conference"
    play.accept(m.convened(area, child, conference, ref, to=others(CARE)))
    area.now += timedelta(days=7)
    day = area.now - timedelta(hours=2)
    sent = m.held(area, child, conference, ref, "protection_plan", occurred_at=day)
    play.accept(sent)
    assert state(play).level is P
    assert state(play).protection_plan_since == iso(day)


@pytest.mark.parametrize("meeting", ["child_in_need", "child_in_need_review"])
def test_no_other_meeting_makes_a_plan(meeting: str) -> None:
    """Only a conference comes to a child protection plan."""
    play, ref = at(N), new_reference()
    play.accept(m.convened(play.area, play.child, meeting, ref, to=others(CARE)))
    sent = m.held(play.area, play.child, meeting, ref, "protection_plan")
    assert play.refused(sent) == {"meeting.outcome"}


def test_a_plan_is_signed_by_a_social_worker() -> None:
    """A conference's plan does not rest on a practitioner's word alone."""
    play, ref = at(N), new_reference()
    conference = "child_protection_conference"
    play.accept(m.convened(play.area, play.child, conference, ref, to=others(CARE)))
    sent = m.held(
        play.area,
        play.child,
        conference,
        ref,
        "protection_plan",
        capacity=Capacity.PRACTITIONER,
    )
    assert play.refused(sent) == {"practitioner.capacity"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"countersigners": ()}, "countersign.missing"),
        ({"capacity": Capacity.PRACTITIONER}, "practitioner.capacity"),
    ],
)
def test_a_plan_ends_with_two_signatures(changes: dict[str, object], code: str) -> None:
    """003 §§4.2, 5.1: social worker and team manager together."""
    play = at(P)
    assert play.refused(m.plan_ended(play.area, play.child, others(CARE), **changes)) == {code}


def test_the_three_months_run_from_the_day_the_plan_ended() -> None:
    """003 §5.1: the day that social worker and manager sign for counts, not the day it was sent."""
    play = at(P)
    area, child = play.area, play.child
    play.accept(m.plan_ended(area, child, others(CARE)))
    assert state(play).level is N
    assert state(play).child_in_need_since == state(play).protection_plan_ended == iso(area.now)
    assert "stepdown.too-soon" in play.refused(m.step_down(area, child))
    early = m.information_sent(area, child, "stepping_down", author=WORKER)
    assert "stepdown.too-soon" in play.refused(early)
    area.now += timedelta(days=93)
    family_says(play, "wishes_support")
    play.accept(m.step_down(area, child))


def test_a_plan_cannot_end_before_it_was_known_to_be_in_force() -> None:
    """Nobody shortens the three months by an earlier day than the journey allows."""
    play = at(P)
    area, child = play.area, play.child
    before = area.now - timedelta(days=120)
    early = m.plan_ended(area, child, others(CARE), occurred_at=before)
    assert play.refused(early) == {"plan.ended-before"}


def test_a_plan_cannot_end_before_a_review_that_let_it_go_on() -> None:
    """The last review is the earliest day on which the plan can have ended."""
    play, ref = at(P), new_reference()
    area, child = play.area, play.child
    review = "protection_review"
    play.accept(m.convened(area, child, review, ref, to=others(CARE)))
    area.now += timedelta(days=7)
    play.accept(m.held(area, child, review, ref, to=others(CARE)))
    at_review = datetime.fromisoformat(state(play).last_review)
    early = m.plan_ended(area, child, others(CARE), occurred_at=at_review - timedelta(days=1))
    assert play.refused(early) == {"plan.ended-before"}
    play.accept(m.plan_ended(area, child, others(CARE), occurred_at=at_review))


def test_a_plan_with_a_known_beginning_ended_after_it() -> None:
    """What a manager declared about the beginning bounds the end."""
    play = Play(at(N).area)
    area, child = play.area, play.child
    began = area.now - timedelta(days=200)
    since = {"level": "child_protection", "protection_plan_since": iso(began)}
    play.accept(m.care_opened_before(area, child, **since))
    assert state(play).protection_plan_since == iso(began)
    early = m.plan_ended(area, child, occurred_at=began - timedelta(days=1))
    assert play.refused(early) == {"plan.ended-before"}
    play.accept(m.plan_ended(area, child, occurred_at=began + timedelta(days=1)))


def test_a_second_plan_starts_the_three_months_anew() -> None:
    """What ended before the new plan counts no more."""
    play = at(P)
    area, child = play.area, play.child
    play.accept(m.plan_ended(area, child, others(CARE)))
    area.now += timedelta(days=93)
    ref = new_reference()
    conference = "child_protection_conference"
    play.accept(m.convened(area, child, conference, ref, to=others(CARE)))
    play.accept(m.held(area, child, conference, ref, "protection_plan", to=others(CARE)))
    assert (state(play).level, state(play).protection_plan_ended) == (P, "")
    area.now += timedelta(days=30)
    play.accept(m.plan_ended(area, child, others(CARE)))
    assert "stepdown.too-soon" in play.refused(m.step_down(area, child))


def test_the_way_down_from_protection_ends_in_a_team_around_the_child() -> None:
    """From a plan through child in need, the three months and an accepted lead to early help."""
    play = at(P)
    area, child = play.area, play.child
    play.accept(m.plan_ended(area, child, others(CARE)))
    area.now += timedelta(days=93)
    family_says(play, "wishes_support")
    play.accept(m.step_down(area, child))
    play.accept(m.step_down_decided(area, child, play.last))
    assert "case.needs-lead" in play.refused(m.closed(area, child, to=others(CARE)))
    led(play)
    play.accept(m.closed(area, child, to=others(CARE)))
    assert (state(play).level, play.leads) == (E, "demo.hilltop-school.teacher")


def test_the_way_up_keeps_the_team_until_a_social_worker_leads() -> None:
    """003 §2.7: during the assessment the TAC meets, and its lead stays."""
    play = at(E)
    area, child = play.area, play.child
    assessing(play)
    ref, team = new_reference(), "team_around_the_child"
    by = "demo.hilltop-school.teacher"
    play.accept(m.convened(area, child, team, ref, by=by, to=others(SCHOOL)))
    play.accept(m.held(area, child, team, ref, by=by, to=others(SCHOOL)))
    assert (state(play).level, play.leads) == (E, by)
    ended = m.caf_ended(area, child, to=others(SCHOOL))
    assert play.refused(ended) == {"caf.assessment-open"}
    play.accept(m.assessment(area, child, concluded="child_protection"))
    assert (state(play).level, state(play).protection_plan_since) == (P, "")


def test_a_family_in_an_assessment_may_still_end_its_caf() -> None:
    """003 §§2.7, 5.6: the service waits for nobody's leave but is the family's own to end."""
    play = at(E)
    assessing(play)
    play.accept(m.caf_ended(play.area, play.child, "family_decision", to=others(SCHOOL)))
    assert (state(play).level, play.leads, state(play).support) == (U, "", "declined")
    assert state(play).assessment is not None


def test_an_initial_assessment_may_be_followed_by_a_core_assessment() -> None:
    """000 l.109: in the open case, without another request, and its conclusion has a place."""
    play = at(U)
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    play.accept(started(play))
    content = {"finding": "child_in_need", "assessment": "initial"}
    found = area.sealed(
        "assessment.concluded",
        child,
        WORKER,
        others(CARE),
        capacity=Capacity.SOCIAL_WORKER,
        content=content,
    )
    play.accept(found)
    play.accept(started(play, "core"))
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    assert state(play).level is N


def test_a_referrer_who_was_unsure_is_helped_to_a_caf() -> None:
    """003 §§1.1-1.2: universal to early help by information, contact and the family's consent."""
    play = at(U)
    area, child = play.area, play.child
    request = informed(play)
    without = m.contact_made(area, child, request, "caf_started")
    assert play.refused(without) == {"family.not-asked", "stepdown.consent-service"}
    family_says(play, "wishes_support")
    assert play.refused(without) == {"stepdown.consent-service"}
    agreed = m.consent(area, Covers.SERVICE, taken_by="demo.caf-team.worker")
    play.accept(m.contact_made(area, child, request, "caf_started", consents=(agreed,)))
    assert (state(play).level, state(play).support) == (E, "chosen")


def test_a_family_that_chose_support_is_led_and_so_supported() -> None:
    """003 §3.4: with a lead professional accepted the Team Around the Child begins."""
    play = at(U)
    family_says(play, "wishes_support")
    agreed = m.consent(play.area, Covers.SERVICE, taken_by=WORKER)
    play.accept(play.area.sealed("consent.recorded", play.child, WORKER, consents=(agreed,)))
    led(play)
    assert state(play).level is E


def test_a_declared_end_of_a_plan_follows_its_beginning() -> None:
    """A case declared with a plan that ended before it began is refused."""
    play = Play(at(N).area)
    dates = {"protection_plan_since": "2026-05-02T00:00:00Z"}
    dates |= {"protection_plan_ended": "2026-05-01T00:00:00Z"}
    sent = m.care_opened_before(play.area, play.child, **dates)
    assert play.refused(sent) == {"message.wrong-content"}


def test_an_agency_without_a_part_starts_no_further_assessment() -> None:
    """A core assessment in an open case belongs to those who work with the child."""
    play = Play(at(N).area)
    play.accept(m.care_opened_before(play.area, play.child))
    by_front = play.area.sealed(
        "assessment.started",
        play.child,
        "demo.first-response.duty",
        [CARE],
        capacity=Capacity.SOCIAL_WORKER,
        content={"assessment": "core"},
    )
    assert play.refused(by_front) == {"assessment.none-open"}
