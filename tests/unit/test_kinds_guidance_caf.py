"""A CAF is the family's own: information, contact, a final no, the end (003 §§1.2, 3, 5.4-5.7)."""

from typing import Any

import pytest

from contracts.consents import Covers
from contracts.identifiers import new_reference
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import (
    CAF,
    CAF_WORKER,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    SCHOOL,
    TEACHER,
    WORKER,
)
from tests.unit.kinds_playing import ALL, at, family_says, informed, others, state
from tests.unit.test_decision import Play

U, E, N = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"capacity": Capacity.PRACTITIONER}, {"practitioner.capacity"}),
        ({"to": [SCHOOL]}, {"recipient.role"}),
        ({"answers": None}, {"request.unknown"}),
        ({"author": TEACHER}, {"message.role-may-not"}),
        ({"basis": {"kind": "notice"}}, {"message.basis-not-allowed", "statements.not-allowed"}),
    ],
)
def test_information_goes_from_a_social_worker_to_the_caf_team(
    changes: dict[str, Any], codes: set[str]
) -> None:
    """003 §1.2: who signs, to whom, about which referral, on what basis."""
    play = at(U)
    made = {"answers": state(play).requests[0].id, **changes}
    found = play.refused(m.information_sent(play.area, play.child, **made))
    assert found == codes


def test_information_about_a_strangers_child_is_refused() -> None:
    """Social care that has no part in the journey does not bring the family to the CAF team."""
    play = Play(at(U).area)
    play.accept(m.referral(play.area, play.child))
    sent = m.information_sent(play.area, play.child, author=WORKER, answers=play.last)
    assert play.refused(sent) == {"message.no-part"}


def test_a_family_is_asked_before_the_caf_team_hears_of_its_wish() -> None:
    """003 §§3.1-3.2: first the choice, then the sheet and the letter, on the family's consent."""
    play = at(U)
    unknown = new_reference()
    wish = m.information_sent(play.area, play.child, "family_wishes", answers=unknown)
    assert play.refused(wish) == {"family.not-asked", "request.unknown"}
    wish = m.information_sent(play.area, play.child, "family_wishes")
    assert play.refused(wish) == {"family.not-asked"}
    family_says(play, "wishes_support")
    on_duty = m.information_sent(
        play.area,
        play.child,
        "family_wishes",
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
    )
    assert play.refused(on_duty) == {"message.basis-not-allowed"}
    play.accept(m.information_sent(play.area, play.child, "family_wishes"))


def test_the_referrer_behind_the_information_is_told() -> None:
    """003 §§1.2, 3.3: the CAF team contacts who referred, not only who passed it on."""
    play = at(U)
    request = informed(play)
    left_out = m.contact_made(play.area, play.child, request, to=(FRONT,))
    assert play.refused(left_out) == {"recipient.missing"}
    play.accept(m.contact_made(play.area, play.child, request))


def test_contact_is_told_to_nobody_else() -> None:
    """003 §1.2: the contact is with the referrer; others learn of it from the family's consent."""
    play = at(U)
    request = informed(play)
    sent = m.contact_made(play.area, play.child, request, to=(SCHOOL, FRONT, GP))
    assert play.refused(sent) == {"recipient.not-meant"}


def test_a_contact_answers_information_once() -> None:
    """An answer to nothing, to another's request, or a second one is refused."""
    play = at(U)
    area, child = play.area, play.child
    none = m.contact_made(area, child, new_reference())
    assert play.refused(none) == {"request.unknown"}
    request = informed(play)
    play.accept(m.contact_made(area, child, request))
    assert play.refused(m.contact_made(area, child, request)) == {"request.already-answered"}


def test_who_asks_for_a_step_down_hears_of_the_contact_and_no_old_referrer() -> None:
    """003 §5.4: what social care asks of a child in need is its own."""
    play = at(N)
    informed(play, "stepping_down")
    request = play.last
    to_school = m.contact_made(play.area, play.child, request, to=(SCHOOL, FRONT, CARE))
    assert play.refused(to_school) == {"recipient.not-meant"}
    play.accept(m.contact_made(play.area, play.child, request, to=(FRONT, CARE)))
    assert state(play).level is N


def test_a_caf_is_not_started_after_consent_was_withdrawn() -> None:
    """003 §3.3: a voluntary process; without consent in force nothing begins."""
    play = at(U)
    area, child = play.area, play.child
    request = informed(play)
    agreed = m.consent(area, Covers.SERVICE, taken_by=CAF_WORKER)
    play.accept(area.sealed("consent.recorded", child, CAF_WORKER, consents=(agreed,)))
    withdrawn = area.sealed("consent.withdrawn", child, TEACHER, content={"consent": agreed.id})
    play.accept(withdrawn)
    family_says(play, "wishes_support")
    started = m.contact_made(area, child, request, "caf_started")
    assert play.refused(started) == {"stepdown.consent-service"}


