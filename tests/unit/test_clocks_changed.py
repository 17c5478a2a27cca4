"""Clocks changed by people: extended, paused and resumed by those who may, and by nobody else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clock_rules import ended, extended, paused, resumed, stopped
from contracts.clocks import Clock, ClockState, state
from contracts.roles import Capacity
from contracts.rules import ClockRule
from tests.clocks import (
    CARE,
    DUTY,
    ENGLAND,
    MANAGER,
    NOON,
    answer,
    asked,
    at,
    begun,
    message,
    rule,
)

DUE = datetime(2026, 11, 16, 17, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANAGED = rule(extendable_by=["team_manager"])


def stood_still(of: ClockRule, start: str, halted: str, went_on: str) -> Clock:
    """The clock started, paused and resumed at these local times."""
    clock = paused(of, begun(of, message(at=at(start))), asked(at(halted)))
    assert state(clock, at(went_on)) is ClockState.PAUSED
    return resumed(of, clock, asked(at(went_on)), ENGLAND)


def test_an_authorised_extension_moves_the_end() -> None:
    """The clock is due at the new instant; who, why and the original end are kept."""
    clock = begun(MANAGED)
    longer = extended(MANAGED, clock, asked(NOON + HOUR), LATER, ENGLAND)

    assert (longer.due_at, longer.original_due_at) == (LATER, DUE)
    (kept,) = longer.extensions
    assert (kept.by, kept.because, kept.effective) == (MANAGER, "family_unavailable", True)
    assert (kept.was_due_at, kept.until, kept.at) == (DUE, LATER, NOON + HOUR)
    assert state(longer, LATER) is ClockState.RUNNING


def test_an_extension_moves_the_warning() -> None:
    """Who owes is reminded before the new end."""
    warned = rule(extendable_by=["team_manager"], warn={"length": 2, "unit": "hours"})
    longer = extended(warned, begun(warned), asked(NOON + HOUR), LATER, ENGLAND)

    assert longer.warn_at == LATER - 2 * HOUR


@pytest.mark.parametrize(
    ("who", "capacity", "when", "until"),
    [
        (DUTY, Capacity.DUTY_WORKER, NOON + HOUR, LATER),
        (f"{CARE}.manager", Capacity.TEAM_MANAGER, NOON + HOUR, LATER),
        (MANAGER, Capacity.TEAM_MANAGER, NOON + HOUR, DUE),
        (MANAGER, Capacity.TEAM_MANAGER, NOON + HOUR, NOON),
        (MANAGER, Capacity.TEAM_MANAGER, DUE + timedelta(seconds=1), LATER),
    ],
)
def test_an_extension_that_may_not_be_has_no_effect(
    who: str, capacity: Capacity, when: datetime, until: datetime
) -> None:
    """Without authority, from another agency, backwards or after the miss nothing moves."""
    clock = begun(MANAGED)
    same = extended(MANAGED, clock, asked(when, who, capacity), until, ENGLAND)

    assert same.due_at == clock.due_at
    assert [one.effective for one in same.extensions] == [False]


def test_a_maximum_is_nobodys_to_extend_or_pause() -> None:
    """Where a rule names nobody who may extend it, no manager can."""
    clock = begun(rule())

    assert extended(rule(), clock, asked(NOON + HOUR), LATER, ENGLAND).due_at == DUE
    assert paused(rule(), clock, asked(NOON + HOUR)).pause is None


def test_what_was_answered_is_not_extended() -> None:
    """A stopped clock keeps the end that it was judged by."""
    clock = begun(MANAGED)
    done = stopped(MANAGED, answer(clock, NOON + HOUR), clock, ENGLAND)

    assert extended(MANAGED, done, asked(NOON + 2 * HOUR), LATER, ENGLAND).due_at == DUE
    assert paused(MANAGED, done, asked(NOON + 2 * HOUR)).pause is None


@pytest.mark.parametrize(
    ("start", "halted", "went_on", "due"),
    [
        ("2026-11-09T10:00", "2026-11-10T10:00", "2026-11-12T10:00", "2026-11-18T17:00"),
        ("2026-11-09T10:00", "2026-11-10T10:00", "2026-11-10T16:00", "2026-11-16T17:00"),
        ("2026-11-09T10:00", "2026-11-10T18:00", "2026-11-11T09:00", "2026-11-16T17:00"),
        ("2026-11-09T10:00", "2026-11-16T10:00", "2026-11-18T10:00", "2026-11-18T17:00"),
        ("2026-11-09T10:00", "2026-11-13T18:00", "2026-11-15T12:00", "2026-11-16T17:00"),
        ("2026-12-22T10:00", "2026-12-24T10:00", "2026-12-29T10:00", "2027-01-04T17:00"),
        ("2026-12-22T10:00", "2026-12-24T18:00", "2026-12-28T10:00", "2026-12-31T17:00"),
        ("2026-03-26T10:00", "2026-03-27T10:00", "2026-04-07T10:00", "2026-04-13T17:00"),
    ],
)
def test_a_pause_costs_no_working_day_and_gives_none(
    start: str, halted: str, went_on: str, due: str
) -> None:
    """As many working days are left after a pause as before, over weekends and bank holidays."""
    five = rule(length=5, unit="working_days", extendable_by=["team_manager"])

    assert stood_still(five, start, halted, went_on).due_at == at(due)


@pytest.mark.parametrize(
    ("length", "unit", "halted", "went_on", "due"),
    [
        (48, "hours", "2026-03-28T12:00", "2026-03-29T12:00", "2026-03-30T12:00"),
        (48, "hours", "2026-03-28T12:00", "2026-03-28T13:00", "2026-03-29T14:00"),
        (7, "calendar_days", "2026-03-28T12:00", "2026-03-30T12:00", "2026-04-05T12:00"),
        (1, "weeks", "2026-03-28T12:00", "2026-03-28T18:00", "2026-04-03T18:00"),
        (1, "months", "2026-03-28T12:00", "2026-04-02T12:00", "2026-05-02T12:00"),
    ],
)
def test_a_pause_moves_every_other_length_by_its_own(
    length: int, unit: str, halted: str, went_on: str, due: str
) -> None:
    """Hours are moved to the second and calendar lengths by local time, over summer time too."""
    paused_rule = rule(length=length, unit=unit, extendable_by=["team_manager"])

    assert stood_still(paused_rule, "2026-03-27T12:00", halted, went_on).due_at == at(due)


@given(
    start=st.integers(0, 60 * 24 * 20),
    halted=st.integers(0, 60 * 24 * 4),
    still=st.integers(0, 60 * 24 * 30),
    days=st.integers(5, 45),
)
def test_no_pause_brings_an_end_nearer(start: int, halted: int, still: int, days: int) -> None:
    """However long it stands still, a clock is never due earlier for it, and lies on a worked day.

    Standing still for no time at all changes nothing.
    """
    some = rule(length=days, unit="working_days", extendable_by=["team_manager"])
    clock = begun(some, message(at=NOON + timedelta(minutes=start)))
    when = clock.started_at + timedelta(minutes=halted)
    held = paused(some, clock, asked(when))
    on = resumed(some, held, asked(when + timedelta(minutes=still)), ENGLAND)

    assert on.due_at >= clock.due_at
    assert ENGLAND.common.is_working_day(on.due_at.astimezone(ENGLAND.common.tz).date())
    assert resumed(some, held, asked(when), ENGLAND).due_at == clock.due_at


def test_an_end_on_a_closed_day_is_kept_where_no_working_day_is_lost() -> None:
    """A clock extended to a Saturday is due that Saturday though it was paused for an hour."""
    saturday = at("2026-11-21T12:00")
    clock = extended(MANAGED, begun(MANAGED), asked(NOON + HOUR), saturday, ENGLAND)
    held = paused(MANAGED, clock, asked(NOON + 2 * HOUR))

    assert resumed(MANAGED, held, asked(NOON + 3 * HOUR), ENGLAND).due_at == saturday


def test_a_paused_clock_is_not_missed() -> None:
    """While it stands still no time runs out; it is due only after it has gone on."""
    clock = paused(MANAGED, begun(MANAGED), asked(NOON + HOUR))

    assert state(clock, DUE + timedelta(days=60)) is ClockState.PAUSED
    assert clock.pause is not None
    assert clock.pause.by == MANAGER


def test_only_one_pause_at_a_time() -> None:
    """A second pause, and a resumption of what is not paused, change nothing."""
    clock = begun(MANAGED)
    twice = paused(MANAGED, paused(MANAGED, clock, asked(NOON + HOUR)), asked(NOON + 2 * HOUR))

    assert [one.effective for one in twice.pauses] == [True, False]
    assert resumed(MANAGED, clock, asked(NOON + HOUR), ENGLAND) is clock


def test_a_missed_clock_is_not_paused() -> None:
    """Nobody stops the time after it has run out."""
    late = paused(MANAGED, begun(MANAGED), asked(DUE + HOUR))

    assert state(late, DUE + 2 * HOUR) is ClockState.MISSED


def test_another_agency_sets_no_clock_going() -> None:
    """Only the agency that owes resumes its clock."""
    clock = paused(MANAGED, begun(MANAGED), asked(NOON + HOUR))
    theirs = asked(NOON + 2 * HOUR, f"{CARE}.manager")

    assert resumed(MANAGED, clock, theirs, ENGLAND) is clock


def test_what_is_answered_during_a_pause_is_met() -> None:
    """An answer ends the pause, so the time until it does not count."""
    clock = paused(MANAGED, begun(MANAGED), asked(NOON + HOUR))
    when = DUE + timedelta(days=10)
    done = stopped(MANAGED, answer(clock, when), clock, ENGLAND)

    assert state(done, when) is ClockState.MET
    assert done.pause is None
    assert done.due_at > when


def test_what_ends_during_a_pause_is_over() -> None:
    """A clock that stands still may end as any other."""
    clock = paused(MANAGED, begun(MANAGED), asked(NOON + HOUR))
    over = ended(MANAGED, clock, clock.message, DUE + HOUR, ENGLAND)

    assert state(over, DUE + HOUR) is ClockState.ENDED
