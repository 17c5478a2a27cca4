"""Ways round the guidance that the decision closes, one after another."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.consents import Covers
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DOCTOR,
    DUTY,
    DUTY_MANAGER,
    FRONT,
    GP,
    HEAD,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)
from tests.unit.test_decision import Play


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def stepped_down(play: Play) -> None:
    """A child in need whose step down the CAF team has accepted."""
    play.accept(m.care_opened_before(play.area, play.child))
    play.accept(m.step_down(play.area, play.child))
    play.accept(m.step_down_decided(play.area, play.child, play.last))


def led_by_the_school(play: Play) -> None:
    """The school's teacher is proposed by social care and accepts."""
    play.accept(m.lead_proposed(play.area, play.child, TEACHER, WORKER, (SCHOOL,)))
    play.accept(m.lead_answered(play.area, play.child, play.last, TEACHER, (CARE,)))


@pytest.mark.parametrize("days", [0, 5])
def test_what_is_recent_is_never_history(play: Play, days: int) -> None:
    """A live referral cannot pass without a clock by being called history."""
    day = f"{play.area.now - timedelta(days=days):%Y-%m-%d}"
    history = {"occurred_on": day, "source": "cin-census"}
    sent = m.referral(play.area, play.child, history=history)
    assert play.refused(sent) == {"history.not-history"}


def test_child_protection_is_never_history(play: Play) -> None:
    """However old the day it names, child protection starts its clocks."""
    history = {"occurred_on": "2001-01-01", "source": "cin-census"}
    sent = m.protection(play.area, play.child, history=history)
    assert play.refused(sent) == {"history.not-history"}


def test_history_cannot_undo_what_is_live(play: Play) -> None:
    """A closing told as history does not end a live journey's lead or requests."""
    play.accept(m.opened_before(play.area, play.child))
    history = {"occurred_on": "2001-01-01", "source": "cin-census"}
    closing = play.area.sealed(
        "case.closed",
        play.child,
        WORKER,
        [SCHOOL],
        [play.area.statement("closure.reason", "RC7", by=WORKER)],
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"support": "not_needed"},
        history=history,
    )
    assert "history.not-history" in play.refused(closing)


def test_a_withdrawn_consent_does_not_come_back_by_being_carried_again(play: Play) -> None:
    """What the family withdrew stays withdrawn under its id."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    support = m.consent(area, Covers.SERVICE, taken_by=WORKER)
    sharing = m.consent(area, taken_by=WORKER)
    play.accept(area.sealed("consent.recorded", child, WORKER, consents=(support,)))
    play.accept(area.sealed("consent.withdrawn", child, WORKER, content={"consent": support.id}))
    again = m.step_down(
        area,
        child,
        consents=(sharing, support),
        basis={"kind": "consent", "consents": (sharing.id,)},
    )
    assert play.refused(again) == {"stepdown.consent-service"}


def test_a_step_down_is_not_taken_on_after_the_family_withdrew(play: Play) -> None:
    """003 §§3.3, 4.1: consent is asked for again when the CAF team accepts."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.step_down(area, child))
    request = play.last
    assert play.journey is not None
    for held in play.journey.consents:
        content = {"consent": held.consent.id}
        play.accept(area.sealed("consent.withdrawn", child, WORKER, content=content))
    found = play.refused(m.step_down_decided(area, child, request))
    assert found == {"stepdown.consent-service", "stepdown.consent-sharing"}


def test_support_does_not_follow_child_in_need_without_a_step_down(play: Play) -> None:
    """003 §4.1: the step down, its consents and its signatures cannot be left out."""
    play.accept(m.care_opened_before(play.area, play.child))
    play.accept(m.family_choice(play.area, play.child, "wishes_support", to=(SCHOOL,)))
    agreed = (
        m.consent(play.area, Covers.SERVICE, taken_by=WORKER),
        m.consent(play.area, taken_by=WORKER),
    )
    play.accept(play.area.sealed("consent.recorded", play.child, WORKER, consents=agreed))
    led_by_the_school(play)
    assert play.refused(m.closed(play.area, play.child)) == {"case.needs-step-down"}


def test_support_never_follows_child_protection_at_once(play: Play) -> None:
    """003 §5.1: from a protection plan the way leads through child in need."""
    play.accept(m.care_opened_before(play.area, play.child, level="child_protection"))
    outside = m.lead_proposed(play.area, play.child, TEACHER, WORKER, (SCHOOL,))
    assert play.refused(outside) == {"lead.child-protection"}
    assert "stepdown.not-child-in-need" in play.refused(m.closed(play.area, play.child))


