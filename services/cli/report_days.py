"""The days that a report is asked for: a quarter of the calendar year, or a first and a last day.

A day is one of London, whatever the zone of the machine. Pure.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final

from contracts.errors import HandrailError
from contracts.worktime import LONDON

_QUARTER: Final = re.compile(r"((?:19|20)[0-9]{2})-Q([1-4])")
_MONTHS: Final = 3
_MONTHS_A_YEAR: Final = 12


def days_of(
    quarter: str | None, first: date | None, last: date | None, now: datetime
) -> tuple[date, date]:
    """Return the first day and the last one of a report.

    `quarter` is such as `2026-Q3`, the third being July to September; without any it is the last
    one that was over at `now` (aware). Raises HandrailError `report.period` for a quarter that is
    none, for one of the two days without the other, or for both ways at once.
    """
    if quarter is not None and first is None and last is None:
        found = _QUARTER.fullmatch(quarter)
        if found:
            return _quarter(int(found[1]), int(found[2]))
    elif quarter is None and first is not None and last is not None:
        return first, last
    elif quarter is None and first is None and last is None:
        today = now.astimezone(LONDON).date()
        over = today.replace(month=today.month - (today.month - 1) % _MONTHS, day=1)
        before = over - timedelta(days=1)
        return _quarter(before.year, (before.month - 1) // _MONTHS + 1)
    raise HandrailError(
        "report.period",
        "the days of the report are not clear",
        "give --quarter, such as 2026-Q3, or both --from and --to, such as 2026-07-01",
    )


def _quarter(year: int, number: int) -> tuple[date, date]:
    ends = _MONTHS * number
    begins_next = date(year + ends // _MONTHS_A_YEAR, ends % _MONTHS_A_YEAR + 1, 1)
    return date(year, ends - _MONTHS + 1, 1), begins_next - timedelta(days=1)
