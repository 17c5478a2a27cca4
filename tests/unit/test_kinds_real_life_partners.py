"""Between partners: checks, disagreements, enquiries, tasks; a child seen, an incident."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.roles import Capacity
from tests import messages as m
from tests import messages_real_life as r
from tests.area import CARE, DOCTOR, DUTY, FRONT, GP, MANAGER, SCHOOL, TEACHER, WORKER, Area
from tests.unit.kinds_playing import decided, not_met, state
from tests.unit.test_decision import Play


@pytest.fixture
def play() -> Play:
    """A play with a child in need, led by a social worker."""
    made = Play(Area())
    made.accept(m.care_opened_before(made.area, made.child))
    return made


@pytest.fixture
def refused() -> Play:
    """A play in which First Response found the school's referral below the threshold."""
    made = Play(Area())
    made.accept(m.referral(made.area, made.child))
    made.accept(not_met(made.area, made.child, made.last))
    return made


def outcome_of(play: Play, request: str) -> str:
    """The outcome of a request in the journey."""
    found = state(play).request(request)
    assert found is not None
    return found.outcome


def test_an_agency_check_is_asked_taken_and_answered(play: Play) -> None:
    """004 §4.6: what an agency knows is asked for and answered once."""
    area, child = play.area, play.child
    play.accept(r.check_requested(area, child))
    check = play.last
    play.accept(m.acknowledged(area, child, check, by=DOCTOR, to=CARE))
    silent = r.check_answered(area, child, check, known=False)
    assert play.refused(silent) == {"statements.required"}
    play.accept(r.check_answered(area, child, check))
    assert outcome_of(play, check) == "answered"
    assert play.refused(r.check_answered(area, child, check)) == {"request.already-answered"}


def test_each_agency_is_checked_by_itself(play: Play) -> None:
    """One agency's answer never stands for another's."""
    several = r.check_requested(play.area, play.child, to=(GP, SCHOOL))
    assert play.refused(several) == {"recipient.one-only"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"author": TEACHER, "capacity": Capacity.PRACTITIONER}, "message.role-may-not"),
        ({"author": DUTY}, "message.no-part"),
        ({"basis": {"kind": "notice"}}, "message.basis-not-allowed"),
    ],
)
def test_only_social_care_with_a_part_checks_and_on_a_basis(
    play: Play, changes: dict[str, Any], code: str
) -> None:
    """That a child is being looked into is not for everybody to ask about."""
    assert code in play.refused(r.check_requested(play.area, play.child, **changes))


def test_an_answer_to_a_check_never_asked_for_is_refused(play: Play) -> None:
    """Nobody answers what was not asked."""
    sent = r.check_answered(play.area, play.child, "0123456789ABCDEFGH")
    assert play.refused(sent) == {"request.unknown"}


def test_a_disagreement_goes_up_stage_by_stage(refused: Play) -> None:
    """004 §4.5: a higher stage follows only on an earlier one that was escalated."""
    area, child, decision = refused.area, refused.child, refused.last
    early = r.disagreed(area, child, decision, stage=2)
    assert refused.refused(early) == {"disagreement.stage"}
    refused.accept(r.disagreed(area, child, decision))
    first = refused.last
    again = r.disagreed(area, child, decision)
    assert refused.refused(again) == {"disagreement.open"}
    refused.accept(r.resolved(area, child, first, "escalated"))
    refused.accept(r.disagreed(area, child, decision, stage=2))
    second = refused.last
    refused.accept(r.resolved(area, child, second, "changed"))
    assert (outcome_of(refused, first), outcome_of(refused, second)) == ("escalated", "changed")
    third = r.disagreed(area, child, decision, stage=3)
    assert refused.refused(third) == {"disagreement.stage"}


def test_silence_does_not_stop_a_disagreement(refused: Play) -> None:
    """Who raised it may escalate it, but not decide it in its own favour."""
    area, child = refused.area, refused.child
    refused.accept(r.disagreed(area, child, refused.last))
    raised = refused.last
    own = r.resolved(area, child, raised, "changed", by=TEACHER, to=FRONT)
    assert refused.refused(own) == {"request.not-recipient"}
    refused.accept(r.resolved(area, child, raised, "escalated", by=TEACHER, to=FRONT))


def test_a_disagreement_blocks_nothing(refused: Play) -> None:
    """The decision in dispute stands and a further referral is free (003 §2.6)."""
    area, child = refused.area, refused.child
    before = state(refused).requests[0]
    refused.accept(r.disagreed(area, child, refused.last))
    assert state(refused).requests[0] == before
    refused.accept(m.referral(area, child))
    refused.accept(decided(area, child, refused.last))


@pytest.mark.parametrize(
    ("about", "to", "code"),
    [
        ("0123456789ABCDEFGH", FRONT, "disagreement.unknown-message"),
        ("own", FRONT, "disagreement.own-message"),
        ("decision", GP, "recipient.missing"),
    ],
)
def test_a_disagreement_is_about_a_known_message_of_the_other_agency(
    refused: Play, about: str, to: str, code: str
) -> None:
    """It goes to whoever sent what it is about."""
    names = {"own": state(refused).requests[0].id, "decision": refused.last}
    sent = r.disagreed(refused.area, refused.child, names.get(about, about), to=to)
    assert refused.refused(sent) == {code}