def test_a_reassessment_ends_no_child_protection_plan(play: Play) -> None:
    """003 §5.1: a plan ends by social worker and team manager, and not by a finding."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child, level="child_protection"))
    play.accept(m.referral(area, child))
    decided = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=play.last,
        content={"outcome": "assess"},
    )
    play.accept(decided)
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    assert play.journey is not None
    assert play.journey.level is Level.CHILD_PROTECTION
    assert play.refused(m.step_down(area, child)) == {"stepdown.not-child-in-need"}


def test_closing_ends_every_open_proposal(play: Play) -> None:
    """Nobody accepts to lead on a proposal from before the case was closed."""
    area, child = play.area, play.child
    stepped_down(play)
    led_by_the_school(play)
    play.accept(m.lead_proposed(area, child, WORKER, WORKER, (SCHOOL,)))
    proposal = play.last
    play.accept(m.closed(area, child))
    late = m.lead_answered(area, child, proposal, WORKER, (SCHOOL,))
    assert play.refused(late) == {"lead.no-proposal"}
    assert play.leads == TEACHER


def test_no_social_worker_leads_before_a_finding_of_need(play: Play) -> None:
    """003 §§2.6, 2.8: during screening and assessment the lead professional stays."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    proposal = m.lead_proposed(area, child, DUTY, DUTY, (SCHOOL,))
    assert play.refused(proposal) == {"lead.not-in-need"}


def test_the_tac_goes_on_after_an_assessment_without_need(play: Play) -> None:
    """003 §2.6: social care ends its own part, never the Team Around the Child."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="not_in_need"))
    play.accept(m.closed(area, child, support="not_needed"))
    assert play.leads == TEACHER
    assert play.journey is not None
    assert (play.journey.level, play.journey.case_open) == (Level.EARLY_HELP, False)


def test_a_proposal_gives_way_to_its_proposer(play: Play) -> None:
    """An unanswered proposal never blocks the lead for good."""
    area, child = play.area, play.child
    stepped_down(play)
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    first = play.last
    play.accept(m.lead_proposed(area, child, DOCTOR, WORKER, (GP, SCHOOL)))
    late = m.lead_answered(area, child, first, TEACHER, (CARE,))
    assert play.refused(late) == {"lead.superseded"}
    play.accept(m.lead_answered(area, child, play.last, DOCTOR, (CARE,)))
    assert play.leads == DOCTOR


def test_each_addressee_acknowledges_for_itself(play: Play) -> None:
    """Another addressee's acknowledgement does not stand for First Response's."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT, GP]))
    request = play.last
    play.accept(m.acknowledged(area, child, request, by=DOCTOR))
    play.accept(m.acknowledged(area, child, request))
    twice = m.acknowledged(area, child, request)
    assert play.refused(twice) == {"request.already-answered"}


