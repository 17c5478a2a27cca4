"""The lead professional: never two, whatever overlaps, lapses or leaves (003 §§2.8, 3.4, 4.3)."""

import pytest

from contracts.identifiers import new_reference
from contracts.roles import Capacity, Level
from tests import messages as m
from tests.area import (
    CAF,
    CAF_WORKER,
    CARE,
    DOCTOR,
    GP,
    SCHOOL,
    TEACHER,
    WORKER,
)
from tests.unit.kinds_playing import ALL, at, family_says, led, others, state
from tests.unit.test_decision import Play

N, E = Level.CHILD_IN_NEED, Level.EARLY_HELP


@pytest.fixture
def play() -> Play:
    """A child in need whom a social worker leads, everybody involved."""
    return at(N)


def _notice(play: Play, kind: str, **content: object) -> None:
    tracker = "demo.tracker"
    sent = play.area.sealed(
        kind, play.child, tracker, [CARE], capacity=Capacity.SERVICE, content=content
    )
    play.accept(sent)


def _missed(play: Play, proposal: str) -> None:
    _notice(
        play,
        "standard.missed",
        clock="answer-lead-proposal",
        started_by=proposal,
        due_at=play.area.now,
        manager="demo.social-care.manager",
    )


def test_a_proposal_is_withdrawn_by_its_proposer(play: Play) -> None:
    """Afterwards nobody can accept it, and another may be made."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    proposal = play.last
    play.accept(m.lead_withdrawn(area, child, proposal))
    late = m.lead_answered(area, child, proposal, TEACHER, ALL)
    assert play.refused(late) == {"lead.no-proposal"}
    assert play.leads == WORKER
    play.accept(m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP)))


def test_another_agency_does_not_withdraw_a_proposal(play: Play) -> None:
    """Custody of a proposal stays with who made it."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    sent = m.lead_withdrawn(area, child, play.last, by=CAF_WORKER, to=(SCHOOL, CARE))
    assert play.refused(sent) == {"lead.not-the-proposer"}


def test_who_was_proposed_learns_of_the_withdrawal(play: Play) -> None:
    """Nobody goes on thinking about a proposal that is no longer there."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    sent = m.lead_withdrawn(area, child, play.last, to=(CAF,))
    assert play.refused(sent) == {"recipient.missing"}


def test_there_is_nothing_to_withdraw_without_a_proposal(play: Play) -> None:
    """A proposal that was never made, or was answered, is not withdrawn."""
    area, child = play.area, play.child
    never = m.lead_withdrawn(area, child, new_reference())
    assert play.refused(never) == {"lead.no-proposal"}
    led(play)
    answered = m.lead_withdrawn(area, child, play.last)
    assert play.refused(answered) == {"lead.no-proposal"}


def test_of_two_proposals_at_once_the_first_stands(play: Play) -> None:
    """Two agencies propose at the same time: the second is refused and there is one proposal."""
    area, child = play.area, play.child
    first = m.lead_proposed(area, child, TEACHER, WORKER, ALL)
    second = m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP))
    play.accept(first)
    proposal = play.last
    assert play.refused(second) == {"lead.already-proposed"}
    play.accept(m.lead_answered(area, child, proposal, TEACHER, ALL))
    assert play.leads == TEACHER
    assert state(play).proposals == ()


def test_a_lapsed_proposal_gives_way_to_anybody_who_may_propose(play: Play) -> None:
    """Silence never blocks the lead: after the standard is missed another agency proposes."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    _missed(play, play.last)
    assert state(play).proposals[0].lapsed
    play.accept(m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP)))
    assert [p.practitioner for p in state(play).proposals] == [DOCTOR]


def test_a_late_yes_counts_while_nobody_else_was_proposed(play: Play) -> None:
    """A child is better led late than not at all."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    proposal = play.last
    _missed(play, proposal)
    play.accept(m.lead_answered(area, child, proposal, TEACHER, ALL))
    assert play.leads == TEACHER


def test_a_late_yes_does_not_double_the_lead(play: Play) -> None:
    """Once somebody else was proposed, the lapsed proposal is superseded and hears so."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    lapsed = play.last
    _missed(play, lapsed)
    unheard = tuple(a for a in (*ALL, GP) if a != SCHOOL)
    assert play.refused(m.lead_proposed(area, child, DOCTOR, CAF_WORKER, unheard)) >= {
        "recipient.missing"
    }
    play.accept(m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP)))
    late = m.lead_answered(area, child, lapsed, TEACHER, ALL)
    assert play.refused(late) == {"lead.superseded"}


