"""Meetings: everybody involved invited, brothers and sisters at one table, none put off at will."""

from datetime import timedelta

import pytest

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.journey_bounds import MOST_MEETINGS
from contracts.journey_json import dump
from contracts.kinds import iso
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    HEAD,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
)
from tests.unit.kinds_playing import ALL, at, gathered, others, state
from tests.unit.test_decision import Play

U, E, N, P = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED, Level.CHILD_PROTECTION
REVIEW, TEAM = "child_in_need_review", "team_around_the_child"


@pytest.mark.parametrize("missing", [SCHOOL, CAF, FRONT])
def test_everybody_involved_is_invited(missing: str) -> None:
    """003 §2.8: the professionals already involved, each of them."""
    play = at(N)
    to = tuple(a for a in others(CARE) if a != missing)
    sent = m.convened(play.area, play.child, REVIEW, new_reference(), to=to)
    assert play.refused(sent) == {"recipient.missing"}


def test_an_agency_that_left_need_not_be_invited() -> None:
    """Nobody has to invite an agency that takes part no more."""
    play = at(N)
    area = play.area
    agencies = tuple(
        a.model_copy(update={"left_at": area.now}) if a.id == SCHOOL else a
        for a in area.document.agencies
    )
    area.document = area.document.model_copy(update={"agencies": agencies})
    play.accept(m.convened(area, play.child, REVIEW, new_reference(), to=(CAF, FRONT)))


@pytest.mark.parametrize("meeting", ["strategy_discussion", "core_group"])
def test_a_meeting_of_members_does_not_invite_everybody(meeting: str) -> None:
    """A strategy discussion and a core group have their own members."""
    play = at(P)
    play.accept(m.convened(play.area, play.child, meeting, new_reference(), to=(CAF,)))


def test_a_team_meets_without_social_care_that_has_no_open_case() -> None:
    """003 §2.6: after a refused step up the TAC goes on as before, among its own."""
    play = at(E)
    ref = new_reference()
    play.accept(m.convened(play.area, play.child, TEAM, ref, by=TEACHER, to=(CAF,)))


@pytest.mark.parametrize("by", [TEACHER, CAF_WORKER])
def test_social_cares_meetings_are_its_own(by: str) -> None:
    """Nobody outside social care calls, reports or puts off its meetings."""
    play = at(N)
    area, child, ref = play.area, play.child, new_reference()
    agency = by.rsplit(".", 1)[0]
    call = m.convened(area, child, REVIEW, ref, by=by, to=others(agency))
    assert play.refused(call) == {"message.role-may-not"}
    play.accept(m.convened(area, child, REVIEW, ref, to=others(CARE)))
    report = m.held(area, child, REVIEW, ref, by=by, to=others(agency))
    assert play.refused(report) == {"message.role-may-not"}
    by_manager = m.postponed(
        area, child, ref, by=CAF_MANAGER, capacity=Capacity.TEAM_MANAGER, to=others(CAF)
    )
    assert play.refused(by_manager) == {"message.role-may-not"}


def test_a_meeting_is_called_by_somebody_with_a_part() -> None:
    """A stranger gathers nobody around a child."""
    play = at(E)
    ref = new_reference()
    sent = m.convened(play.area, play.child, TEAM, ref, by=DOCTOR, to=ALL)
    assert play.refused(sent) == {"message.no-part"}


def test_brothers_and_sisters_share_a_meeting_and_nothing_else() -> None:
    """One `ref` in several journeys: each is convened, held and decided for itself."""
    ref, first, conference = new_reference(), at(N), "child_protection_conference"
    second = Play(first.area)
    second.accept(m.care_opened_before(second.area, second.child))
    gathered(second)
    for play in (first, second):
        play.accept(m.convened(play.area, play.child, conference, ref, to=others(CARE)))
        assert state(play).meetings[0].ref == ref
    area = first.area
    first.accept(m.held(area, first.child, conference, ref, "protection_plan", to=others(CARE)))
    assert (state(first).level, state(second).level) == (P, N)
    assert [meeting.ref for meeting in state(second).meetings] == [ref]
    second.accept(m.held(area, second.child, conference, ref, "no_plan", to=others(CARE)))
    assert (state(first).level, state(second).level) == (P, N)