def test_a_stranger_cannot_crowd_a_journey(play: Play) -> None:
    """One agency has few open requests about a child; the others' are never let go."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    own = play.last
    for _ in range(16):
        play.accept(m.referral(area, child, author=DOCTOR))
    assert play.refused(m.referral(area, child, author=DOCTOR)) == {"journey.full"}
    play.accept(m.acknowledged(area, child, own))
    play.accept(m.protection(area, child, author=DOCTOR))


def test_an_agency_without_a_part_does_not_speak_of_consent(play: Play) -> None:
    """Nobody from outside records or withdraws what a family agreed to."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    agreed = m.consent(area)
    play.accept(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
    content = {"consent": agreed.id}
    withdrawal = area.sealed("consent.withdrawn", child, DOCTOR, content=content)
    assert play.refused(withdrawal) == {"consent.no-part"}


@pytest.mark.parametrize("taken_by", [TEACHER, "demo.no-such-agency.nobody-here"])
def test_a_carried_consent_was_taken_by_the_sending_agency(play: Play, taken_by: str) -> None:
    """003 §4.3: consent is gained by the social worker, and by somebody who is known."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    sharing = m.consent(area, taken_by=taken_by)
    support = m.consent(area, Covers.SERVICE, taken_by=WORKER)
    sent = m.step_down(
        area,
        child,
        consents=(sharing, support),
        basis={"kind": "consent", "consents": (sharing.id,)},
    )
    assert play.refused(sent) == {"consent.taken-by", "stepdown.consent-taken-by"}


def test_consent_to_support_that_names_nobody_covers_nothing(play: Play) -> None:
    """An empty scope is no consent to what the CAF team offers."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    sharing = m.consent(area, taken_by=WORKER)
    empty = m.consent(area, Covers.SERVICE, taken_by=WORKER, roles=())
    sent = m.step_down(
        area,
        child,
        consents=(sharing, empty),
        basis={"kind": "consent", "consents": (sharing.id,)},
    )
    assert play.refused(sent) == {"stepdown.consent-service"}


@pytest.mark.parametrize(
    "basis",
    [
        {"kind": "statutory_duty", "provision": "CA1989-s47"},
        {"kind": "consent", "consents": (new_reference(),)},
    ],
)
def test_a_protection_concern_is_protection_on_whatever_basis(
    play: Play, basis: dict[str, Any]
) -> None:
    """Naming another basis, or a consent that is not there, neither stops nor hides a concern."""
    verdict = play.accept(m.protection(play.area, play.child, basis=basis))
    assert verdict.protection
    assert verdict.deliveries[0].shown


def test_what_was_sealed_before_leaving_stays_valid(play: Play) -> None:
    """A person who left after sealing is judged as at sealing."""
    area, child = play.area, play.child
    then = area.now - timedelta(hours=2)
    said = area.statement("concern.what_happened").model_copy(update={"recorded_at": then})
    sealed = m.referral(area, child, time=then, statements=[said])
    people = tuple(
        p.model_copy(update={"left_at": area.now - timedelta(hours=1)}) if p.id == TEACHER else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})
    play.accept(sealed)
    assert play.refused(m.referral(area, child)) == {"practitioner.unknown"}


def test_a_line_manager_of_another_agency_is_none(play: Play) -> None:
    """003 §2.3: the line manager of the sending agency."""
    area = play.area
    people = tuple(
        p.model_copy(update={"line_manager": DUTY_MANAGER}) if p.id == TEACHER else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})
    sent = m.referral(
        area,
        play.child,
        basis={"kind": "consent_override", "ground": "seeking_increases_risk"},
        countersigners=(Signer(id=DUTY_MANAGER, capacity=Capacity.LINE_MANAGER),),
    )
    assert "override.line-manager" in play.refused(sent)


def test_the_people_of_these_plays_are_of_different_agencies() -> None:
    """The plays above mean what they say only while these belong to different agencies."""
    people = (HEAD, DOCTOR, CAF_WORKER, DUTY, WORKER)
    assert len({p.rsplit(".", 1)[0] for p in people}) == len(people)
    assert {CAF_MANAGER.rsplit(".", 1)[0], MANAGER.rsplit(".", 1)[0]} == {CAF, CARE}


def test_a_case_cannot_be_declared_with_a_day_to_come(play: Play) -> None:
    """A slip in a year is refused where it is made and spoils nothing later."""
    sent = m.care_opened_before(play.area, play.child, protection_plan_ended="2150-01-01T00:00:00Z")
    assert play.refused(sent) == {"message.wrong-content"}


def test_child_protection_brings_in_no_consent(play: Play) -> None:
    """What an urgent message carries is not asked who took it, and so is not held."""
    area, child = play.area, play.child
    forged = tuple(m.consent(area, covers, taken_by=WORKER) for covers in Covers)
    play.accept(m.protection(area, child, consents=forged))
    assert play.journey is not None
    assert play.journey.consents == ()


def test_a_case_is_not_closed_over_an_assessment(play: Play) -> None:
    """003 §2.7: what a section 47 enquiry finds has a place to go."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    closing = m.closed(area, child, support="not_needed")
    assert play.refused(closing) == {"case.assessment-open"}
    play.accept(m.assessment(area, child, concluded="child_protection"))


def test_an_agency_that_left_does_not_hold_a_journey_fast(play: Play) -> None:
    """Nobody has to tell an agency that takes part no more."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    request = play.last
    agencies = tuple(
        a.model_copy(update={"left_at": area.now}) if a.id == SCHOOL else a
        for a in area.document.agencies
    )
    area.document = area.document.model_copy(update={"agencies": agencies})
    decided = area.sealed(
        "stepup.decided",
        child,
        DUTY,
        [CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": "assess"},
    )
    play.accept(decided)


def test_a_led_child_is_supported_whatever_came_first(play: Play) -> None:
    """A referral that arrived before the TAC was recorded does not shut it out."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, author=DOCTOR))
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
