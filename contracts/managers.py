"""Who may act as somebody's line manager: the manager, who stands in, or a safeguarding lead.

003 §2.3 asks for "the Line Manager of the relevant agency", who is never the sender. Somebody
without a line manager, such as the only doctor of a surgery, has the safeguarding lead whom the
partnership names for the agency instead.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from contracts.identifiers import agency_of

if TYPE_CHECKING:
    from contracts.directory import Directory


def line_managers(directory: "Directory", practitioner: str, at: datetime) -> frozenset[str]:
    """Return who may act as line manager of a practitioner at the instant `at`, as ids (003 §2.3).

    The line manager, that manager's deputy and whoever covers the manager then, all of the
    practitioner's own agency; where there is no such manager, the agency's safeguarding lead and
    who stands in for that person. Never the practitioner. Empty for somebody who has left.
    """
    person = directory.practitioner(practitioner, at)
    if person is None:
        return frozenset()
    manager = person.line_manager
    if manager is not None and manager != practitioner:
        acting = frozenset(_acting(directory, manager, agency_of(practitioner), at))
        if acting:
            return acting - {practitioner}
    return frozenset(_safeguarding(directory, practitioner, at)) - {practitioner}


def is_alone(directory: "Directory", agency: str, at: datetime) -> bool:
    """Tell whether at most one practitioner works in `agency` at the instant `at`."""
    return len(directory.people(agency, at)) <= 1


def _safeguarding(directory: "Directory", practitioner: str, at: datetime) -> Iterator[str]:
    """Yield the safeguarding lead; one of another agency counts for a single-handed agency only."""
    own = agency_of(practitioner)
    agency = directory.agency(own, at)
    lead = agency.safeguarding_lead if agency else None
    if lead is None or lead == practitioner:
        return
    if agency_of(lead) == own or is_alone(directory, own, at):
        yield from _acting(directory, lead, agency_of(lead), at)


def _acting(directory: "Directory", manager: str, agency: str, at: datetime) -> Iterator[str]:
    """Yield the manager and who stands in; nobody where the manager is not of `agency` or left."""
    found = directory.practitioner(manager, at)
    if found is None or agency_of(manager) != agency:
        return
    yield manager
    for other in (found.deputy, found.covered_by(at)):
        if (
            other is not None
            and agency_of(other) == agency
            and directory.practitioner(other, at) is not None
        ):
            yield other
