"""Whose working days count: each agency's own calendar beside the common one.

A school closes for six weeks and a front door never does; a statutory standard runs by the common
calendar all the same, which is the rule's to say (`ClockRule.calendar`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from contracts.directory import Agency
from contracts.errors import HandrailError
from contracts.worktime import Unit, WorkingCalendar


def calendar_for(common: WorkingCalendar, agency: Agency) -> WorkingCalendar:
    """Return the calendar of `agency`: the common one less its closures, or every day worked.

    An agency that is always open works on weekends, bank holidays and the common closing days.
    """
    if not agency.closures and not agency.always_open:
        return common
    spans = tuple((closure.first, closure.last) for closure in agency.closures)
    return replace(common, closures=spans, always_open=agency.always_open)


class Calendars:
    """The common calendar and, worked out once each, those of the agencies of a directory."""

    def __init__(
        self, common: WorkingCalendar, agencies: Mapping[str, Agency] | None = None
    ) -> None:
        """Take the common calendar and the agencies by id; an agency not among them has none."""
        self.common = common
        self._agencies = agencies or {}
        self._own: dict[str, WorkingCalendar] = {}

    def of(self, agency: str) -> WorkingCalendar:
        """Return the calendar of the agency with that id, the common one if it is not known."""
        if agency not in self._own:
            found = self._agencies.get(agency)
            self._own[agency] = calendar_for(self.common, found) if found else self.common
        return self._own[agency]

    def add(self, agency: str | None, start: datetime, length: int, unit: Unit) -> datetime:
        """Return when `length` of `unit` from `start` runs out at `agency`, None for the common.

        An agency that never opens again cannot put a standard off for ever: the common calendar
        holds then. Raises HandrailError as `WorkingCalendar.add` does.
        """
        if agency is not None:
            try:
                return self.of(agency).add(start, length, unit)
            except HandrailError:
                pass
        return self.common.add(start, length, unit)
