"""Moves that pass nobody by: step ups, step downs, leads, cases declared (003 §§2.1-2.8, 4.1)."""

import pytest

from contracts.event import Signer
from contracts.roles import Capacity
from tests import messages as m
from tests.area import CAF_MANAGER, CAF_WORKER, DOCTOR, GP, HEAD, SCHOOL, WORKER, Area
from tests.unit.kinds_playing import ALL, assessing, at, decided, started, state
from tests.unit.legality_playing import E, N
from tests.unit.test_decision import Play


def test_the_lead_of_a_supported_child_steps_up_and_does_not_refer() -> None:
    """003 §§2.2, 2.4, 2.5: pack and manager are not passed by; child protection always goes."""
    play = at(E)
    area, child = play.area, play.child
    assert play.refused(m.referral(area, child)) == {"referral.step-up-instead"}
    play.accept(m.protection(area, child))
    reason = [area.statement("concern.what_happened", by=HEAD)]
    play.accept(m.referral(area, child, author=HEAD, statements=reason))


def test_no_step_down_over_what_is_still_open() -> None:
    """003 §§2.2, 2.7, 4.1: neither over an assessment nor over a protection concern."""
    play = at(N)
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    request = play.last
    play.accept(m.protection(area, child))
    concern = play.last
    assert play.refused(m.step_down(area, child)) == {"stepdown.protection-open"}
    assert play.refused(m.step_down_decided(area, child, request)) == {"stepdown.protection-open"}
    play.accept(decided(area, child, concern, "section_47"))
    assert play.refused(m.step_down(area, child)) == {"stepdown.assessment-open"}
    assert play.refused(m.step_down_decided(area, child, request)) == {"stepdown.assessment-open"}
    play.accept(started(play, "section_47"))
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    play.accept(m.step_down_decided(area, child, request))


def test_a_social_worker_is_not_kept_waiting_by_a_proposal_of_others() -> None:
    """003 §2.8: once need is found, social care's proposal takes the place of one not answered."""
    play = at(E)
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP)))
    waiting = play.last
    assessing(play)
    play.accept(m.assessment(area, child, concluded="child_protection"))
    late = m.lead_answered(area, child, waiting, DOCTOR, ALL)
    assert play.refused(late) == {"lead.child-protection"}
    play.accept(m.lead_proposed(area, child, WORKER, WORKER, (*ALL, GP)))
    play.accept(m.lead_answered(area, child, play.last, WORKER, ALL))
    assert play.leads == WORKER


@pytest.mark.parametrize("manager", ["social care", "CAF team"])
def test_an_open_case_may_be_declared_after_a_referral_was_taken_on(manager: str) -> None:
    """003 definitions: a referral and its decision do not say what there was before them."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    care = manager == "social care"
    opened = m.care_opened_before(area, child) if care else m.opened_before(area, child)
    play.accept(opened)
    assert (state(play).level, state(play).case_open) == (N if care else E, True)
    assert play.refused(m.care_opened_before(area, child)) == {"case.already-open"}


def test_the_caf_team_declares_no_level_but_its_own() -> None:
    """003 definitions: social care's cases are declared by social care."""
    play = Play(Area())
    for level in ("child_in_need", "child_protection"):
        declared = m.opened_before(play.area, play.child, level=level)
        assert play.refused(declared) == {"message.role-may-not"}
    universal = m.opened_before(play.area, play.child, level="universal")
    assert play.refused(universal) == {"message.wrong-content"}


def test_who_is_told_of_a_declared_case_has_a_part_in_it() -> None:
    """003 §2.2: any member of the team that was there may step up, and a stranger may not."""
    for to, refused in (((), {"message.no-part"}), ((SCHOOL,), set())):
        play = Play(Area())
        area, child = play.area, play.child
        opened = area.sealed(
            "case.opened-before",
            child,
            CAF_MANAGER,
            to,
            capacity=Capacity.TEAM_MANAGER,
            countersigners=(Signer(id=CAF_WORKER, capacity=Capacity.LEAD_PROFESSIONAL),),
            content={"level": "early_help", "lead": CAF_WORKER},
        )
        play.accept(opened)
        step_up = m.step_up(area, child, capacity=Capacity.PRACTITIONER)
        if refused:
            assert play.refused(step_up) == refused
        else:
            play.accept(step_up)
