"""Who closes a case, and what a closing leaves behind (003 §§2.6-2.8, 3.3, 5.5, 5.7)."""

from contracts.consents import Covers
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from tests import messages as m
from tests.area import CAF_WORKER, CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.unit.kinds_playing import (
    ALL,
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
from tests.unit.legality_playing import CONFERENCE, E, N, U, agreed, plan_over, stepped_down
from tests.unit.test_decision import Play


def test_a_family_that_chose_support_is_not_closed_without_a_lead() -> None:
    """003 §§3.3, 5.5: nor where a CAF has started that nobody leads; after a no closing is free."""
    play = at(U)
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="not_in_need"))
    agreed(play, Covers.SERVICE, Covers.SHARING)
    request = informed(play, "family_wishes")
    play.accept(m.contact_made(area, child, request, "caf_started"))
    for support in ("not_needed", "declined", "continues"):
        assert play.refused(m.closed(area, child, support, ALL)) == {"case.needs-lead"}
    family_says(play, "declines")
    play.accept(m.closed(area, child, "declined", ALL))
    assert (state(play).level, state(play).support) == (U, "declined")


def test_a_case_is_closed_by_the_agency_that_holds_it() -> None:
    """003 §§5.5, 5.7: not by a stranger, nor by First Response where social care assessed."""
    play = Play(Area())
    play.accept(m.care_opened_before(play.area, play.child))
    stranger = m.closed(play.area, play.child, "not_needed", (CARE,), by=DUTY)
    assert play.refused(stranger) == {"message.no-part"}
    play = at(N)
    front = m.closed(play.area, play.child, "not_needed", others(FRONT), by=DUTY)
    assert play.refused(front) == {"case.other-agency"}


def test_first_response_closes_what_it_assessed_itself() -> None:
    """003 §§3.1, 5.7: where the front door assessed, no other agency is needed to close."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    for kind, content in (
        ("assessment.started", {"assessment": "initial"}),
        ("assessment.concluded", {"finding": "not_in_need"}),
    ):
        to, social = (SCHOOL, CARE), Capacity.SOCIAL_WORKER
        play.accept(area.sealed(kind, child, DUTY, to, capacity=social, content=content))
    play.accept(m.closed(area, child, "not_needed", (SCHOOL,), by=DUTY))
    assert not state(play).case_open


def test_a_closing_is_signed_by_a_social_worker() -> None:
    """003 §5.7: a practitioner of the agency in another capacity closes nothing."""
    play = at(N)
    closing = play.area.sealed(
        "case.closed",
        play.child,
        WORKER,
        others(CARE),
        [play.area.statement("closure.reason", "RC7", by=WORKER)],
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"support": "not_needed"},
    )
    assert play.refused(closing) == {"practitioner.capacity"}


def test_an_agency_without_a_part_neither_concludes_nor_reports_a_conference() -> None:
    """003 §2.8: only who works with the child says what was found."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(started(play, "core"))
    content = {"finding": "not_in_need"}
    social = Capacity.SOCIAL_WORKER
    made = {"capacity": social, "content": content}
    found = area.sealed("assessment.concluded", child, DUTY, (CARE,), **made)
    assert play.refused(found) == {"message.no-part"}
    assert play.refused(area.sealed("conference.held", child, DUTY)) == {"message.no-part"}


def test_closing_leaves_a_team_that_went_on_with_its_lead() -> None:
    """003 §§2.6, 2.7: a TAC beside social care ends by its own message, and not by a closing."""
    play = at(E)
    area, child = play.area, play.child
    assessing(play)
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    assert (state(play).level, play.leads) == (N, TEACHER)
    play.accept(m.step_down(area, child))
    taken = {"answers": play.last, "content": {"outcome": "accepted"}}
    play.accept(area.sealed("stepdown.decided", child, CAF_WORKER, (CARE, SCHOOL), **taken))
    play.accept(m.closed(area, child, to=others(CARE)))
    assert (state(play).level, play.leads, state(play).case_open) == (E, TEACHER, False)
    play.accept(m.caf_ended(area, child, to=others(SCHOOL)))
    assert (state(play).level, play.leads) == (U, "")


def test_a_team_that_social_care_replaced_does_not_come_back_by_closing() -> None:
    """003 §§2.8, 5.1: once a social worker leads, or a plan was made, the way is a step down."""
    play = at(E)
    assessing(play)
    play.accept(m.assessment(play.area, play.child, concluded="child_in_need"))
    led(play, WORKER, WORKER)
    led(play, TEACHER, WORKER)
    play.accept(m.closed(play.area, play.child, "not_needed", others(CARE)))
    assert (state(play).level, play.leads) == (U, "")

    play, ref = at(E), new_reference()
    assessing(play)
    play.accept(m.assessment(play.area, play.child, concluded="child_protection"))
    play.accept(m.convened(play.area, play.child, CONFERENCE, ref, to=others(CARE)))
    plan = m.held(play.area, play.child, CONFERENCE, ref, "protection_plan", to=others(CARE))
    play.accept(plan)
    plan_over(play)
    play.accept(m.closed(play.area, play.child, "not_needed", others(CARE)))
    assert (state(play).level, play.leads) == (U, "")


def test_a_lead_who_was_said_to_have_left_leads_again_by_accepting() -> None:
    """003 principles: a mistaken or passing absence has a way back, and closing goes on."""
    play = at(N)
    area, child = play.area, play.child
    stepped_down(play)
    notice = area.sealed(
        "lead.left",
        child,
        "demo.tracker",
        [SCHOOL],
        capacity=Capacity.SERVICE,
        content={"practitioner": TEACHER},
    )
    play.accept(notice)
    assert play.refused(m.closed(area, child, to=others(CARE))) == {"case.needs-lead"}
    led(play)
    assert (play.leads, state(play).lead_left) == (TEACHER, "")
    again = m.lead_proposed(area, child, TEACHER, WORKER, ALL)
    assert play.refused(again) == {"lead.already-lead"}
    play.accept(m.closed(area, child, to=others(CARE)))