def test_a_consent_of_one_child_does_not_serve_a_sibling() -> None:
    """Each child has its own consents, whatever meeting they share."""
    first = at(N)
    second = Play(first.area)
    second.accept(m.care_opened_before(second.area, second.child))
    agreed = m.consent(first.area, taken_by=WORKER)
    first.accept(first.area.sealed("consent.recorded", first.child, WORKER, consents=(agreed,)))
    basis = {"kind": "consent", "consents": (agreed.id,)}
    sent = m.step_down(second.area, second.child, consents=(), basis=basis)
    assert "consent.unknown" in second.refused(sent)


def test_a_meeting_is_reported_only_when_it_was_called() -> None:
    """Neither an unknown reference, another kind, nor one that was held already."""
    play = at(N)
    area, child, ref = play.area, play.child, new_reference()
    assert play.refused(m.held(area, child, REVIEW, ref)) == {"meeting.unknown"}
    play.accept(m.convened(area, child, REVIEW, ref, to=others(CARE)))
    other = m.held(area, child, "child_in_need", ref)
    assert play.refused(other) == {"meeting.unknown"}
    area.now += timedelta(days=7)
    day = area.now - timedelta(hours=1)
    play.accept(m.held(area, child, REVIEW, ref, occurred_at=day))
    assert (state(play).meetings, state(play).last_review) == ((), iso(day))
    assert play.refused(m.held(area, child, REVIEW, ref)) == {"meeting.unknown"}


def test_an_open_meeting_is_not_called_again() -> None:
    """A second invitation under the same reference would leave its day unclear."""
    play = at(N)
    ref = new_reference()
    play.accept(m.convened(play.area, play.child, REVIEW, ref, to=others(CARE)))
    again = m.convened(play.area, play.child, REVIEW, ref, to=others(CARE))
    assert play.refused(again) == {"meeting.already-convened"}


OUTCOMES = ("continue", "protection_plan", "no_plan", "step_down", "close", "none")
LEGAL = {
    TEAM: {"continue", "close", "none"},
    "child_in_need": {"continue", "step_down", "close", "none"},
    REVIEW: {"continue", "step_down", "close", "none"},
    "child_protection_conference": {"protection_plan", "no_plan"},
    "protection_review": {"continue", "no_plan"},
    "core_group": {"continue", "none"},
    "strategy_discussion": {"continue", "none"},
}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("meeting", LEGAL)
def test_a_meeting_comes_to_what_it_may(meeting: str, outcome: str) -> None:
    """A protection review leads to no CAF, and nothing but a conference to a plan."""
    level = P if meeting in ("protection_review", "core_group") else N
    play = at(level)
    ref = new_reference()
    play.accept(m.convened(play.area, play.child, meeting, ref, to=others(CARE)))
    sent = m.held(play.area, play.child, meeting, ref, outcome, to=others(CARE))
    if outcome not in LEGAL[meeting]:
        assert play.refused(sent) == {"meeting.outcome"}
        return
    play.accept(sent)
    assert state(play).level is (P if outcome == "protection_plan" else level)


def test_a_manager_puts_a_meeting_off() -> None:
    """York: postponement is authorised; everybody invited learns of it, and it is still open."""
    play = at(N)
    area, child, ref = play.area, play.child, new_reference()
    play.accept(m.convened(area, child, REVIEW, ref, to=others(CARE)))
    alone = m.postponed(area, child, ref, by=WORKER, to=others(CARE))
    assert play.refused(alone) == {"countersign.missing"}
    unheard = m.postponed(area, child, ref, to=(SCHOOL, CAF))
    assert play.refused(unheard) == {"recipient.missing"}
    play.accept(m.postponed(area, child, ref, to=others(CARE)))
    signed = (Signer(id=MANAGER, capacity=Capacity.TEAM_MANAGER),)
    play.accept(m.postponed(area, child, ref, by=WORKER, to=others(CARE), countersigners=signed))
    assert [meeting.ref for meeting in state(play).meetings] == [ref]
    play.accept(m.held(area, child, REVIEW, ref))


