"""Nothing begins without the family: its wish, its consents, its no (003 §§1.1, 3.3, 4.1-4.3)."""

from datetime import timedelta

import pytest

from contracts.consents import Covers, GivenBy
from contracts.roles import Capacity
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, DOCTOR, DUTY, GP, HEAD, SCHOOL, TEACHER, WORKER
from tests.unit.kinds_playing import ALL, at, decided, family_says, led, not_met, others, state
from tests.unit.legality_playing import E, N, P, U, agreed, plan_over, proposed, stepped_down


def test_after_a_plan_the_family_is_asked_first() -> None:
    """003 §5.2: a step down within section 5 needs the family's recorded choice."""
    play = at(P)
    plan_over(play)
    play.area.now += timedelta(days=93)
    assert play.refused(m.step_down(play.area, play.child)) == {"family.not-asked"}
    family_says(play, "wishes_support")
    play.accept(m.step_down(play.area, play.child))


def test_no_team_begins_without_wish_and_consent() -> None:
    """003 §§3.3, 3.4: a lead's acceptance starts a CAF only with both on record."""
    play = at(U)
    area, child = play.area, play.child
    answer = proposed(play, by=DUTY)
    assert play.refused(answer) == {"family.not-asked", "stepdown.consent-service"}
    family_says(play, "wishes_support")
    assert play.refused(answer) == {"stepdown.consent-service"}
    consent = m.consent(area, Covers.SERVICE, taken_by=TEACHER)
    play.accept(area.sealed("consent.recorded", child, TEACHER, consents=(consent,)))
    play.accept(answer)
    assert state(play).level is E


def test_support_without_wish_and_consent_does_not_follow_an_assessment() -> None:
    """003 §§3.1, 3.3: closing into a CAF asks for the family's word as well."""
    play = at(U)
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    play.accept(decided(area, child, play.last))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="not_in_need"))
    led(play)
    found = play.refused(m.closed(area, child, to=ALL))
    assert found == {"family.not-asked", "stepdown.consent-service", "stepdown.consent-sharing"}
    agreed(play, Covers.SERVICE, Covers.SHARING)
    play.accept(m.closed(area, child, to=ALL))
    assert (state(play).level, play.leads) == (E, TEACHER)


def test_a_no_survives_the_end_of_a_caf_and_a_move() -> None:
    """003 §3.3: only the family's own word undoes its no."""
    play = at(E)
    family_says(play, "declines")
    play.accept(m.caf_ended(play.area, play.child, to=others(SCHOOL)))
    assert state(play).support == "declined"
    again = m.lead_proposed(play.area, play.child, TEACHER, CAF_WORKER, ALL)
    assert play.refused(again) == {"family.declined"}

    play = at(N)
    family_says(play, "declines")
    play.accept(m.moved(play.area, play.child, others(CARE)))
    play.accept(m.closed(play.area, play.child, "transferred", others(CARE)))
    assert state(play).support == "declined"
    again = m.lead_proposed(play.area, play.child, TEACHER, CAF_WORKER, ALL)
    assert play.refused(again) == {"family.declined"}


def test_a_no_is_not_declared_away() -> None:
    """003 §3.3: no case of early help is recorded for a family that declined it."""
    play = at(U)
    family_says(play, "declines")
    assert play.refused(m.opened_before(play.area, play.child)) == {"family.declined"}


def test_no_caf_is_encouraged_after_a_no() -> None:
    """003 §§1.1, 3.3: the decision is told without encouraging what the family declined."""
    play = at(U)
    area, child = play.area, play.child
    family_says(play, "declines")
    play.accept(m.referral(area, child))
    assert play.refused(not_met(area, child, play.last)) == {"family.declined"}


@pytest.mark.parametrize("covers", list(Covers))
def test_support_ends_with_the_consent_to_it(covers: Covers) -> None:
    """003 §§3.3, 4.1: a consent withdrawn before the closing lets no support follow."""
    play = at(N)
    area, child = play.area, play.child
    stepped_down(play)
    (held,) = (c.consent for c in state(play).consents if c.consent.covers is covers)
    play.accept(area.sealed("consent.withdrawn", child, WORKER, content={"consent": held.id}))
    closing = m.closed(area, child, to=others(CARE))
    assert play.refused(closing) == {f"stepdown.consent-{covers.value}"}


@pytest.mark.parametrize(
    "changes", [{"taken_by": TEACHER, "recorded_by": TEACHER}, {"given_by": GivenBy.CARER}]
)
def test_a_step_down_rests_on_consents_that_social_care_gained(changes: dict[str, str]) -> None:
    """003 §4.3: gained by the social worker, from a parent or the young person."""
    play = at(N)
    area, child = play.area, play.child
    by = changes.pop("recorded_by", WORKER)
    made = {"taken_by": by, **changes}
    sharing, service = (m.consent(area, c, **made) for c in (Covers.SHARING, Covers.SERVICE))
    play.accept(area.sealed("consent.recorded", child, by, consents=(sharing, service)))
    basis = {"kind": "consent", "consents": (sharing.id,)}
    sent = m.step_down(area, child, basis=basis, consents=())
    assert play.refused(sent) == {"stepdown.consent-taken-by"}
    play.accept(m.step_down(area, child))


def test_an_encouraged_referrer_starts_a_caf() -> None:
    """003 §1.1: with wish and consent on record a school may find the lead itself."""
    play = at(U)
    area, child = play.area, play.child
    propose = m.lead_proposed(area, child, TEACHER, HEAD, (SCHOOL, CAF))
    assert play.refused(propose) == {"lead.may-not-propose"}
    agreed(play, by=TEACHER)
    play.accept(propose)
    play.accept(m.lead_answered(area, child, play.last, TEACHER, (SCHOOL, CAF)))
    assert (state(play).level, play.leads) == (E, TEACHER)


def test_an_agency_without_a_part_starts_no_caf() -> None:
    """003 §1.1: a stranger proposes nobody, whatever the family wished."""
    play = at(U)
    area, child = play.area, play.child
    agreed(play, by=TEACHER)
    propose = m.lead_proposed(area, child, DOCTOR, DOCTOR, (SCHOOL, GP))
    assert play.refused(propose) == {"lead.may-not-propose"}


def test_what_is_said_to_have_happened_is_not_to_come() -> None:
    """A talk with a manager, a review or a consent in the future is no evidence of anything."""
    play = at(N)
    area, child = play.area, play.child
    ahead = area.now + timedelta(days=90)
    content = {
        "reason": "support_still_needed",
        "unmet_need_manageable": True,
        "child_in_need_review": ahead,
    }
    assert play.refused(m.step_down(area, child, content=content)) == {"message.in-future"}
    content = {
        "concern": "child_in_need",
        "why": "needs_escalated",
        "beside_tac": "in_addition_to",
        "discussed": {"line_manager": HEAD, "at": ahead},
    }
    early = m.step_up(area, child, capacity=Capacity.PRACTITIONER, content=content)
    assert play.refused(early) == {"message.in-future"}
    future = m.consent(area, taken_by=WORKER, given_at=ahead)
    recorded = area.sealed("consent.recorded", child, WORKER, consents=(future,))
    assert play.refused(recorded) == {"message.in-future"}
    spent = m.consent(area, taken_by=WORKER, expires_at=area.now - timedelta(days=3))
    recorded = area.sealed("consent.recorded", child, WORKER, consents=(spent,))
    assert play.refused(recorded) == {"message.wrong-content"}
