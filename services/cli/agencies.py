"""Changing an agency's entry: when it is closed, who is at its duty desk, its safeguarding lead."""

from collections.abc import Callable
from datetime import date, datetime

from contracts.directory import Agency, Closure, Directory, DirectoryDocument
from contracts.errors import HandrailError
from services.cli.amending import amend, unknown
from services.cli.founding import entry
from services.runtime.partnership import Partnership


def close_days(
    partnership: Partnership, which: str, first: date, last: date, now: datetime
) -> Directory:
    """Close an agency from the day `first` through the day `last`, beside the common calendar.

    Raises HandrailError `agency.unknown`, `directory.closure.bad-dates` or as `amend` does.
    """

    def changed(agency: Agency) -> Agency:
        closures = sorted((*agency.closures, Closure(first=first, last=last)), key=_first)
        return _with(agency, closures=tuple(closures))

    return _amend_agency(partnership, which, changed, now)


def open_days(partnership: Partnership, which: str, first: date, now: datetime) -> Directory:
    """Take back the closure that begins on the day `first`.

    Raises HandrailError `agency.unknown`, `closure.unknown` or as `amend` does.
    """

    def changed(agency: Agency) -> Agency:
        kept = tuple(closure for closure in agency.closures if closure.first != first)
        if len(kept) == len(agency.closures):
            raise HandrailError(
                "closure.unknown",
                "no closure of that agency begins on that day",
                "see its closures with `handrail partnership agency list --json`",
            )
        return _with(agency, closures=kept)

    return _amend_agency(partnership, which, changed, now)


def change_agency(
    partnership: Partnership, which: str, changes: dict[str, object], now: datetime
) -> Directory:
    """Give other members to an agency's entry, such as `duty_desk`; None takes one away.

    Raises HandrailError `agency.unchanged` where nothing would change, `agency.unknown`,
    `practitioner.unknown` for somebody who does not work in the partnership now,
    `directory.bad-entry`, `directory.duty-desk.*`, `directory.safeguarding-lead.*`,
    `directory.closure.*` or as `amend` does.
    """
    named = [changes.get(place) for place in ("safeguarding_lead", "duty_desk")]

    def changed(agency: Agency) -> Agency:
        return _with(agency, **changes)

    must_work = tuple(str(one) for one in named if one)
    return _amend_agency(partnership, which, changed, now, must_work)


def _amend_agency(
    partnership: Partnership,
    which: str,
    changed: Callable[[Agency], Agency],
    now: datetime,
    must_work: tuple[str, ...] = (),
) -> Directory:
    def change(before: DirectoryDocument) -> dict[str, object]:
        for person in must_work:
            if Directory(before).practitioner(person, now) is None:
                raise unknown(person)
        if Directory(before).agency(which, now) is None:
            raise HandrailError(
                "agency.unknown",
                "the directory does not hold that agency, or it has left",
                "see the agencies with `handrail partnership agency list`",
            )
        after = tuple(changed(a) if a.id == which else a for a in before.agencies)
        if after == before.agencies:
            raise HandrailError(
                "agency.unchanged",
                "nothing about the agency would change, so nothing is signed",
                "say what is to change; see the agency with `handrail partnership agency list`",
            )
        return {"agencies": after}

    return amend(partnership, now, change)


def _with(agency: Agency, **changes: object) -> Agency:
    """Return the entry with other members, checked as a whole; raises `directory.bad-entry`."""
    return entry(Agency, **{**dict(agency), **changes})


def _first(closure: Closure) -> date:
    return closure.first
