"""Working-time arithmetic: clock computations a second, against counting days on a calendar."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

from contracts.calendars import Calendars
from contracts.directory import Agency, Closure
from contracts.roles import Role
from contracts.worktime import LONDON, Unit, WorkingCalendar

_SCHOOL = "bench.school"
_STARTS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=417 * n) for n in range(4000)]
_WALKED = 400
_ROUNDS = 9
_DAYS = 15


@dataclass(frozen=True, slots=True)
class Rates:
    """Computations a second: lengths by unit, by an agency's own days, pauses, and the baseline."""

    working_days: float
    own_days: float
    hours: float
    calendar_days: float
    months: float
    pauses: float
    walked: float

    @property
    def least(self) -> float:
        """Return the slowest of ours."""
        return min(self.working_days, self.own_days, self.hours, self.months, self.pauses)


def measure() -> Rates:
    """Return the medians of several rounds in one thread, calendars worked out before."""
    common = WorkingCalendar()
    summers = range(2024, 2030)
    holidays = tuple(Closure(first=date(y, 7, 20), last=date(y, 8, 31)) for y in summers)
    school = Agency(
        id=_SCHOOL, name="School", role=Role.UNIVERSAL, gateway="schools", closures=holidays
    )
    calendars = Calendars(common, {_SCHOOL: school})
    day = timedelta(days=1)
    due = common.add_working_days(_STARTS[0], _DAYS)
    return Rates(
        working_days=_rate(lambda s: common.add(s, _DAYS, Unit.WORKING_DAYS)),
        own_days=_rate(lambda s: calendars.add(_SCHOOL, s, _DAYS, Unit.WORKING_DAYS)),
        hours=_rate(lambda s: common.add(s, 24, Unit.HOURS)),
        calendar_days=_rate(lambda s: common.add(s, 7, Unit.CALENDAR_DAYS)),
        months=_rate(lambda s: common.add(s, 3, Unit.MONTHS)),
        pauses=_rate(lambda s: common.move(due, s, s + day, Unit.WORKING_DAYS)),
        walked=_rate(lambda s: _walk(common, s), _STARTS[:_WALKED]),
    )


def _walk(calendar: WorkingCalendar, start: datetime) -> datetime:
    """Count the days one by one: what a deadline costs without an index of the days worked."""
    day = start.astimezone(LONDON).date()
    left = _DAYS
    while left:
        day += timedelta(days=1)
        left -= calendar.is_working_day(day)
    return datetime.combine(day, calendar.closing_time, LONDON).astimezone(UTC)


def _rate(work: Callable[[datetime], object], starts: list[datetime] = _STARTS) -> float:
    for start in starts:
        work(start)
    rates: list[float] = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for start in starts:
            work(start)
        rates.append(len(starts) / (time.perf_counter() - began))
    return median(rates)


def report() -> Rates:
    """Measure, print and return the rates."""
    rates = measure()
    print(
        f"working time: {rates.working_days:,.0f} clock computations/s in working days "
        f"({rates.own_days:,.0f} by an agency's own), {rates.least:,.0f}/s at the slowest; "
        f"{rates.working_days / rates.walked:.1f} times counting day by day"
    )
    return rates


if __name__ == "__main__":
    report()
