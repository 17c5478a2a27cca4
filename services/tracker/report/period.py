"""Periods of a report: whole days of London, from the first midnight to the one after the last.

A quarter is of the calendar year: the first is January to March. Pure.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from contracts.errors import HandrailError
from contracts.worktime import LONDON

_MONTHS: Final = 3
_LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, as they are counted in London."""

    first: date
    last: date

    @property
    def begins(self) -> datetime:
        """Return the instant at which the first day begins, in UTC."""
        return _midnight(self.first)

    @property
    def ends(self) -> datetime:
        """Return the instant at which the day after the last begins, in UTC; no longer within."""
        return _midnight(self.last + timedelta(days=1))

    @property
    def label(self) -> str:
        """Return `2026-Q3` for a whole quarter, otherwise both days."""
        quarter = quarter_of(self.first)
        if quarter == self:
            return f"{self.first.year}-Q{(self.first.month - 1) // _MONTHS + 1}"
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    def holds(self, instant: datetime) -> bool:
        """Tell whether an aware instant lies within."""
        return self.begins <= instant < self.ends


def period(first: date, last: date) -> Period:
    """Return the days from `first` to `last`.

    Raises HandrailError `report.period` where they are in the wrong order or more than a year.
    """
    if not timedelta(0) <= last - first <= _LONGEST or last.year > date.max.year - 1:
        raise HandrailError(
            "report.period",
            "the first day lies after the last one, or the two are more than a year apart",
            "give the first day and the last, such as 2026-07-01 and 2026-09-30",
        )
    return Period(first, last)


def quarter_of(day: date) -> Period:
    """Return the quarter of the calendar year that `day` lies in."""
    first_month = day.month - (day.month - 1) % _MONTHS
    last_month = first_month + _MONTHS - 1
    last = date(day.year, last_month, monthrange(day.year, last_month)[1])
    return Period(date(day.year, first_month, 1), last)


def year_before(instant: datetime) -> datetime:
    """Return the same London time of day a year earlier, in UTC; of 29 February the 28th."""
    local = instant.astimezone(LONDON)
    day = min(local.day, monthrange(local.year - 1, local.month)[1])
    return local.replace(year=local.year - 1, day=day, fold=0).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
