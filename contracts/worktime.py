"""Working time: what "within one working day" or "24 hours" means, to the second.

*n working days* lasts until closing time (17:00 unless configured) on the nth working day after the
start; a start after closing time or on a closed day counts from the next working day. In England:

    start Friday 16:59, 1 working day   due Monday 17:00
    start Friday 17:00 exactly          due Monday 17:00 (the office is still open at 17:00:00)
    start Friday 17:01                  counts as Monday's, due Tuesday 17:00
    start Saturday, any time            counts as Monday's, due Tuesday 17:00

Hours are elapsed time and run through nights, weekends and changes of the clocks. Days, weeks and
months of the calendar end at the same local time of day. Every instant returned is UTC.

Bank holidays come from the `holidays` package; what it cannot know yet (a one-off holiday, a moved
one, an office that closes) is the operator's own data.
"""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Literal
from zoneinfo import ZoneInfo

import holidays

from contracts.errors import HandrailError

Nation = Literal["ENG", "WLS", "SCT", "NIR"]

LONDON: Final = ZoneInfo("Europe/London")
CLOSING_TIME: Final = time(17)
MAX_LENGTH: Final = 10_000
"""The longest length of a clock in any unit; it keeps every sum inside what a date can hold."""
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2099
"""Years a start may lie in; `holidays` lists no British bank holiday after 2100."""
_SATURDAY: Final = 5
_DAYS_A_WEEK: Final = 7
_MONTHS_A_YEAR: Final = 12


