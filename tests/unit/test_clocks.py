"""Clocks: the right message starts and stops each, and its state follows from instants alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clocks import (
    Clock,
    ClockState,
    MessageFacts,
    clocks_started,
    clocks_stopped,
    start,
    state,
    stop,
)
from contracts.identifiers import new_reference
from contracts.rules import combine, shipped, shipped_packs
from contracts.worktime import WorkingCalendar

PACKS = shipped_packs()
ENGLAND = WorkingCalendar()
NOON = datetime(2026, 11, 13, 12, tzinfo=UTC)  # a Friday
CHILD = new_reference()
OFTEN = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=60))


def message(kind: str, at: datetime = NOON, **more: object) -> MessageFacts:
    """Return facts of a message to First Response about the one child of these tests."""
    facts = {"child": CHILD, "agency": "demo.first-response", "message": new_reference()}
    return MessageFacts.model_validate({**facts, "kind": kind, "received_at": at, **more})


def started(facts: MessageFacts) -> dict[str, Clock]:
    """Return the clocks that the shipped packs start for a message, by rule."""
    return {clock.rule: clock for clock in clocks_started(PACKS, facts, ENGLAND)}


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("referral.submitted", {"acknowledge-request", "decide-request"}),
        ("stepup.requested", {"acknowledge-request", "decide-request"}),
        ("stepdown.requested", {"acknowledge-step-down", "decide-step-down"}),
        ("lead.proposed", {"answer-lead-proposal"}),
        ("message.acknowledged", set()),
        ("case.closed", set()),
    ],
)
def test_each_kind_starts_its_own_clocks(kind: str, rules: set[str]) -> None:
    """A request is timed for acknowledgement and decision, a proposal for its answer."""
    assert started(message(kind)).keys() == rules


@pytest.mark.parametrize("kind", ["referral.submitted", "stepup.requested"])
def test_only_child_protection_starts_the_24_hours(kind: str) -> None:
    """The emergency clock runs for a child protection concern and for no other."""
    urgent = started(message(kind, concern="child_protection"))
    other = started(message(kind, concern="school_attendance"))

    assert urgent["start-protection-assessment"].due_at == NOON + timedelta(hours=24)
    assert "start-protection-assessment" not in other


def test_a_clock_says_whom_it_is_about_and_when_it_is_due() -> None:
    """A clock carries child, agency, message, who is told, and instants in UTC."""
    local = NOON.astimezone(ENGLAND.tz)
    facts = message("stepup.requested", local)

    clock = started(facts)["acknowledge-request"]

    assert clock.id == f"acknowledge-request:{facts.message}"
    assert (clock.child, clock.agency, clock.message) == (CHILD, facts.agency, facts.message)
    assert clock.told == "receiving_manager"
    assert (clock.started_at, clock.started_at.tzinfo) == (NOON, UTC)
    assert clock.due_at == datetime(2026, 11, 16, 17, tzinfo=UTC)
    assert clock.stopped_at is None


def test_the_same_message_gives_the_same_clocks() -> None:
    """Working clocks out again after a loss gives equal clocks with equal ids."""
    facts = message("referral.submitted", concern="child_protection")

    assert started(facts) == started(facts)


def test_replayed_history_starts_and_stops_nothing() -> None:
    """History that is told afterwards neither runs against anybody nor hides a running clock."""
    request = message("referral.submitted", concern="child_protection")
    running = clocks_started(PACKS, request, ENGLAND)
    history = message("assessment.started", NOON + timedelta(hours=1), replayed=True)

    assert clocks_started(PACKS, request.model_copy(update={"replayed": True}), ENGLAND) == ()
    assert clocks_stopped(PACKS, history, running) == ()
    assert len(running) == 3


def test_an_acknowledgement_stops_only_the_clock_of_what_it_answers() -> None:
    """Two requests about one child are acknowledged each on its own."""
    first, second = message("referral.submitted"), message("referral.submitted")
    running = (*started(first).values(), *started(second).values())
    answer = message("message.acknowledged", NOON + timedelta(hours=2), answers=second.message)

    stopped = clocks_stopped(PACKS, answer, running)

    assert [clock.id for clock in stopped] == [f"acknowledge-request:{second.message}"]
    assert stopped[0].stopped_at == answer.received_at


def test_a_decision_answers_for_the_acknowledgement_too() -> None:
    """A request decided at once is not reported as never acknowledged."""
    request = message("stepdown.requested")
    answer = message("stepdown.decided", NOON + timedelta(hours=2), answers=request.message)

    stopped = clocks_stopped(PACKS, answer, tuple(started(request).values()))

    assert {clock.rule for clock in stopped} == {"acknowledge-step-down", "decide-step-down"}


@pytest.mark.parametrize("kind", ["lead.accepted", "lead.refused"])
def test_a_refusal_is_an_answer_to_a_proposal(kind: str) -> None:
    """A lead professional who refuses has answered in time just as one who accepts."""
    proposal = message("lead.proposed")
    answer = message(kind, NOON + timedelta(days=1), answers=proposal.message)

    (stopped,) = clocks_stopped(PACKS, answer, tuple(started(proposal).values()))

    assert state(stopped, NOON + timedelta(days=90)) is ClockState.MET


def test_an_assessment_stops_the_protection_clock_of_its_child() -> None:
    """An assessment answers no message: it stops that child's emergency clocks, no other's."""
    mine = message("stepup.requested", concern="child_protection")
    other = message("stepup.requested", concern="child_protection", child=new_reference())
    running = (*started(mine).values(), *started(other).values())
    assessment = message("assessment.started", NOON + timedelta(hours=3))

    stopped = clocks_stopped(PACKS, assessment, running)

    assert [clock.id for clock in stopped] == [f"start-protection-assessment:{mine.message}"]


def test_an_earlier_assessment_does_not_meet_a_later_concern() -> None:
    """What was under way before a concern was referred is no answer to it."""
    later = message("referral.submitted", NOON + timedelta(hours=1), concern="child_protection")
    assessment = message("assessment.started", NOON)

    assert clocks_stopped(PACKS, assessment, tuple(started(later).values())) == ()


def test_an_answer_about_another_child_stops_nothing() -> None:
    """An answer counts only for the child of the message it answers."""
    request = message("referral.submitted")
    answer = message("message.acknowledged", answers=request.message, child=new_reference())

    assert clocks_stopped(PACKS, answer, tuple(started(request).values())) == ()


def test_a_clock_without_its_rule_stays_open() -> None:
    """When a rule has left the packs, its clocks run on to a manager and are not dropped."""
    request = message("stepdown.requested")
    running = tuple(started(request).values())
    answer = message("stepdown.decided", answers=request.message)

    assert clocks_stopped(combine([shipped("devon")]), answer, running) == ()


def test_the_first_answer_holds() -> None:
    """A second acknowledgement moves no stop, and a stopped clock is not stopped again."""
    clock = started(message("referral.submitted"))["acknowledge-request"]
    once = stop(clock, NOON + timedelta(hours=1))
    again = message("message.acknowledged", NOON + timedelta(hours=9), answers=clock.message)

    assert stop(once, NOON + timedelta(hours=9)) == once
    assert clocks_stopped(PACKS, again, (once,)) == ()
    assert clock.stopped_at is None


@pytest.mark.parametrize(
    ("stopped", "now", "wanted"),
    [
        (None, "2026-11-16T17:00:00+00:00", ClockState.RUNNING),
        (None, "2026-11-16T17:00:00.000001+00:00", ClockState.MISSED),
        ("2026-11-16T17:00:00+00:00", "2026-12-24T00:00:00+00:00", ClockState.MET),
        ("2026-11-16T17:00:01+00:00", "2026-12-24T00:00:00+00:00", ClockState.MET_LATE),
    ],
)
def test_the_last_instant_is_still_in_time(
    stopped: str | None, now: str, wanted: ClockState
) -> None:
    """Due at 17:00 is kept at 17:00:00 and missed one microsecond later."""
    clock = started(message("referral.submitted"))["acknowledge-request"]
    if stopped is not None:
        clock = stop(clock, datetime.fromisoformat(stopped))

    assert state(clock, datetime.fromisoformat(now)) is wanted


@given(until_stop=OFTEN, until_now=OFTEN, later=OFTEN)
def test_a_verdict_is_never_taken_back(
    until_stop: timedelta, until_now: timedelta, later: timedelta
) -> None:
    """Missed stays missed while the clock runs, and a stopped clock never changes its verdict."""
    rule = PACKS.clocks["decide-request"]
    clock = start(rule, message("referral.submitted"), ENGLAND)
    now, afterwards = NOON + until_now, NOON + until_now + later
    stopped = stop(clock, NOON + until_stop)

    assert state(stopped, now) is state(stopped, afterwards)
    if state(clock, now) is ClockState.MISSED:
        assert state(clock, afterwards) is ClockState.MISSED
        assert state(stop(clock, now), afterwards) is ClockState.MET_LATE


def test_no_clock_stops_before_it_starts() -> None:
    """An answer stamped before its question counts as given at once."""
    clock = started(message("referral.submitted"))["acknowledge-request"]

    assert stop(clock, NOON - timedelta(seconds=1)).stopped_at == NOON


@pytest.mark.parametrize(("outcome", "ends"), [("not_met", True), ("assess", False)])
def test_a_decision_that_calls_for_no_assessment_ends_the_protection_clock(
    outcome: str, ends: bool
) -> None:
    """Nobody is told that an assessment is late which was decided not to be called for."""
    concern = message("referral.submitted", concern="child_protection")
    running = started(concern)["start-protection-assessment"]
    decided = message("referral.decided", answers=concern.message, outcome=outcome)
    assert bool(clocks_stopped(PACKS, decided, (running,))) is ends
