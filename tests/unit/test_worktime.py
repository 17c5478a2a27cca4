"""Working time: deadlines fall where the guidance says, to the second, in every unit."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import HandrailError
from contracts.worktime import LONDON, MAX_LENGTH, Unit, WorkingCalendar, add_hours

ENGLAND = WorkingCalendar()
INSTANTS = st.datetimes(
    min_value=datetime(1995, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2060, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def london(text: str) -> datetime:
    """Return the instant of a local time in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-11-13T16:59", 1, "2026-11-16T17:00"),
        ("2026-11-13T17:00", 1, "2026-11-16T17:00"),
        ("2026-11-13T17:00:00.000001", 1, "2026-11-17T17:00"),
        ("2026-11-13T17:01", 1, "2026-11-17T17:00"),
        ("2026-11-14T03:00", 1, "2026-11-17T17:00"),
        ("2026-11-15T23:59", 1, "2026-11-17T17:00"),
        ("2026-11-16T00:00", 1, "2026-11-17T17:00"),
        ("2026-12-24T16:00", 1, "2026-12-29T17:00"),
        ("2026-12-24T18:00", 1, "2026-12-30T17:00"),
        ("2026-12-31T12:00", 1, "2027-01-04T17:00"),
        ("2026-11-16T09:00", 5, "2026-11-23T17:00"),
        ("2026-03-27T12:00", 1, "2026-03-30T17:00"),
    ],
    ids=str,
)
def test_working_days_end_at_closing_time(start: str, days: int, due: str) -> None:
    """A length in working days ends at 17:00 local time on the nth working day after its start."""
    assert ENGLAND.add_working_days(london(start), days) == london(due)


def test_closing_time_follows_summer_time() -> None:
    """17:00 in London is 16:00 UTC in summer and 17:00 UTC in winter."""
    before_change = ENGLAND.add_working_days(london("2026-03-26T12:00"), 1)
    after_change = ENGLAND.add_working_days(london("2026-03-27T12:00"), 1)

    assert before_change == datetime(2026, 3, 27, 17, tzinfo=UTC)
    assert after_change == datetime(2026, 3, 30, 16, tzinfo=UTC)


@given(start=INSTANTS, days=st.integers(1, 300))
def test_a_deadline_is_closing_time_of_a_working_day(start: datetime, days: int) -> None:
    """Every deadline in working days comes after its start, at closing time of a worked day."""
    due = ENGLAND.add_working_days(start, days)

    assert due > start
    assert due.tzinfo is UTC
    assert due.astimezone(LONDON).time() == time(17)
    assert ENGLAND.is_working_day(due.astimezone(LONDON).date())


@given(start=INSTANTS, days=st.integers(1, 60))
def test_one_more_working_day_is_the_next_working_day(start: datetime, days: int) -> None:
    """Between the deadlines of n and n+1 working days lies no other working day."""
    earlier = ENGLAND.add_working_days(start, days).astimezone(LONDON).date()
    later = ENGLAND.add_working_days(start, days + 1).astimezone(LONDON).date()

    between = [earlier + timedelta(days=n) for n in range(1, (later - earlier).days)]
    assert earlier < later
    assert not any(map(ENGLAND.is_working_day, between))


@given(first=INSTANTS, second=INSTANTS, days=st.integers(1, 60))
def test_a_later_start_never_has_an_earlier_deadline(
    first: datetime, second: datetime, days: int
) -> None:
    """Deadlines keep the order of their starts."""
    start, later = sorted((first, second))

    assert ENGLAND.add_working_days(start, days) <= ENGLAND.add_working_days(later, days)


@given(start=INSTANTS, days=st.integers(1, 60), zone=st.sampled_from(["Asia/Tokyo", "UTC"]))
def test_the_zone_an_instant_is_written_in_does_not_matter(
    start: datetime, days: int, zone: str
) -> None:
    """The same instant in another zone has the same deadline."""
    elsewhere = start.astimezone(ZoneInfo(zone))

    assert ENGLAND.add_working_days(elsewhere, days) == ENGLAND.add_working_days(start, days)


def test_an_operator_can_close_and_open_days() -> None:
    """An extra closing day is skipped and a moved bank holiday is worked, without a release."""
    moved = WorkingCalendar(
        extra_closing_days=frozenset({date(2026, 5, 8)}),
        extra_working_days=frozenset({date(2026, 5, 4)}),
    )

    assert not ENGLAND.is_working_day(date(2026, 5, 4))
    assert moved.is_working_day(date(2026, 5, 4))
    assert not moved.is_working_day(date(2026, 5, 8))
    assert moved.add_working_days(london("2026-05-07T12:00"), 1) == london("2026-05-11T17:00")


