"""What the shipped clocks do with messages: whom they time, what keeps them and what ends them."""

from datetime import UTC, datetime

import pytest

from contracts.clock_facts import Party
from contracts.clock_rules import starts
from contracts.clocks import ClockState
from contracts.roles import Level
from tests.unit.shipped_clocks import (
    CARE,
    DAY,
    DESK,
    HOUR,
    MONDAY,
    PARTS,
    RULES,
    SCHOOL,
    after,
    facts,
    started,
)


def test_the_referrer_is_reminded_after_one_silent_working_day_and_owes_the_follow_up() -> None:
    """S2: the reminder comes when S1 has lapsed, and the school's own clock runs one day more."""
    referral = facts("referral.submitted", codes={"concern": "child_in_need"})
    clock = started("follow-up-referral", referral)

    assert clock.agency == clock.told_agency == SCHOOL.agency
    assert clock.warn_at == started("acknowledge-request", referral).due_at
    assert clock.due_at == datetime(2026, 11, 18, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "sender"),
    [("message.acknowledged", DESK), ("referral.decided", DESK), ("enquiry.made", SCHOOL)],
)
def test_an_answer_or_an_enquiry_ends_the_referrers_wait(kind: str, sender: Party) -> None:
    """Whoever is answered need not follow up, and whoever asks has followed up."""
    referral = facts("referral.submitted")
    clock = started("follow-up-referral", referral)
    message = facts(kind, MONDAY + DAY, sender=sender, answers=referral.message)

    assert after(clock, message) is ClockState.MET


@pytest.mark.parametrize(
    ("stage", "due"), [("1", "2026-11-17"), ("2", "2026-11-18"), ("3", "2026-11-23")]
)
def test_each_stage_of_a_disagreement_has_its_own_time(stage: str, due: str) -> None:
    """A disagreement is timed by its stage and by no other stage's clock."""
    raised = facts("disagreement.raised", codes={"stage": stage})
    running = [name for name in RULES if starts(RULES[name], raised)]

    assert running == [f"resolve-disagreement-stage-{stage}"]
    assert started(running[0], raised).due_at.isoformat()[:10] == due


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-11-16T09:00+00:00", "2026-11-17T00:00+00:00"),
        ("2026-11-21T23:30+00:00", "2026-11-22T00:00+00:00"),  # a Saturday
        ("2026-03-29T00:30+00:00", "2026-03-29T23:00+00:00"),  # the day has 23 hours
        ("2026-10-25T12:00+00:00", "2026-10-26T00:00+00:00"),  # the day had 25 hours
        ("2026-07-01T22:59+00:00", "2026-07-01T23:00+00:00"),  # 23:59 in London
    ],
)
def test_an_email_is_due_on_its_own_day(at: str, due: str) -> None:
    """C20: the same day ends at the midnight that follows, in local time, on every day."""
    enquiry = facts("enquiry.made", datetime.fromisoformat(at), codes={"by": "email"})

    assert started("reply-to-email", enquiry).due_at == datetime.fromisoformat(due)


def test_a_telephone_call_is_not_timed() -> None:
    """C21: nothing of the guidance on calls can be seen, so nothing is timed in its place."""
    call = facts("enquiry.made", codes={"by": "telephone"})

    assert not [name for name in RULES if starts(RULES[name], call)]


def test_a_task_is_due_when_its_setter_said() -> None:
    """C22: a task has the time set on it, and no other."""
    due_at = MONDAY + 5 * DAY
    task = facts("task.set", codes={"due_at": due_at.isoformat()})
    clock = started("complete-task", task)

    assert clock.due_at == due_at
    done = facts("task.done", due_at, sender=DESK, answers=task.message)
    assert after(clock, done) is ClockState.MET


def test_parts_to_follow_are_timed_only_where_one_is_missing() -> None:
    """A child protection step up that brings its four parts owes none of them."""
    codes = {"concern": "child_protection"}
    rule = RULES["send-parts-to-follow"]
    whole = facts("stepup.requested", codes=codes, answered=dict.fromkeys(PARTS, "2026-11-16"))
    old = facts("stepup.requested", codes=codes, answered=dict.fromkeys(PARTS, "2026-05-04"))

    assert not starts(rule, whole)
    assert starts(rule, old), "parts of an earlier step up are not those of this one"
    assert not starts(rule, facts("stepup.requested", codes={"concern": "child_in_need"}))


def test_parts_to_follow_are_kept_when_the_last_of_them_has_come() -> None:
    """Three of four parts are not all, and it does not matter who adds the last."""
    step_up = facts(
        "stepup.requested", codes={"concern": "child_protection"}, answered={PARTS[0]: "2026-11-16"}
    )
    clock = started("send-parts-to-follow", step_up)
    today = dict.fromkeys(PARTS, "2026-11-16")
    three = facts("story.added", MONDAY + HOUR, answered=dict.fromkeys(PARTS[:3], "2026-11-16"))

    assert clock.agency == SCHOOL.agency
    assert after(clock, three) is ClockState.RUNNING
    assert after(clock, facts("story.added", MONDAY + HOUR, answered=today)) is ClockState.MET


@pytest.mark.parametrize("basis", ["consent", "statutory_duty", "child_protection"])
def test_only_setting_consent_aside_is_reviewed(basis: str) -> None:
    """A message shared on another basis than an override owes no review of one."""
    rule = RULES["review-override"]

    assert not starts(rule, facts("referral.submitted", codes={"basis": basis}))
    assert starts(rule, facts("referral.submitted", codes={"basis": "consent_override"}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acknowledge-step-down", "stepdown.requested"),
        ("decide-step-down", "stepdown.requested"),
        ("answer-lead-proposal", "lead.proposed"),
        ("family-help-triage", "caf.information-sent"),
        ("acknowledge-contact", "caf.information-sent"),
    ],
)
def test_a_familys_no_ends_what_waits_for_its_support(name: str, kind: str) -> None:
    """003 §3.3: nobody is chased, or reported late, about support that a family declined."""
    clock = started(name, facts(kind))
    no = facts("family.choice-recorded", MONDAY + HOUR, sender=CARE, codes={"choice": "declines"})
    yes = no.model_copy(update={"codes": {"choice": "wishes_support"}})

    assert after(clock, no) is ClockState.ENDED
    assert after(clock, yes) is ClockState.RUNNING


def test_a_begun_caf_is_taken_to_the_teams_meeting() -> None:
    """C17: calling the Team Around the Child keeps it, and a family's no ends it."""
    begun = facts("caf.contact-made", codes={"outcome": "caf_started"}, level=Level.EARLY_HELP)
    clock = started("take-to-meeting", begun)
    team = facts("meeting.convened", MONDAY + DAY, codes={"meeting": "team_around_the_child"})
    no = facts("family.choice-recorded", MONDAY + DAY, codes={"choice": "declines"})

    assert after(clock, team) is ClockState.MET
    assert after(clock, no) is ClockState.ENDED
    assert after(clock, facts("caf.ended", MONDAY + DAY)) is ClockState.ENDED
