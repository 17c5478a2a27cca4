"""Clocks: how one stands follows from instants alone, and the earliest evidence holds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clocks import ClockState, explain, happened_at, state, stop
from contracts.identifiers import new_reference
from tests.clocks import DUTY, NOON, begun, message, rule

DUE = datetime(2026, 11, 16, 17, tzinfo=UTC)
ONE = new_reference()
OTHER = new_reference()
OFTEN = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=60))
SECOND = timedelta(seconds=1)


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
    clock = begun(rule())
    if stopped is not None:
        when = datetime.fromisoformat(stopped)
        clock = stop(clock, ONE, when, when)

    assert state(clock, datetime.fromisoformat(now)) is wanted


@given(until_stop=OFTEN, until_now=OFTEN, later=OFTEN)
def test_time_alone_takes_no_verdict_back(
    until_stop: timedelta, until_now: timedelta, later: timedelta
) -> None:
    """Missed stays missed while the clock runs, and a stopped clock never changes its verdict."""
    clock = begun(rule())
    now, afterwards = NOON + until_now, NOON + until_now + later
    stopped = stop(clock, ONE, NOON + until_stop, NOON + until_stop)

    assert state(stopped, now) is state(stopped, afterwards)
    if state(clock, now) is ClockState.MISSED:
        assert state(clock, afterwards) is ClockState.MISSED
        assert state(stop(clock, ONE, now, now), afterwards) is ClockState.MET_LATE


def test_no_clock_stops_before_it_starts() -> None:
    """What is said to have happened before the start counts as done at the start."""
    stopped = stop(begun(rule()), ONE, NOON - timedelta(days=1), NOON + SECOND)

    assert (stopped.stopped_at, stopped.stopped_arrived_at) == (NOON, NOON + SECOND)


def test_the_first_answer_holds() -> None:
    """A second answer moves no stop."""
    once = stop(begun(rule()), ONE, NOON + SECOND, NOON + SECOND)

    assert stop(once, OTHER, NOON + 2 * SECOND, NOON + 2 * SECOND) is once


def test_evidence_that_comes_late_counts_by_when_it_happened() -> None:
    """An act in time that is reported after the miss turns the clock to met, told to be late."""
    clock = begun(rule())
    assert state(clock, DUE + timedelta(days=2)) is ClockState.MISSED

    late = stop(clock, ONE, DUE - timedelta(hours=1), DUE + timedelta(days=2))

    assert state(late, DUE + timedelta(days=3)) is ClockState.MET
    assert late.evidence_late
    assert not stop(clock, ONE, DUE, DUE).evidence_late
    assert not stop(clock, ONE, DUE + SECOND, DUE + SECOND).evidence_late


@given(first=OFTEN, second=OFTEN)
def test_the_order_in_which_evidence_arrives_does_not_matter(
    first: timedelta, second: timedelta
) -> None:
    """Of two acts the earlier one stops the clock, whichever is reported first."""
    clock, arrived = begun(rule()), NOON + timedelta(days=90)
    a = stop(stop(clock, ONE, NOON + first, arrived), OTHER, NOON + second, arrived)
    b = stop(stop(clock, OTHER, NOON + second, arrived), ONE, NOON + first, arrived)

    assert a.stopped_at == b.stopped_at == NOON + min(first, second)


def test_an_end_is_neither_kept_nor_missed() -> None:
    """What was no longer to come was not kept; what had run out before was missed all the same."""
    clock = begun(rule())
    in_time = stop(clock, ONE, NOON + SECOND, NOON + SECOND, ended=True)
    too_late = stop(clock, ONE, DUE + SECOND, DUE + SECOND, ended=True)

    assert state(in_time, DUE + SECOND) is ClockState.ENDED
    assert state(too_late, DUE + timedelta(days=9)) is ClockState.MISSED
    assert not in_time.evidence_late


def test_evidence_goes_before_an_end() -> None:
    """Evidence of an act before the end counts; an end never takes the place of evidence."""
    clock, later = begun(rule()), NOON + timedelta(hours=2)
    over = stop(clock, ONE, later, later, ended=True)
    found = stop(over, OTHER, NOON + SECOND, later + SECOND)

    assert (state(found, DUE), found.stopped_by) == (ClockState.MET, OTHER)
    assert stop(found, ONE, later, later, ended=True) is found


@pytest.mark.parametrize(
    ("occurred", "wanted"),
    [(None, NOON), (NOON - SECOND, NOON - SECOND), (NOON + SECOND, NOON)],
)
def test_nothing_happens_after_it_was_reported(occurred: datetime | None, wanted: datetime) -> None:
    """An instant later than the arrival counts as the arrival, one earlier as it is."""
    assert happened_at(occurred, NOON) == wanted


def test_the_reason_of_a_miss_stays_with_the_clock() -> None:
    """Who gave which cause and when is kept, and changes nothing about the miss."""
    clock = explain(begun(rule()), DUTY, DUE + SECOND, "workload")

    assert (clock.explained_by, clock.explained_at) == (DUTY, DUE + SECOND)
    assert clock.explained_cause == "workload"
    assert state(clock, DUE + SECOND) is ClockState.MISSED


def test_the_same_message_gives_the_same_clock() -> None:
    """Working a clock out again after a loss gives an equal clock with an equal id."""
    facts = message()

    assert begun(rule(), facts) == begun(rule(), facts)
    assert begun(rule(), facts).id == f"answer-question:{facts.message}"