class Unit(StrEnum):
    """The unit a clock counts in."""

    WORKING_DAYS = "working_days"
    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    WEEKS = "weeks"
    MONTHS = "months"
    DAY_ENDS = "day_ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """Say which days are worked and when a length of time that starts now runs out.

    `closing_time` is local and naive; `extra_closing_days` are closed although the nation works,
    `extra_working_days` are worked although weekend or bank holiday (a holiday that was moved).
    `closures` are spans of closed days, first and last included; `always_open` works every day.
    Raises HandrailError `time.bad-calendar` when the two overlap or `closing_time` has a zone.
    """

    closing_time: time = CLOSING_TIME
    extra_closing_days: frozenset[date] = frozenset()
    extra_working_days: frozenset[date] = frozenset()
    closures: tuple[tuple[date, date], ...] = ()
    always_open: bool = False
    nation: Nation = "ENG"
    tz: ZoneInfo = LONDON
    _years: dict[int, tuple[date, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse operator data that contradicts itself."""
        if self.extra_closing_days & self.extra_working_days:
            raise HandrailError(
                "time.bad-calendar",
                "a day is listed both as an extra closing day and as an extra working day",
                "remove the day from one of the two lists",
            )
        if self.closing_time.tzinfo is not None:
            raise HandrailError(
                "time.bad-calendar",
                "the closing time has a time zone of its own",
                "give the closing time as local time, such as 17:00; the calendar has the zone",
            )

    def is_working_day(self, day: date) -> bool:
        """Tell whether `day` (local date, 1900 to 2100) is worked.

        Raises HandrailError `time.out-of-range` for a year whose bank holidays are unknown.
        """
        days = self._working_days(day.year)
        place = bisect_left(days, day)
        return place < len(days) and days[place] == day

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """Return closing time of the `days`th working day after `start`, as the module defines it.

        `start` is an aware instant, the result UTC. Raises HandrailError `time.naive`,
        `time.bad-length` (below 1 or above `MAX_LENGTH`) or `time.out-of-range`.
        """
        _check_length(days)
        worked = self._worked_after(self._first_day(start), days)
        return datetime.combine(worked, self.closing_time, self.tz).astimezone(UTC)

    def add_calendar_days(self, start: datetime, days: int) -> datetime:
        """Return the same local time of day, `days` days later, as UTC.

        A local time that the change to summer time skips is read as if it had not changed yet.
        Raises HandrailError as `add_working_days` does.
        """
        _check_length(days)
        return self._days_later(start, days)

    def add_day_ends(self, start: datetime, days: int) -> datetime:
        """Return the midnight that ends the `days`th day, the day of `start` included, as UTC.

        "The same day" is one day end. Raises HandrailError as `add_working_days` does.
        """
        _check_length(days)
        day = _checked(start).astimezone(self.tz).date() + timedelta(days=days)
        return datetime.combine(day, time.min, self.tz).astimezone(UTC)

    def add_months(self, start: datetime, months: int) -> datetime:
        """Return the same local time on the same day of the month, `months` months later, as UTC.

        Where that month is shorter its last day is taken: 30 November and 3 months is the 28th or
        29th of February. Raises HandrailError as `add_working_days` does.
        """
        _check_length(months)
        return self._months_later(_checked(start).astimezone(self.tz), months)

    def _months_later(self, local: datetime, months: int) -> datetime:
        years, month = divmod(local.month - 1 + months, _MONTHS_A_YEAR)
        year = local.year + years
        day = min(local.day, monthrange(year, month + 1)[1])
        return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)

    def move(self, due: datetime, since: datetime, until: datetime, unit: Unit) -> datetime:
        """Return when a length of `unit` due at `due` runs out if it stood still in between.

        `since` and `until` (aware) are when it was halted and went on; the result is UTC. Of
        working days as many are left afterwards as were left before, and the local time of day
        stays; of hours the same time is left to the second, of calendar lengths by local time.
        Raises HandrailError `time.naive` or `time.out-of-range`.
        """
        halted, went_on = _checked(since), _checked(until)
        if unit is Unit.HOURS:
            return due.astimezone(UTC) + (went_on - halted)
        local = _checked(due).astimezone(self.tz)
        if unit is Unit.WORKING_DAYS:
            lost = self._worked_between(self._first_day(halted), self._first_day(went_on))
            if not lost:
                return due.astimezone(UTC)
            day = self._worked_after(local.date(), lost)
            return datetime.combine(day, local.time(), self.tz).astimezone(UTC)
        stood = went_on.astimezone(self.tz).replace(tzinfo=None) - halted.astimezone(
            self.tz
        ).replace(tzinfo=None)
        return (local.replace(fold=0) + stood).astimezone(UTC)

    def before(self, due: datetime, length: int, unit: Unit) -> datetime:
        """Return the instant `length` of `unit` before `due` (aware), as UTC.

        Working days and calendar lengths keep the local time of day; a month that is too short
        gives its last day. Raises HandrailError as `add_working_days` does.
        """
        _check_length(length)
        local = _checked(due).astimezone(self.tz).replace(fold=0)
        match unit:
            case Unit.HOURS:
                return due.astimezone(UTC) - timedelta(hours=length)
            case Unit.WORKING_DAYS:
                day = self._worked_before(local.date(), length)
                return datetime.combine(day, local.time(), self.tz).astimezone(UTC)
            case Unit.MONTHS:
                return self._months_later(local, -length)
            case _:
                days = length * (_DAYS_A_WEEK if unit is Unit.WEEKS else 1)
                return (local - timedelta(days=days)).astimezone(UTC)

    def add(self, start: datetime, length: int, unit: Unit) -> datetime:
        """Return when `length` of `unit` that starts at `start` (aware) runs out, as UTC.

        Raises HandrailError as `add_working_days` does.
        """
        match unit:
            case Unit.WORKING_DAYS:
                return self.add_working_days(start, length)
            case Unit.HOURS:
                return add_hours(start, length)
            case Unit.CALENDAR_DAYS:
                return self.add_calendar_days(start, length)
            case Unit.WEEKS:
                _check_length(length)
                return self._days_later(start, _DAYS_A_WEEK * length)
            case Unit.MONTHS:
                return self.add_months(start, length)
            case Unit.DAY_ENDS:
                return self.add_day_ends(start, length)

    def _days_later(self, start: datetime, days: int) -> datetime:
        local = _checked(start).astimezone(self.tz)
        return (local + timedelta(days=days)).astimezone(UTC)

    def _first_day(self, start: datetime) -> date:
        """Return the local day that `start` counts to: the next one after closing time."""
        local = _checked(start).astimezone(self.tz)
        first = local.date()
        return first + timedelta(days=1) if local.time() > self.closing_time else first

    def _worked_after(self, day: date, days: int) -> date:
        """Return the `days`th day worked after `day`, which counts as the next one if closed."""
        year = day.year
        worked = self._working_days(year)
        place = bisect_left(worked, day) + days
        while place >= len(worked):
            place -= len(worked)
            year += 1
            worked = self._working_days(year)
        return worked[place]

    def _worked_before(self, day: date, days: int) -> date:
        year = day.year
        place = bisect_left(self._working_days(year), day) - days
        while place < 0:
            year -= 1
            place += len(self._working_days(year))
        return self._working_days(year)[place]

    def _worked_between(self, first: date, last: date) -> int:
        """Return how many days are worked from `first` to before `last`, 0 if that is earlier."""
        if last <= first:
            return 0
        whole = sum(len(self._working_days(year)) for year in range(first.year, last.year))
        ends = bisect_left(self._working_days(last.year), last)
        return whole + ends - bisect_left(self._working_days(first.year), first)

    def _working_days(self, year: int) -> tuple[date, ...]:
        """Return the days worked in `year`, in order; worked out once per calendar and year."""
        if year not in self._years:
            self._years[year] = self._work_out(year)
        return self._years[year]

    def _work_out(self, year: int) -> tuple[date, ...]:
        if not FIRST_YEAR <= year <= LAST_YEAR + 1:
            raise _out_of_range()
        ordinals = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
        days = map(date.fromordinal, ordinals)
        if self.always_open:
            return tuple(days)
        bank_holidays = holidays.country_holidays("GB", subdiv=self.nation, years=year)
        closed = bank_holidays.keys() | self.extra_closing_days
        return tuple(
            day
            for day in days
            if not self._in_closure(day)
            and (
                day in self.extra_working_days or (day.weekday() < _SATURDAY and day not in closed)
            )
        )

    def _in_closure(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.closures)


def add_hours(start: datetime, hours: int) -> datetime:
    """Return `start` (aware) and `hours` of elapsed time, as UTC.

    Nights, weekends and changes of the clocks count in full. Raises HandrailError `time.naive`,
    `time.bad-length` or `time.out-of-range`.
    """
    _check_length(hours)
    return _checked(start).astimezone(UTC) + timedelta(hours=hours)


def _checked(start: datetime) -> datetime:
    if start.utcoffset() is None:
        raise HandrailError(
            "time.naive", "an instant has no time zone", "give the instant in UTC, such as ...Z"
        )
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise _out_of_range()
    return start


def _check_length(length: int) -> None:
    if not 1 <= length <= MAX_LENGTH:
        raise HandrailError(
            "time.bad-length",
            f"a length of time is not a whole number from 1 to {MAX_LENGTH}",
            "correct the length of the clock in its rule pack",
        )


def _out_of_range() -> HandrailError:
    return HandrailError(
        "time.out-of-range",
        f"an instant lies outside the years {FIRST_YEAR} to {LAST_YEAR}",
        "check the date and the clock of the machine that wrote it",
    )