def test_closing_time_and_nation_are_configuration() -> None:
    """An office that closes at 18:30, or in Scotland, has its own deadlines."""
    late = WorkingCalendar(closing_time=time(18, 30))
    scotland = WorkingCalendar(nation="SCT")

    assert late.add_working_days(london("2026-11-13T18:00"), 1) == london("2026-11-16T18:30")
    assert scotland.add_working_days(london("2026-08-28T12:00"), 1) == london("2026-08-31T17:00")
    assert ENGLAND.add_working_days(london("2026-08-28T12:00"), 1) == london("2026-09-01T17:00")


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-28T12:00:00+00:00", "2026-03-29T12:00:00+00:00"),
        ("2026-10-24T12:00:00+01:00", "2026-10-25T11:00:00+00:00"),
        ("2026-12-24T18:00:00+00:00", "2026-12-25T18:00:00+00:00"),
    ],
)
def test_hours_are_elapsed_time(start: str, due: str) -> None:
    """24 hours run through bank holidays and changes of the clocks in absolute time."""
    assert add_hours(datetime.fromisoformat(start), 24) == datetime.fromisoformat(due)


@given(start=INSTANTS, hours=st.integers(1, MAX_LENGTH))
def test_no_hour_is_lost_or_gained(start: datetime, hours: int) -> None:
    """The difference of deadline and start is exactly the hours asked for."""
    local = start.astimezone(LONDON)

    assert ENGLAND.add(local, hours, Unit.HOURS).astimezone(UTC) - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("start", "length", "unit", "due"),
    [
        ("2025-11-30T10:00", 3, Unit.MONTHS, "2026-02-28T10:00"),
        ("2027-11-30T10:00", 3, Unit.MONTHS, "2028-02-29T10:00"),
        ("2026-12-15T10:00", 1, Unit.MONTHS, "2027-01-15T10:00"),
        ("2026-08-31T10:00", 6, Unit.MONTHS, "2027-02-28T10:00"),
        ("2026-03-27T10:00", 7, Unit.CALENDAR_DAYS, "2026-04-03T10:00"),
        ("2026-03-27T10:00", 4, Unit.WEEKS, "2026-04-24T10:00"),
        ("2026-03-28T01:30", 1, Unit.CALENDAR_DAYS, "2026-03-29T02:30"),
    ],
)
def test_calendar_lengths_keep_the_local_time(
    start: str, length: int, unit: Unit, due: str
) -> None:
    """Days, weeks and months end at the same local time; a shorter month ends on its last day."""
    assert ENGLAND.add(london(start), length, unit) == london(due)


@pytest.mark.parametrize("unit", list(Unit))
def test_every_unit_moves_forward(unit: Unit) -> None:
    """A longer length of any unit ends later, up to the longest that is allowed."""
    start = london("2026-11-13T12:00")
    longest = 1_000 if unit is Unit.WORKING_DAYS else MAX_LENGTH
    ends = [ENGLAND.add(start, length, unit) for length in (1, 2, 900, longest)]

    assert start < ends[0]
    assert all(earlier < later for earlier, later in pairwise(ends))


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize(
    ("start", "length", "code"),
    [
        (datetime(2026, 11, 13, 12), 1, "time.naive"),  # noqa: DTZ001  the fault under test
        (london("2026-11-13T12:00"), 0, "time.bad-length"),
        (london("2026-11-13T12:00"), -1, "time.bad-length"),
        (london("2026-11-13T12:00"), MAX_LENGTH + 1, "time.bad-length"),
        (datetime.max.replace(tzinfo=UTC), 1, "time.out-of-range"),
        (datetime.min.replace(tzinfo=UTC), 1, "time.out-of-range"),
    ],
)
def test_what_cannot_be_worked_out_is_refused(
    start: datetime, length: int, code: str, unit: Unit
) -> None:
    """A start without zone, a length out of bounds or a year without holidays has its own code."""
    with pytest.raises(HandrailError) as caught:
        ENGLAND.add(start, length, unit)

    assert caught.value.code == code


def test_a_deadline_past_the_known_bank_holidays_is_refused() -> None:
    """Working days never run on into years whose bank holidays nobody has listed."""
    with pytest.raises(HandrailError) as caught:
        ENGLAND.add_working_days(datetime(2099, 6, 1, tzinfo=UTC), 5_000)

    assert caught.value.code == "time.out-of-range"


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "extra_closing_days": frozenset({date(2026, 5, 4)}),
            "extra_working_days": frozenset({date(2026, 5, 4)}),
        },
        {"closing_time": time(17, tzinfo=UTC)},
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    """A day both closed and worked, or a closing time with a zone of its own, is a mistake."""
    with pytest.raises(HandrailError) as caught:
        WorkingCalendar(**wrong)  # type: ignore[arg-type]

    assert caught.value.code == "time.bad-calendar"