def test_a_school_puts_its_team_off_with_its_line_manager() -> None:
    """A Team Around the Child may be led where there is no team manager."""
    play = at(E)
    area, child, ref = play.area, play.child, new_reference()
    play.accept(m.convened(area, child, TEAM, ref, by=TEACHER, to=(CAF,)))
    alone = m.postponed(area, child, ref, by=TEACHER, to=(CAF,))
    assert play.refused(alone) == {"countersign.missing"}
    signed = (Signer(id=HEAD, capacity=Capacity.LINE_MANAGER),)
    play.accept(m.postponed(area, child, ref, by=TEACHER, to=(CAF,), countersigners=signed))


def test_an_unknown_meeting_is_not_put_off() -> None:
    """Only what was called can be put off."""
    play = at(N)
    sent = m.postponed(play.area, play.child, new_reference(), to=others(CARE))
    assert play.refused(sent) == {"meeting.unknown"}


@pytest.mark.parametrize("days", [-2, 400])
def test_a_meeting_lies_ahead_and_within_a_year(days: int) -> None:
    """A slip in the year is refused where it is made, calling as well as putting off."""
    play = at(N)
    area, child, ref = play.area, play.child, new_reference()
    when = area.now + timedelta(days=days)
    call = m.convened(area, child, REVIEW, ref, to=others(CARE), takes_place_at=when)
    assert play.refused(call) == {"message.wrong-content"}
    play.accept(m.convened(area, child, REVIEW, ref, to=others(CARE)))
    off = m.postponed(area, child, ref, to=others(CARE), takes_place_at=when)
    assert play.refused(off) == {"message.wrong-content"}


def test_a_strategy_discussion_may_be_called_as_it_is_held() -> None:
    """It is often held at once, on the day of the concern."""
    play = at(U)
    ref, when = new_reference(), play.area.now - timedelta(hours=3)
    sent = m.convened(
        play.area,
        play.child,
        "strategy_discussion",
        ref,
        by=DUTY,
        to=(SCHOOL,),
        takes_place_at=when,
    )
    play.accept(sent)


def test_a_journey_holds_few_open_meetings() -> None:
    """However many are called, the record stays small and the refusal says so."""
    play = at(N)
    for _ in range(MOST_MEETINGS):
        ref = new_reference()
        play.accept(m.convened(play.area, play.child, REVIEW, ref, to=others(CARE)))
    one_more = m.convened(play.area, play.child, REVIEW, new_reference(), to=others(CARE))
    assert play.refused(one_more) == {"journey.full"}
    assert len(dump(state(play))) < 16 * 1024


def test_closing_ends_social_cares_meetings_and_no_other() -> None:
    """What social care had called does not stay open; the team's next meeting does."""
    play = at(N)
    area, child = play.area, play.child
    review, team = new_reference(), new_reference()
    play.accept(m.convened(area, child, REVIEW, review, to=others(CARE)))
    play.accept(m.convened(area, child, TEAM, team, by=TEACHER, to=others(SCHOOL)))
    play.accept(m.step_down(area, child))
    play.accept(m.step_down_decided(area, child, play.last))
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    play.accept(m.lead_answered(area, child, play.last, TEACHER, ALL))
    play.accept(m.closed(area, child, to=others(CARE)))
    assert [meeting.ref for meeting in state(play).meetings] == [team]


def test_a_meeting_is_not_held_before_it_was_called() -> None:
    """Otherwise a plan could begin, and so end, before anybody knew of it."""
    play = at(N)
    area, child, ref = play.area, play.child, new_reference()
    conference = "child_protection_conference"
    play.accept(m.convened(area, child, conference, ref, to=others(CARE)))
    day = area.now - timedelta(days=1)
    early = m.held(area, child, conference, ref, "protection_plan", occurred_at=day)
    assert play.refused(early) == {"meeting.held-before"}
