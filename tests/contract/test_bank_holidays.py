"""Working days agree with the bank holidays that GOV.UK publishes, on every date 2019 to 2028."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from contracts.worktime import LONDON, Nation, WorkingCalendar

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "bank-holidays"
FRONTEND = FOLDER / "alphagov_frontend_bank-holidays.json"
PACKAGE = FOLDER / "govuk_bank_holidays_0.19_cached.json"
FIRST, LAST = date(2019, 1, 1), date(2028, 12, 31)
CLOSING = time(17)
DIVISIONS: dict[Nation, str] = {
    "ENG": "england-and-wales",
    "WLS": "england-and-wales",
    "SCT": "scotland",
    "NIR": "northern-ireland",
}

pytestmark = pytest.mark.skipif(
    not (FRONTEND.exists() and PACKAGE.exists()),
    reason="the bank holiday data of GOV.UK is not beside this checkout (shared/data)",
)


def from_frontend(division: str) -> frozenset[date]:
    """Read the source of the page www.gov.uk/bank-holidays; its dates are day/month/year."""
    document = json.loads(FRONTEND.read_text(encoding="utf-8"))
    years = document["divisions"][f"common.nations.{division}_slug"]
    texts = [day["date"] for year in years if year.isdigit() for day in years[year]]
    return frozenset(date(*map(int, reversed(text.split("/")))) for text in texts)


def from_package(division: str) -> frozenset[date]:
    """Read the copy of www.gov.uk/bank-holidays.json that a Ministry of Justice package keeps."""
    document = json.loads(PACKAGE.read_text(encoding="utf-8"))
    found = (date.fromisoformat(event["date"]) for event in document[division]["events"])
    return frozenset(day for day in found if FIRST <= day <= LAST)


def every_date() -> Iterator[date]:
    """Yield every date that both sources cover."""
    return map(date.fromordinal, range(FIRST.toordinal(), LAST.toordinal() + 1))


def walked(start: datetime, days: int, closed: frozenset[date]) -> datetime:
    """Work out a deadline the slow way: walk on day by day and count the days worked."""

    def worked(day: date) -> bool:
        return day.isoweekday() <= 5 and day not in closed

    day = start.date() + timedelta(days=int(start.time() > CLOSING))
    while not worked(day):
        day += timedelta(days=1)
    for _ in range(days):
        day += timedelta(days=1)
        while not worked(day):
            day += timedelta(days=1)
    return datetime.combine(day, CLOSING, LONDON)


@pytest.mark.parametrize(
    ("division", "announced_later"),
    [
        ("england-and-wales", set()),
        ("northern-ireland", set()),
        ("scotland", {date(2026, 6, 15)}),
    ],
)
def test_the_two_sources_agree(division: str, announced_later: set[date]) -> None:
    """Ten years of both sources are the same but for one Scottish day announced in between."""
    found = from_frontend(division)

    assert found - from_package(division) == announced_later
    assert from_package(division) <= found
    assert {day.year for day in found} == set(range(FIRST.year, LAST.year + 1))


@pytest.mark.parametrize("nation", DIVISIONS)
def test_every_date_is_worked_or_not_as_published(nation: Nation) -> None:
    """A date is a working day exactly when it is a weekday that GOV.UK does not list."""
    calendar = WorkingCalendar(nation=nation)
    closed = from_frontend(DIVISIONS[nation])
    differing = [
        day
        for day in every_date()
        if calendar.is_working_day(day) != (day.weekday() < 5 and day not in closed)
    ]

    assert differing == []


def test_an_older_list_is_put_right_by_the_operator() -> None:
    """A day announced after a list was drawn up changes deadlines as soon as it is entered."""
    announced = date(2026, 6, 15)
    start = datetime(2026, 6, 12, 12, tzinfo=LONDON)
    unaware = WorkingCalendar(nation="SCT", extra_working_days=frozenset({announced}))
    told = WorkingCalendar(extra_closing_days=frozenset({announced}))

    assert unaware.add_working_days(start, 1) == datetime(2026, 6, 15, 17, tzinfo=LONDON)
    assert told.add_working_days(start, 1) == datetime(2026, 6, 16, 17, tzinfo=LONDON)


@pytest.mark.parametrize("at", [time(0), time(16, 59), CLOSING, time(17, 1), time(23, 59)])
@pytest.mark.parametrize("days", [1, 3, 5, 7, 15, 45])
def test_every_deadline_equals_the_one_walked_day_by_day(days: int, at: time) -> None:
    """From every date, any standard of the guidance ends where counting on a calendar ends."""
    calendar = WorkingCalendar()
    closed = from_frontend("england-and-wales")
    starts = [datetime.combine(day, at, LONDON) for day in every_date()]
    wanted = [(start, walked(start, days, closed)) for start in starts]
    judged = [(start, due) for start, due in wanted if due.date() <= LAST]
    differing = [
        start
        for start, due in judged
        if calendar.add_working_days(start.astimezone(UTC), days) != due
    ]

    assert differing == []
    assert len(judged) > len(starts) - 100
