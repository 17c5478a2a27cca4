"""Periods of a report in London, and its arithmetic on numbers worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import HandrailError
from services.tracker.report.numbers import drawn, hours, middle, ninetieth, share
from services.tracker.report.period import Period, period, quarter_of, year_before


def test_a_quarter_begins_and_ends_at_midnight_in_london() -> None:
    """The third quarter lies wholly in summer time, so in UTC it begins an hour earlier."""
    third = quarter_of(date(2026, 8, 15))

    assert (third.first, third.last, third.label) == (
        date(2026, 7, 1),
        date(2026, 9, 30),
        "2026-Q3",
    )
    assert third.begins == datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert third.ends == datetime(2026, 9, 30, 23, tzinfo=UTC)


def test_quarters_over_a_change_of_the_clocks_have_an_hour_more_or_less() -> None:
    """The first quarter loses the hour of March, the fourth gains that of October."""
    first, fourth = quarter_of(date(2026, 1, 1)), quarter_of(date(2026, 12, 31))

    assert first.ends - first.begins == timedelta(days=90, hours=-1)
    assert fourth.ends - fourth.begins == timedelta(days=92, hours=1)
    assert (fourth.first, fourth.last) == (date(2026, 10, 1), date(2026, 12, 31))


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_every_day_lies_in_exactly_one_quarter(day: date) -> None:
    """Quarters follow upon each other without a gap: noon is within, the next one begins after."""
    quarter = quarter_of(day)

    assert quarter.first <= day <= quarter.last
    assert quarter.holds(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    assert quarter_of(quarter.last + timedelta(days=1)).begins == quarter.ends


def test_the_first_instant_is_within_and_the_last_is_not() -> None:
    """A message at midnight belongs to the day that begins."""
    days = Period(date(2026, 3, 29), date(2026, 3, 29))

    assert days.holds(days.begins)
    assert not days.holds(days.ends)
    assert days.ends - days.begins == timedelta(hours=23)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 7, 2), date(2026, 7, 1)),
        (date(2026, 1, 1), date(2027, 1, 3)),
        (date(9999, 12, 1), date(9999, 12, 31)),
    ],
)
def test_days_in_the_wrong_order_or_too_many_are_refused(first: date, last: date) -> None:
    """A period that is none has one code and a remedy."""
    with pytest.raises(HandrailError, match=r"report\.period"):
        period(first, last)


def test_days_that_are_no_quarter_are_called_by_their_dates() -> None:
    """A label never claims a quarter that the days are not."""
    assert period(date(2026, 7, 1), date(2026, 9, 29)).label == "2026-07-01 to 2026-09-29"


def test_a_year_before_keeps_the_time_of_day_in_london() -> None:
    """Of 29 February it is the 28th; over summer time the local hour stays."""
    leap = datetime(2028, 2, 29, 9, tzinfo=UTC)
    summer = datetime(2026, 3, 28, 9, tzinfo=UTC)  # winter time then, summer time a year before?

    assert year_before(leap) == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert year_before(summer) == datetime(2025, 3, 28, 9, tzinfo=UTC)
    assert year_before(datetime(2026, 3, 30, 9, tzinfo=UTC)) == datetime(2025, 3, 30, 9, tzinfo=UTC)
    assert year_before(datetime(2026, 3, 29, 9, tzinfo=UTC)) == datetime(
        2025, 3, 29, 10, tzinfo=UTC
    )


def test_median_and_ninetieth_percentile_of_numbers_at_hand() -> None:
    """The median of an even number lies between; the percentile is one of the numbers."""
    ten = [9.0, 1, 2, 3, 4, 5, 6, 7, 8, 100]

    assert middle(ten) == 5.5
    assert ninetieth(ten) == 9
    assert ninetieth([*ten, 101.0]) == 100
    assert (middle([3.0]), ninetieth([3.0])) == (3, 3)
    assert (middle([]), ninetieth([])) == (None, None)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_nine_in_ten_do_not_exceed_the_ninetieth_percentile(lengths: list[float]) -> None:
    """At least nine in ten lie at or below it, and it is none smaller than it need be."""
    rounded = [round(length, 1) for length in lengths]
    found = ninetieth(rounded)

    assert found in rounded
    assert 10 * sum(1 for one in rounded if one <= found) >= 9 * len(rounded)
    assert 10 * sum(1 for one in rounded if one < found) < 9 * len(rounded)


def test_shares_and_hours() -> None:
    """A share of nothing is none; time never runs backwards."""
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)

    assert share(1, 3) == 33.3
    assert share(0, 0) is None
    assert hours(start, start + timedelta(minutes=90)) == 1.5
    assert hours(start, start - timedelta(hours=1)) == 0


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    """Whoever draws again by the printed seed finds the same, in whatever order children come."""
    children = [f"child-{number:012}" for number in range(500)]

    first = drawn(children, "2026-Q3", 10)

    assert first == drawn(reversed(children + children[:7]), "2026-Q3", 10)
    assert first == drawn(children, "2026-Q3", 20)[:10]
    assert first != drawn(children, "2026-Q4", 10)
    assert len(set(first)) == 10
    assert drawn(children[:3], "s", 10) == drawn(children[:3], "s", 3)
    assert drawn(children, "s", 0) == ()


def test_every_child_is_about_as_likely_to_be_drawn() -> None:
    """Over many seeds nobody is drawn always and nobody never."""
    children = [f"child-{number:012}" for number in range(20)]
    times = dict.fromkeys(children, 0)
    for seed in range(400):
        for child in drawn(children, str(seed), 5):
            times[child] += 1

    assert sum(times.values()) == 2000
    assert min(times.values()) > 60
    assert max(times.values()) < 140
