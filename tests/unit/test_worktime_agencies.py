"""Each agency's own working days, and what lies before an end or after a standstill."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.calendars import Calendars, calendar_for
from contracts.directory import Agency, Closure
from contracts.errors import HandrailError
from contracts.roles import Role
from contracts.worktime import LONDON, Unit, WorkingCalendar
from tests.clocks import at, begun, message, rule

ENGLAND = WorkingCalendar()
SUMMER = Closure(first=date(2026, 7, 20), last=date(2026, 8, 31))
INSTANTS = st.datetimes(
    datetime(2019, 1, 1),  # noqa: DTZ001  Hypothesis adds the zone
    datetime(2028, 12, 31),  # noqa: DTZ001  as above
    timezones=st.just(UTC),
)


def agency(*closures: Closure, always_open: bool = False) -> Agency:
    """A school, or a front door that never closes."""
    return Agency(
        id="demo.hilltop-school",
        name="Hilltop",
        role=Role.UNIVERSAL,
        gateway="schools",
        closures=closures,
        always_open=always_open,
    )


def test_a_school_is_closed_for_six_weeks() -> None:
    """A day's notice on the last day of term is due on the second day of the next."""
    school = calendar_for(ENGLAND, agency(SUMMER))

    assert school.add_working_days(at("2026-07-17T10:00"), 1) == at("2026-09-01T17:00")
    assert school.add_working_days(at("2026-07-17T18:00"), 1) == at("2026-09-02T17:00")
    assert school.is_working_day(date(2026, 7, 17))
    assert not school.is_working_day(SUMMER.first)
    assert not school.is_working_day(SUMMER.last)


def test_a_front_door_never_closes() -> None:
    """Every day of the year is worked: weekends, bank holidays and common closing days too."""
    common = WorkingCalendar(extra_closing_days=frozenset({date(2026, 12, 24)}))
    door = calendar_for(common, agency(SUMMER, always_open=True))
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]

    assert all(map(door.is_working_day, year))
    assert door.add_working_days(at("2026-12-24T18:00"), 1) == at("2026-12-26T17:00")


def test_an_agency_without_closures_works_the_common_days() -> None:
    """An agency that says nothing, and one that nobody knows, have the common calendar itself."""
    calendars = Calendars(ENGLAND, {"demo.hilltop-school": agency()})

    assert calendars.of("demo.hilltop-school") is ENGLAND
    assert calendars.of("demo.nowhere") is ENGLAND


def test_what_the_operator_opens_stays_closed_where_the_agency_is() -> None:
    """A closure of its own goes before a moved bank holiday."""
    common = WorkingCalendar(extra_working_days=frozenset({date(2026, 8, 31)}))

    assert common.is_working_day(date(2026, 8, 31))
    assert not calendar_for(common, agency(SUMMER)).is_working_day(date(2026, 8, 31))


def test_a_clock_runs_by_the_days_of_who_owes_or_by_the_common_ones() -> None:
    """A standard waits for a closed school; a statutory one does not."""
    calendars = Calendars(ENGLAND, {"demo.hilltop-school": agency(SUMMER)})
    facts = message(at=at("2026-07-17T10:00"))
    own = begun(rule(against="sender"), facts, calendars)
    statutory = begun(rule(against="sender", calendar="common"), facts, calendars)
    others = begun(rule(), facts, calendars)

    assert own.due_at == at("2026-09-01T17:00")
    assert statutory.due_at == others.due_at == at("2026-07-20T17:00")


def test_an_agency_that_never_opens_again_puts_nothing_off() -> None:
    """Closures without an end cannot keep a standard from running out."""
    for_ever = Closure(first=date(1900, 1, 1), last=date(2199, 12, 31))
    calendars = Calendars(ENGLAND, {"demo.hilltop-school": agency(for_ever)})

    due = calendars.add("demo.hilltop-school", at("2026-11-13T12:00"), 1, Unit.WORKING_DAYS)

    assert due == at("2026-11-16T17:00")


@pytest.mark.parametrize(
    ("due", "length", "unit", "wanted"),
    [
        ("2026-11-16T17:00", 1, Unit.WORKING_DAYS, "2026-11-13T17:00"),
        ("2026-12-29T17:00", 2, Unit.WORKING_DAYS, "2026-12-23T17:00"),
        ("2027-01-04T17:00", 1, Unit.WORKING_DAYS, "2026-12-31T17:00"),
        ("2026-11-16T12:30", 1, Unit.WORKING_DAYS, "2026-11-13T12:30"),
        ("2026-03-29T12:00", 24, Unit.HOURS, "2026-03-28T11:00"),
        ("2026-03-30T12:00", 2, Unit.CALENDAR_DAYS, "2026-03-28T12:00"),
        ("2026-04-10T12:00", 2, Unit.WEEKS, "2026-03-27T12:00"),
        ("2027-03-31T12:00", 1, Unit.MONTHS, "2027-02-28T12:00"),
        ("2027-01-31T12:00", 1, Unit.MONTHS, "2026-12-31T12:00"),
    ],
)
def test_before_an_end_is_counted_as_after_a_start(
    due: str, length: int, unit: Unit, wanted: str
) -> None:
    """Counting back skips closed days, keeps the local time and takes a short month's last day."""
    assert ENGLAND.before(at(due), length, unit) == at(wanted)


@given(start=INSTANTS, days=st.integers(1, 60))
def test_counting_back_from_an_end_leads_to_the_day_it_counts_from(
    start: datetime, days: int
) -> None:
    """Forward by n working days and back by n is closing time of the day the start counts to."""
    back = ENGLAND.before(ENGLAND.add_working_days(start, days), days, Unit.WORKING_DAYS)
    local = back.astimezone(LONDON)

    assert local.time() == time(17)
    assert ENGLAND.is_working_day(local.date())
    assert ENGLAND.add_working_days(back, days) == ENGLAND.add_working_days(start, days)


@given(start=INSTANTS, days=st.integers(1, 60), still=st.integers(0, 60 * 24 * 40))
def test_a_standstill_from_the_start_is_a_later_start(
    start: datetime, days: int, still: int
) -> None:
    """A clock halted as it starts is due as if it had started when it went on."""
    due = ENGLAND.add_working_days(start, days)
    went_on = start + timedelta(minutes=still)

    assert ENGLAND.move(due, start, went_on, Unit.WORKING_DAYS) == ENGLAND.add_working_days(
        went_on, days
    )


@given(start=INSTANTS, still=st.integers(0, 60 * 24 * 400))
def test_no_second_of_a_standstill_is_lost(start: datetime, still: int) -> None:
    """Hours are moved by exactly the time that the clock stood still."""
    due, stood = start + timedelta(hours=24), timedelta(minutes=still)

    assert ENGLAND.move(due, start, start + stood, Unit.HOURS) == due + stood


@pytest.mark.parametrize("unit", list(Unit))
def test_an_instant_without_a_zone_is_refused(unit: Unit) -> None:
    """Neither counting back nor a standstill guesses a zone."""
    naive = datetime(2026, 11, 13, 12)  # noqa: DTZ001  the fault under test

    with pytest.raises(HandrailError, match=r"time\.naive"):
        ENGLAND.before(naive, 1, unit)
    with pytest.raises(HandrailError, match=r"time\.naive"):
        ENGLAND.move(at("2026-11-13T12:00"), naive, at("2026-11-13T12:00"), unit)