def test_a_resolution_says_why_and_to_whom_it_matters(refused: Play) -> None:
    """A disagreement ends with a reason, and the other side learns of it."""
    area, child = refused.area, refused.child
    refused.accept(r.disagreed(area, child, refused.last))
    raised = refused.last
    content = {"outcome": "upheld"}
    silent = area.sealed(
        "disagreement.resolved", child, DUTY, [SCHOOL], answers=raised, content=content
    )
    assert refused.refused(silent) == {"statements.required"}
    untold = r.resolved(area, child, raised, "upheld", to=GP)
    assert refused.refused(untold) == {"recipient.missing"}


def test_a_referrer_follows_up_and_gets_a_reply(refused: Play) -> None:
    """Working Together: a referrer who hears nothing asks, without a word about the family."""
    area, child = refused.area, refused.child
    refused.accept(r.enquiry(area, child))
    asked = refused.last
    untold = area.sealed("enquiry.answered", child, DUTY, [GP], answers=asked)
    assert refused.refused(untold) == {"recipient.missing"}
    refused.accept(area.sealed("enquiry.answered", child, DUTY, [SCHOOL], answers=asked))
    assert outcome_of(refused, asked) == "answered"
    several = r.enquiry(area, child, to=(FRONT, CARE))
    assert refused.refused(several) == {"recipient.one-only"}


def test_a_task_is_set_for_somebody_and_done(play: Play) -> None:
    """004 §7.8: who does what by when, and that it was done."""
    area, child = play.area, play.child
    play.accept(r.task_set(area, child))
    task = play.last
    by_other = area.sealed("task.done", child, DOCTOR, [CARE], answers=task)
    assert play.refused(by_other) == {"request.not-recipient"}
    play.accept(area.sealed("task.done", child, TEACHER, [CARE], answers=task))
    assert outcome_of(play, task) == "done"


def test_a_task_within_the_own_agency_is_one_as_well(play: Play) -> None:
    """A manager sets a task for a colleague."""
    area, child = play.area, play.child
    play.accept(r.task_set(area, child, WORKER))
    play.accept(area.sealed("task.done", child, WORKER, [CARE], answers=play.last))


@pytest.mark.parametrize(
    ("content", "changes", "code"),
    [
        ({"practitioner": f"{SCHOOL}.nobody"}, {}, "practitioner.unknown"),
        ({}, {"to": [GP]}, "recipient.missing"),
        ({"days": -1}, {}, "message.wrong-content"),
        ({}, {"to": [SCHOOL, GP]}, "recipient.one-only"),
        ({}, {"basis": {"kind": "notice"}}, "message.basis-not-allowed"),
    ],
)
def test_a_task_names_somebody_there_and_a_day_to_come(
    play: Play, content: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    """Nothing is set for nobody, or for yesterday."""
    due = play.area.now + timedelta(days=content.pop("days", 1))
    made = {"due_at": due, "practitioner": TEACHER, **content}
    assert code in play.refused(r.task_set(play.area, play.child, content=made, **changes))


def test_a_social_worker_records_that_the_child_was_seen(play: Play) -> None:
    """Who saw the child, and when, is on record; a school records no such visit."""
    area, child = play.area, play.child
    seen = {"occurred_at": area.now - timedelta(hours=3), "capacity": Capacity.SOCIAL_WORKER}
    play.accept(area.sealed("child.seen", child, WORKER, **seen))
    by_school = area.sealed("child.seen", child, TEACHER)
    assert "message.role-may-not" in play.refused(by_school)
    by_nobody = area.sealed("child.seen", child, WORKER)
    assert play.refused(by_nobody) == {"practitioner.capacity"}


def test_an_incident_is_known_and_then_notified() -> None:
    """Whoever knows of a serious incident must notify it, for a child not met before as well."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(area.sealed("incident.known", child, WORKER, [FRONT]))
    known = play.last
    manager = {"capacity": Capacity.TEAM_MANAGER, "answers": known}
    by_worker = area.sealed("incident.notified", child, WORKER, answers=known)
    assert play.refused(by_worker) == {"practitioner.capacity"}
    play.accept(area.sealed("incident.notified", child, MANAGER, **manager))
    assert outcome_of(play, known) == "notified"
    twice = area.sealed("incident.notified", child, MANAGER, **manager)
    assert play.refused(twice) == {"request.already-answered"}


def test_no_incident_is_notified_that_nobody_knew_of(play: Play) -> None:
    """A notification names the record it answers."""
    area, child = play.area, play.child
    sent = area.sealed("incident.notified", child, MANAGER, capacity=Capacity.TEAM_MANAGER)
    assert play.refused(sent) == {"request.unknown"}
