"""Clock rules: the right message starts, stops and ends each clock, for the right agency."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.clock_facts import Party
from contracts.clock_rules import start, starts, stopped
from contracts.clocks import ClockState, state
from contracts.identifiers import new_reference
from contracts.rules import shipped_packs
from tests.clocks import (
    CARE,
    DUTY,
    ENGLAND,
    FRONT,
    NOON,
    SCHOOL,
    answer,
    at,
    begun,
    message,
    rule,
)

HOUR = timedelta(hours=1)
LEAD = Party(agency=CARE, practitioner=f"{CARE}.worker")
BY_CHILD = {"stopped_by": "child", "runs_from": "occurred"}


def test_only_its_kind_and_its_codes_start_a_clock() -> None:
    """A clock is started by its kinds, and where it says so by one of its codes alone."""
    urgent = rule(when={"concern": ["child_protection", "neglect"], "basis": ["consent"]})
    codes = {"concern": "child_protection", "basis": "consent"}

    assert starts(rule(), message())
    assert not starts(rule(), message("question.answered"))
    assert starts(urgent, message(codes=codes))
    assert not starts(urgent, message(codes=codes | {"concern": "attendance"}))
    assert not starts(urgent, message(codes=codes | {"basis": "override"}))
    assert not starts(urgent, message())


def test_one_of_several_codes_is_enough() -> None:
    """A field that holds several codes meets a condition with any of them."""
    told = rule(when={"people": ["referrer"]})

    assert starts(told, message(codes={"people": ("family", "referrer")}))
    assert not starts(told, message(codes={"people": ("family",)}))


def test_a_clock_says_whom_it_is_about_and_when_it_is_due() -> None:
    """A clock carries child, agency, person, message, who is told, and instants in UTC."""
    local = NOON.astimezone(ENGLAND.common.tz)
    facts = message(at=local, receiver=Party(agency=FRONT, practitioner=DUTY))
    clock = begun(rule(), facts)

    assert (clock.child, clock.message) == (facts.child, facts.message)
    assert (clock.agency, clock.practitioner) == (FRONT, DUTY)
    assert (clock.told_agency, clock.told_practitioner) == (FRONT, DUTY)
    assert (clock.started_at, clock.started_at.tzinfo) == (NOON, UTC)
    assert clock.due_at == clock.original_due_at == datetime(2026, 11, 16, 17, tzinfo=UTC)
    assert clock.stopped_at is None


@pytest.mark.parametrize(
    ("length", "unit", "due"),
    [
        (1, "working_days", "2026-11-16T17:00"),
        (24, "hours", "2026-11-14T12:00"),
        (7, "calendar_days", "2026-11-20T12:00"),
        (4, "weeks", "2026-12-11T12:00"),
        (3, "months", "2027-02-13T12:00"),
    ],
)
def test_every_unit_runs_from_the_start(length: int, unit: str, due: str) -> None:
    """A length in any unit runs out where the calendar says."""
    assert begun(rule(length=length, unit=unit)).due_at == at(due)


@pytest.mark.parametrize(
    ("against", "owes"), [("receiver", FRONT), ("sender", SCHOOL), ("lead", CARE)]
)
def test_the_rule_says_who_owes(against: str, owes: str) -> None:
    """A standard runs against who was addressed, who sent, or who leads when it starts."""
    assert begun(rule(against=against), message(lead=LEAD)).agency == owes


@pytest.mark.parametrize(
    ("told", "where"),
    [("receiving_manager", FRONT), ("sending_manager", SCHOOL), ("lead_manager", CARE)],
)
def test_the_rule_says_who_is_told(told: str, where: str) -> None:
    """The manager of the receiver, the sender or the lead hears of a miss."""
    assert begun(rule(told=told), message(lead=LEAD)).told_agency == where


def test_without_a_lead_the_receiver_owes() -> None:
    """A standard against the lead is not lost where nobody leads."""
    clock = begun(rule(against="lead", told="lead_manager"))

    assert (clock.agency, clock.told_agency) == (FRONT, FRONT)


def test_both_instants_of_a_start_are_kept() -> None:
    """A clock runs from what took place or from the arrival, as its rule says; both are kept."""
    happened = NOON - timedelta(days=1)
    facts = message(occurred_at=happened)
    by_event, by_arrival = begun(rule(runs_from="occurred"), facts), begun(rule(), facts)

    assert (by_event.started_at, by_event.started_arrived_at) == (happened, NOON)
    assert (by_arrival.started_at, by_arrival.started_arrived_at) == (NOON, NOON)
    assert by_event.due_at == at("2026-11-13T17:00")


def test_a_start_reported_for_the_future_runs_from_its_arrival() -> None:
    """Nobody gains time by a report of tomorrow."""
    facts = message(occurred_at=NOON + timedelta(days=1))

    assert begun(rule(runs_from="occurred"), facts).started_at == NOON


def test_a_start_out_of_all_time_stops_nothing_else() -> None:
    """An instant before any calendar is read as the earliest one there is."""
    long_ago = datetime.fromisoformat("1900-01-01T00:00:00+14:00")

    assert begun(rule(runs_from="occurred"), message(occurred_at=long_ago)).due_at.year == 1901


def test_a_task_is_due_when_its_content_says() -> None:
    """A field of the content gives the end; without an instant there is no clock to guess."""
    task = rule(due_field="due_at")
    said = "2026-12-01T16:00:00.000Z"

    assert begun(task, message(codes={"due_at": said})).due_at == datetime.fromisoformat(said)
    for wrong in ({}, {"due_at": "tomorrow"}, {"due_at": "2026-12-01T16:00:00"}):
        assert start(task, message(codes=wrong), ENGLAND) is None


def test_an_answer_stops_only_the_clock_of_what_it_answers() -> None:
    """Two questions about one child are answered each on its own."""
    first, second = begun(rule()), begun(rule())
    said = answer(second, NOON + 2 * HOUR)

    assert stopped(rule(), said, first, ENGLAND) is first
    assert stopped(rule(), said, second, ENGLAND).stopped_at == NOON + 2 * HOUR


def test_an_acknowledgement_by_another_addressee_stops_nothing() -> None:
    """Who was only informed does not answer for who was asked."""
    taken = rule(stops_on=["message.acknowledged"])
    clock = begun(taken)
    theirs = answer(clock, NOON + HOUR, kind="message.acknowledged", sender=Party(agency=CARE))
    ours = answer(clock, NOON + HOUR, kind="message.acknowledged")

    assert stopped(taken, theirs, clock, ENGLAND) is clock
    assert stopped(taken, ours, clock, ENGLAND).stopped_by == ours.message


def test_only_the_codes_asked_for_stop_a_clock() -> None:
    """An answer of another kind of content leaves the clock running."""
    seen = rule(stop_when={"outcome": ["seen"]})
    clock = begun(seen)

    assert stopped(seen, answer(clock, NOON + HOUR), clock, ENGLAND) is clock
    known = answer(clock, NOON + HOUR, codes={"outcome": "seen"})
    assert stopped(seen, known, clock, ENGLAND).stopped_at == NOON + HOUR


def test_an_answer_about_another_child_stops_nothing() -> None:
    """An answer counts only for the child of the message it answers."""
    clock = begun(rule())
    said = answer(clock, NOON + HOUR, child=new_reference())

    assert stopped(rule(), said, clock, ENGLAND) is clock


def test_an_act_about_the_child_stops_the_clocks_before_it() -> None:
    """Where no answer is asked for any act after the start counts, and none before it."""
    visit = rule(**BY_CHILD)
    clock = begun(visit)
    before = message("question.answered", NOON + HOUR, occurred_at=NOON - HOUR)
    after = message("question.answered", NOON + 3 * HOUR, occurred_at=NOON + HOUR)

    assert stopped(visit, before, clock, ENGLAND) is clock
    done = stopped(visit, after, clock, ENGLAND)
    assert (done.stopped_at, done.stopped_arrived_at) == (NOON + HOUR, NOON + 3 * HOUR)


@pytest.mark.parametrize(("outcome", "ends"), [("not_met", True), ("assess", False)])
def test_a_decision_that_calls_for_nothing_more_ends_the_clock(outcome: str, ends: bool) -> None:
    """Nobody is told that something is late which was decided not to be called for."""
    visit = rule(stopped_by="child", ended_by_outcomes=["not_met"], stops_on=["child.seen"])
    clock = begun(visit)
    decided = answer(clock, NOON + HOUR, kind="question.decided", codes={"outcome": outcome})

    after = stopped(visit, decided, clock, ENGLAND)

    assert (state(after, NOON + 99 * HOUR) is ClockState.ENDED) is ends


def test_a_familys_no_ends_what_it_makes_idle() -> None:
    """A message of `ends` about the same child ends the clock, with its codes and no others."""
    contact = rule(ends=[{"on": "family.choice-recorded", "when": {"choice": ["declines"]}}])
    clock = begun(contact)
    no = message("family.choice-recorded", NOON + HOUR, codes={"choice": "declines"})
    yes = message("family.choice-recorded", NOON + HOUR, codes={"choice": "wishes_support"})

    assert state(stopped(contact, no, clock, ENGLAND), NOON + 99 * HOUR) is ClockState.ENDED
    assert stopped(contact, yes, clock, ENGLAND) is clock


def test_a_level_that_is_left_ends_its_clocks() -> None:
    """A review of a child in need is not chased once the child is no longer in need."""
    review = rule(while_at=["child_in_need"])

    assert not starts(review, message(level="early_help"))
    clock = begun(review, message(level="child_in_need"))
    stays = message("story.added", NOON + HOUR, level="child_in_need")
    leaves = message("case.closed", NOON + HOUR, level="universal")
    assert stopped(review, stays, clock, ENGLAND) is clock
    assert state(stopped(review, leaves, clock, ENGLAND), NOON + 99 * HOUR) is ClockState.ENDED


def test_replayed_history_starts_and_stops_nothing() -> None:
    """History that is told afterwards neither runs against anybody nor hides a running clock."""
    clock = begun(rule())

    assert not starts(rule(), message(replayed=True))
    said = answer(clock, NOON + HOUR, replayed=True)
    assert stopped(rule(), said, clock, ENGLAND) is clock


def test_what_starts_anew_is_owed_by_the_same_agency() -> None:
    """Where the receiver owes, the next round is not owed by whoever hears of the last one."""
    review = rule(repeats=True, **BY_CHILD)
    clock = begun(review)
    held = message("question.answered", NOON + HOUR, receiver=Party(agency=SCHOOL))

    again = start(review, held, ENGLAND, clock)

    assert again is not None
    assert (again.agency, again.told_agency, again.message) == (FRONT, FRONT, held.message)
    assert again.started_at == NOON + HOUR


@pytest.mark.parametrize(
    ("length", "unit", "warn", "wanted"),
    [
        (5, "working_days", {"length": 1, "unit": "working_days"}, "2026-11-19T17:00"),
        (5, "working_days", {"length": 2, "unit": "hours"}, "2026-11-20T15:00"),
        (24, "hours", {"length": 4, "unit": "hours"}, "2026-11-14T08:00"),
        (4, "weeks", {"length": 1, "unit": "weeks"}, "2026-12-04T12:00"),
        (3, "months", {"length": 1, "unit": "months"}, "2027-01-13T12:00"),
        (1, "working_days", {"length": 1, "unit": "working_days"}, "2026-11-13T17:00"),
        (1, "hours", {"length": 2, "unit": "hours"}, None),
        (1, "hours", None, None),
    ],
)
def test_a_warning_comes_so_long_before_the_end(
    length: int, unit: str, warn: Any, wanted: str | None
) -> None:
    """The reminder is counted back from the end, and left out where it would precede the start."""
    clock = begun(rule(length=length, unit=unit, warn=warn))

    assert clock.warn_at == (at(wanted) if wanted else None)


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("referral.submitted", {"acknowledge-request", "decide-request"}),
        ("stepdown.requested", {"acknowledge-step-down", "decide-step-down"}),
        ("lead.proposed", {"answer-lead-proposal"}),
    ],
)
def test_the_usual_packs_time_what_asks_for_an_answer(kind: str, rules: set[str]) -> None:
    """A request is timed for acknowledgement and decision, a proposal for its answer."""
    found = {r.id for r in shipped_packs().clocks.values() if starts(r, message(kind))}

    assert rules <= found
