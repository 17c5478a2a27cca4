"""Dates of birth as systems write them: with names of months, short years, swapped day and month.

A day and a month that could be either way round are swapped only where the calendar leaves one
reading, or where the caller says in which order the system writes. RFC 3339 dates are the standard.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from contracts.normalise.base import Normalised, Sure, one_of, unreadable


class Order(StrEnum):
    """Say in which order a system writes day and month."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_SHORTEST: Final = 3
_ISO: Final = re.compile(r"([0-9]{4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{1,2})")
_PACKED: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMBERS: Final = re.compile(r"([0-9]{1,2})[-/. ]+([0-9]{1,2})[-/. ]+([0-9]{4}|[0-9]{2})")
_DAY_NAMED: Final = re.compile(
    r"([0-9]{1,2})(?:st|nd|rd|th)?(?: of)?[-/. ]*([a-z]+)[-/., ]*([0-9]{4}|[0-9]{2})"
)
_NAMED_DAY: Final = re.compile(
    r"([a-z]+)[-/. ]*([0-9]{1,2})(?:st|nd|rd|th)?[-/., ]+([0-9]{4}|[0-9]{2})"
)
_CLOCK: Final = re.compile(r"[t ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]+)?))?(z|[+-]00:00)?$")
_NO_DATES: Final = frozenset({date(1900, 1, 1), date(1899, 12, 30), date(1753, 1, 1)})
"""What databases and sheets write for an empty date."""

_EARLIEST: Final = date(1800, 1, 1)
_LATEST: Final = date(2199, 12, 31)

Parts = tuple[int, int, int]


def birth_date(
    text: str,
    *,
    order: Order | None = None,
    not_before: date | None = None,
    not_after: date | None = None,
) -> Normalised[date]:
    """Return the date in `text`, within `not_before` (else 1800) and `not_after` (else 2199).

    For an unborn child give a `not_after` that lets the expected date through. A year of two
    digits counts in every century that the bounds allow. An instant of the evening in UTC may be
    a midnight of British summer, so it has two readings.
    """
    written = " ".join(text.casefold().split())
    dated, spilt = _without_clock(written)
    first, second = _readings(dated, order)
    bounds = (not_before or _EARLIEST, not_after or _LATEST)
    for parts, sure in ((first, Sure.CONVERTED), (second, Sure.REPAIRED)):
        days = _days(parts, bounds)
        if spilt:
            days = tuple(d for day in days for d in (day, day + timedelta(days=1)))
        if days:
            found = one_of(days, text, sure)
            exact = found.value is not None and found.value.isoformat() == text
            return Normalised(found.value, text, Sure.EXACT) if exact else found
    return unreadable(text)


def _without_clock(written: str) -> tuple[str, bool]:
    """Return the date before a time of day, and whether that time is late in the evening of UTC."""
    found = _CLOCK.search(written)
    if found is None:
        return written, False
    hour, minute, second, zone = found.groups()
    midnight = int(hour) == int(minute) == 0 and float(second or 0) == 0
    late = int(hour) >= 23 and zone is not None  # noqa: PLR2004 - an hour of summer time
    return (written[: found.start()], late) if midnight or late else ("", False)


def _readings(dated: str, order: Order | None) -> tuple[tuple[Parts, ...], tuple[Parts, ...]]:
    """Return what `dated` says in year, month, day, and what it says with day and month swapped."""
    for form in (_ISO, _PACKED):
        if found := form.fullmatch(dated):
            year, month, day = map(int, found.groups())
            return ((year, month, day),), ((year, day, month),)
    if found := _NUMBERS.fullmatch(dated):
        return _either_way(found.groups(), order)
    if found := _DAY_NAMED.fullmatch(dated):
        return tuple(_named(found[2], found[1], found[3])), ()
    if found := _NAMED_DAY.fullmatch(dated):
        return tuple(_named(found[1], found[2], found[3])), ()
    return (), ()


def _either_way(
    groups: tuple[str, ...], order: Order | None
) -> tuple[tuple[Parts, ...], tuple[Parts, ...]]:
    one, other = int(groups[0]), int(groups[1])
    years = _years(groups[2])
    day_first = tuple((year, other, one) for year in years)
    month_first = tuple((year, one, other) for year in years)
    if order is None:
        return (*day_first, *month_first), ()
    return (day_first, month_first) if order is Order.DAY_FIRST else (month_first, day_first)


def _named(month: str, day: str, year: str) -> Iterator[Parts]:
    if len(month) < _SHORTEST:
        return
    for place, full in enumerate(_MONTHS, start=1):
        if full.startswith(month):
            yield from ((one, place, int(day)) for one in _years(year))


def _years(written: str) -> tuple[int, ...]:
    year = int(written)
    return (year,) if len(written) > 2 else (2000 + year, 1900 + year)  # noqa: PLR2004


def _days(readings: tuple[Parts, ...], bounds: tuple[date, date]) -> tuple[date, ...]:
    """Return the readings that the calendar and the bounds allow."""
    found = []
    for year, month, day in readings:
        try:
            made = date(year, month, day)
        except ValueError:
            continue
        if bounds[0] <= made <= bounds[1] and made not in _NO_DATES:
            found.append(made)
    return tuple(found)
