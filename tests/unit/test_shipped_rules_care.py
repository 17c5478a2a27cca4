"""The shipped clocks of social care: assessments, meetings, reviews, and who is told of them."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.clock_facts import MessageFacts
from contracts.clock_rules import start, starts
from contracts.clocks import ClockState
from contracts.roles import Level
from tests.unit.shipped_clocks import (
    CARE,
    DAY,
    DESK,
    DEVON,
    ENGLAND,
    HOUR,
    MONDAY,
    RULES,
    SCHOOL,
    after,
    facts,
    meeting,
    started,
)


def test_child_in_need_days_run_through_a_weekend_and_conference_days_do_not() -> None:
    """C13 is read in calendar days and C14 in working days, from when the assessment ended."""
    ended = MONDAY - 2 * DAY
    need = facts(
        "assessment.concluded",
        sender=CARE,
        occurred_at=ended,
        codes={"finding": "child_in_need"},
        level=Level.CHILD_IN_NEED,
    )
    risk = need.model_copy(
        update={"codes": {"finding": "child_protection"}, "level": Level.CHILD_PROTECTION}
    )

    assert started("child-in-need-meeting", need).due_at == ended + 7 * DAY
    conference = started("child-protection-conference", risk)
    assert conference.due_at == datetime(2026, 12, 7, 17, tzinfo=UTC)
    assert not starts(RULES["child-protection-conference"], need)
    assert not starts(RULES["child-in-need-meeting"], risk)


def test_reviews_are_due_four_weeks_after_the_meeting_and_after_every_review() -> None:
    """C15: each review starts the next four weeks from the day on which it took place."""
    rule = RULES["child-in-need-review"]
    first = started(rule.id, meeting("child_in_need", "continue", level=Level.CHILD_IN_NEED))
    held_at = MONDAY + 20 * DAY
    review = meeting(
        "child_in_need_review",
        "continue",
        held_at + DAY,
        occurred_at=held_at,
        level=Level.CHILD_IN_NEED,
    )

    assert first.due_at == MONDAY + timedelta(weeks=4)
    assert after(first, review) is ClockState.MET
    again = start(rule, review, ENGLAND, first)
    assert rule.repeats
    assert again is not None
    assert again.due_at == held_at + timedelta(weeks=4)


@pytest.mark.parametrize("level", [Level.EARLY_HELP, Level.UNIVERSAL, Level.CHILD_PROTECTION])
def test_reviews_end_when_the_child_leaves_the_level(level: Level) -> None:
    """A closed or escalated case is not reported for a review that was no longer to come."""
    clock = started(
        "child-in-need-review", meeting("child_in_need", "continue", level=Level.CHILD_IN_NEED)
    )
    message = facts("case.closed", MONDAY + DAY, sender=CARE, level=level)

    assert after(clock, message) is ClockState.ENDED


@pytest.mark.parametrize("name", ["core-group", "first-protection-review"])
def test_a_new_plan_has_a_core_group_and_a_first_review(name: str) -> None:
    """S6: both are counted from the conference, and only where it made a plan."""
    made = meeting("child_protection_conference", "protection_plan", level=Level.CHILD_PROTECTION)
    without = meeting("child_protection_conference", "no_plan", level=Level.CHILD_IN_NEED)

    assert started(name, made).agency == CARE.agency
    assert not starts(RULES[name], without)


@pytest.mark.parametrize("finding", ["child_in_need", "not_in_need"])
def test_enquiries_that_find_no_risk_call_for_no_conference(finding: str) -> None:
    """C6 and S4 end, unmissed, when the assessment after the discussion finds no risk."""
    clock = started("initial-conference", meeting("strategy_discussion", "continue"))
    found = facts("assessment.concluded", MONDAY + DAY, sender=CARE, codes={"finding": finding})

    assert after(clock, found) is ClockState.ENDED
    assert not starts(RULES["initial-conference"], meeting("strategy_discussion", "none"))


def test_the_conference_keeps_the_fifteen_days() -> None:
    """C6 and S4 are kept by the conference itself and by no other meeting."""
    clock = started("initial-conference", meeting("strategy_discussion", "continue"))
    group = meeting("core_group", "continue", MONDAY + DAY)
    conference = meeting("child_protection_conference", "protection_plan", MONDAY + 18 * DAY)

    assert after(clock, group) is ClockState.RUNNING
    assert after(clock, conference) is ClockState.MET


def test_initial_and_core_assessment_are_timed_only_where_they_are_called_so() -> None:
    """C2 and C5 are superseded: a child and family assessment starts neither."""
    for kind, wanted in (("initial", True), ("child_and_family", False), ("section_47", False)):
        begun = facts("assessment.started", sender=CARE, codes={"assessment": kind})
        assert starts(DEVON["initial-assessment"], begun) is wanted
        done = facts(
            "assessment.concluded",
            sender=CARE,
            codes={"assessment": kind, "finding": "child_in_need"},
            level=Level.CHILD_IN_NEED,
        )
        assert starts(DEVON["core-assessment"], done) is wanted


def test_a_core_assessment_keeps_the_clock_that_the_initial_one_started() -> None:
    """C5 runs from one conclusion to the other, and never stops itself."""
    codes = {"assessment": "initial", "finding": "child_in_need"}
    level = Level.CHILD_IN_NEED
    initial = facts("assessment.concluded", sender=CARE, codes=codes, level=level)
    clock = started("core-assessment", initial)
    core = facts(
        "assessment.concluded",
        MONDAY + 30 * DAY,
        sender=CARE,
        codes={**codes, "assessment": "core"},
        level=level,
    )

    assert after(clock, initial) is ClockState.RUNNING
    assert after(clock, core) is ClockState.MET


@pytest.mark.parametrize(
    ("kind", "people", "wanted"),
    [
        ("people.told", ("referrer", "family"), ClockState.MET),
        ("people.told", ("referrer",), ClockState.RUNNING),
        ("people.not-told", ("family",), ClockState.MET),
    ],
)
def test_telling_the_family_or_a_reason_why_not_keeps_the_three_days(
    kind: str, people: tuple[str, ...], wanted: ClockState
) -> None:
    """C3 and C7: telling somebody else is not telling the family; a recorded reason is enough."""
    outcome = facts("assessment.concluded", sender=CARE, codes={"finding": "not_in_need"})
    clock = started("tell-assessment-outcome", outcome)
    said = facts(kind, MONDAY + DAY, sender=CARE, answers=outcome.message, codes={"people": people})

    assert after(clock, said) is wanted


def test_a_copy_of_the_review_is_kept_by_a_copy_only() -> None:
    """C9 and C10 are two duties: telling the outcome does not send the copy."""
    review = meeting("protection_review", "continue", level=Level.CHILD_PROTECTION)
    clock = started("copy-review", review)

    def told(form: str) -> MessageFacts:
        codes = {"people": ("family",), "form": form}
        sent = {"sender": CARE, "answers": review.message, "codes": codes}
        return facts("people.told", MONDAY + DAY, **sent)

    assert after(clock, told("outcome")) is ClockState.RUNNING
    assert after(clock, told("copy")) is ClockState.MET
    assert after(started("tell-review-outcome", review), told("outcome")) is ClockState.MET


@pytest.mark.parametrize("outcome", ["not_met", "not_accepted"])
def test_a_no_to_the_referrer_ends_the_45_days(outcome: str) -> None:
    """S3: what is not assessed is not late; what is assessed is due from the referral."""
    referral = facts("referral.submitted")
    clock = started("single-assessment", referral)
    decided = facts(
        "referral.decided",
        MONDAY + DAY,
        sender=DESK,
        answers=referral.message,
        codes={"outcome": outcome},
    )
    found = facts("assessment.concluded", MONDAY + 60 * DAY, sender=CARE)

    assert after(clock, decided) is ClockState.ENDED
    assert after(clock, found) is ClockState.MET


def test_a_serious_incident_counts_from_when_it_was_known() -> None:
    """S8: a report that is written down late does not start the five days later."""
    known = facts("incident.known", sender=CARE, occurred_at=MONDAY - 3 * DAY)

    assert started("notify-panel", known).due_at == datetime(2026, 11, 20, 17, tzinfo=UTC)
    assert started("notify-panel", known).started_at == MONDAY - 3 * DAY


def test_other_agencies_are_asked_and_answer_in_protection_enquiries() -> None:
    """004 4.6: who starts the enquiries owes the asking, who is asked owes the answer."""
    begun = facts("assessment.started", sender=CARE, codes={"assessment": "section_47"})
    asking = started("ask-agencies", begun)
    asked = facts("agency-check.requested", MONDAY + HOUR, sender=CARE, receiver=SCHOOL)
    answering = started("answer-agency-check", asked)
    answer = facts("agency-check.answered", MONDAY + 2 * HOUR, answers=asked.message)

    assert (asking.agency, answering.agency) == (CARE.agency, SCHOOL.agency)
    assert after(asking, asked) is ClockState.MET
    assert after(answering, answer) is ClockState.MET