def test_a_familys_no_is_final() -> None:
    """003 §§3.3, 5.7: no information, no step down, no lead, no team meeting, until it chooses."""
    play = at(N)
    area, child = play.area, play.child
    family_says(play, "declines")
    assert play.refused(m.step_down(area, child)) == {"family.declined"}
    informed_again = m.information_sent(area, child, "stepping_down")
    assert play.refused(informed_again) == {"family.declined"}
    assert "family.declined" in play.refused(m.closed(area, child, to=others(CARE)))
    family_says(play, "wishes_support")
    play.accept(m.step_down(area, child))


def test_a_no_never_stands_in_the_way_of_protection() -> None:
    """003 §§2.1-2.2: declining support takes away neither a step up nor child protection."""
    play = at(E)
    family_says(play, "declines")
    play.accept(m.step_up(play.area, play.child))
    play.accept(m.protection(play.area, play.child))


def test_a_no_leaves_no_chaser_behind() -> None:
    """What was asked for the family's support is over and waits for no answer."""
    play = at(U)
    request = informed(play)
    referral = m.referral(play.area, play.child)
    play.accept(referral)
    family_says(play, "declines")
    open_ones = {r.kind for r in state(play).requests if not r.outcome}
    assert open_ones == {"referral.submitted"}
    late = m.contact_made(play.area, play.child, request)
    assert play.refused(late) == {"request.already-answered", "family.declined"}


def test_a_no_to_the_caf_team_is_a_no() -> None:
    """What the family tells the CAF team counts as what it tells the social worker."""
    play = at(U)
    request = informed(play)
    play.accept(m.contact_made(play.area, play.child, request, "family_declined"))
    assert state(play).support == "declined"
    again = m.information_sent(play.area, play.child, to=[CAF], answers=state(play).requests[0].id)
    assert play.refused(again) == {"family.declined"}


def test_no_team_meeting_follows_a_no() -> None:
    """Nobody gathers a Team Around the Child that the family declined."""
    play = at(U)
    family_says(play, "declines")
    ref, team = new_reference(), "team_around_the_child"
    call = m.convened(play.area, play.child, team, ref, by=TEACHER, to=others(SCHOOL))
    assert play.refused(call) == {"family.declined"}


def test_no_team_meets_beside_social_care_after_a_no() -> None:
    """Nor while the child is in need; the review of social care's own plan goes on."""
    play = at(N)
    family_says(play, "declines")
    ref, to = new_reference(), others(CARE)
    team = m.convened(play.area, play.child, "team_around_the_child", ref, to=to)
    assert play.refused(team) == {"family.declined"}
    play.accept(m.convened(play.area, play.child, "child_in_need_review", ref, to=to))


def test_a_case_is_closed_as_the_family_chose() -> None:
    """003 §§5.3, 5.7: what is on record cannot be closed away, and a new choice can be recorded."""
    play = at(N)
    area, child = play.area, play.child
    family_says(play, "wishes_support")
    for support in ("declined", "not_needed"):
        closing = m.closed(area, child, support, others(CARE))
        assert play.refused(closing) == {"case.choice-differs"}
    family_says(play, "declines")
    play.accept(m.closed(area, child, "declined", others(CARE)))
    assert (state(play).level, state(play).support, play.leads) == (U, "declined", "")


def test_a_caf_is_never_a_condition_of_closing() -> None:
    """003 §3.3: without a word of the family about a CAF the case closes."""
    play = at(N)
    play.accept(m.closed(play.area, play.child, "not_needed", others(CARE)))
    assert (state(play).level, state(play).support) == (U, "")


def test_closing_keeps_a_team_that_social_care_never_led() -> None:
    """003 §2.6: after an assessment without need the TAC and the family's choice are as before."""
    play = at(E)
    area, child = play.area, play.child
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="not_in_need"))
    play.accept(m.closed(area, child, "not_needed", others(CARE)))
    assert (state(play).level, play.leads, state(play).support) == (E, TEACHER, "")


@pytest.mark.parametrize(
    ("reason", "support"), [("family_decision", "declined"), ("met_by_universal_services", "")]
)
@pytest.mark.parametrize("by", [TEACHER, CAF_WORKER])
def test_a_caf_ends_for_one_of_two_reasons(by: str, reason: str, support: str) -> None:
    """003 §5.6: the family decides, or universal services meet what is left."""
    play = at(E)
    play.accept(m.caf_ended(play.area, play.child, reason, by=by, to=ALL))
    assert (state(play).level, play.leads, state(play).support) == (U, "", support)
    assert (state(play).meetings, state(play).proposals) == ((), ())


def test_a_caf_is_ended_by_nobody_else() -> None:
    """Neither social care nor another member ends the team of a lead professional."""
    play = at(E)
    for by in (WORKER, DUTY, DOCTOR):
        sent = m.caf_ended(play.area, play.child, by=by, to=ALL)
        assert play.refused(sent) == {"caf.may-not-end"}


def test_there_is_no_third_reason_to_end_a_caf() -> None:
    """003 §5.6: a document with another reason is not of the contract."""
    play = at(E)
    other = m.caf_ended(play.area, play.child, "no_engagement", to=ALL)
    assert play.area.codes(other) == {"message.wrong-content"}