def test_another_clock_lets_no_proposal_lapse(play: Play) -> None:
    """Only the miss of its own clock makes a proposal give way."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    _missed(play, new_reference())
    other = m.lead_proposed(area, child, DOCTOR, CAF_WORKER, (*ALL, GP))
    assert play.refused(other) == {"lead.already-proposed"}


def test_when_the_lead_has_left_every_agency_with_a_part_may_propose() -> None:
    """No child stays without a lead because nobody had standing to propose one."""
    play = at(E)
    area, child = play.area, play.child
    known = area.statement("needs.development", by=TEACHER)
    duty = {"kind": "statutory_duty", "provision": "CA1989-s17"}
    play.accept(area.sealed("story.added", child, TEACHER, (GP,), [known], basis=duty))
    proposed = m.lead_proposed(area, child, DOCTOR, DOCTOR, ALL)
    assert play.refused(proposed) == {"lead.may-not-propose"}
    _notice(play, "lead.left", practitioner=TEACHER)
    assert state(play).lead_left
    proposed = m.lead_proposed(area, child, DOCTOR, DOCTOR, ALL)
    play.accept(proposed)
    play.accept(m.lead_answered(area, child, play.last, DOCTOR, ALL))
    assert (play.leads, state(play).lead_left) == (DOCTOR, "")


def test_an_agency_without_a_part_does_not_propose_even_then() -> None:
    """A stranger gains no standing by the lead's leaving."""
    play = at(E)
    _notice(play, "lead.left", practitioner=TEACHER)
    sent = m.lead_proposed(play.area, play.child, DOCTOR, DOCTOR, ALL)
    assert play.refused(sent) == {"lead.may-not-propose"}


def test_a_case_is_not_closed_onto_a_lead_who_has_left(play: Play) -> None:
    """003 §5.5: support goes on only where somebody leads it."""
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    play.accept(m.step_down_decided(area, child, play.last))
    led(play)
    _notice(play, "lead.left", practitioner=TEACHER)
    assert play.refused(m.closed(area, child, to=others(CARE))) == {"case.needs-lead"}
    led(play, CAF_WORKER, CAF_WORKER)
    play.accept(m.closed(area, child, to=others(CARE)))


def test_nobody_is_proposed_for_support_that_the_family_declined(play: Play) -> None:
    """003 §3.3: the no is respected; social care may still name its own lead."""
    area, child = play.area, play.child
    family_says(play, "declines")
    into_caf = m.lead_proposed(area, child, TEACHER, WORKER, ALL)
    assert play.refused(into_caf) == {"family.declined"}
    play.accept(m.lead_proposed(area, child, "demo.social-care.manager", WORKER, ALL))


def test_a_no_ends_an_open_proposal(play: Play) -> None:
    """Nobody accepts to lead support that the family has declined meanwhile."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, ALL))
    proposal = play.last
    family_says(play, "declines")
    late = m.lead_answered(area, child, proposal, TEACHER, ALL)
    assert play.refused(late) == {"lead.no-proposal"}


def test_the_lead_is_one_through_any_interleaving() -> None:
    """However two agencies propose, answer and withdraw, at most one person leads."""
    for first, second in ((TEACHER, DOCTOR), (DOCTOR, TEACHER)):
        play = at(N)
        agency = {TEACHER: SCHOOL, DOCTOR: GP}
        play.accept(m.lead_proposed(play.area, play.child, first, WORKER, (*ALL, GP)))
        one = play.last
        play.accept(m.lead_proposed(play.area, play.child, second, WORKER, (*ALL, GP)))
        two = play.last
        late = m.lead_answered(play.area, play.child, one, first, (*ALL, agency[second]))
        assert play.refused(late) == {"lead.superseded"}
        play.accept(m.lead_answered(play.area, play.child, two, second, (*ALL, agency[first])))
        assert play.leads == second
        again = m.lead_answered(play.area, play.child, two, second, ALL)
        assert play.refused(again) == {"lead.no-proposal"}
