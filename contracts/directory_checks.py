"""What a directory must hold to before it is signed: stand-ins, desks, closures, guests.

A reader takes whatever the root signed, because one wrong entry must not stop a partnership; what
is wrong is refused where it can be put right, at signing. That somebody named has left is not
wrong: their own stand-in counts, and leaving must not be held up.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from contracts.closures import too_long
from contracts.directory import Agency, Cover, Directory, DirectoryDocument, Practitioner
from contracts.errors import HandrailError
from contracts.guests import guests_of
from contracts.identifiers import agency_of
from contracts.managers import is_alone

_FAULTS: Final = {
    "cover.unknown": (
        "nobody of that id has worked in the partnership, so nobody would cover",
        "name somebody who works in the same agency",
    ),
    "cover.other-agency": (
        "cover is by somebody of another agency",
        "name somebody of the same agency: a message never crosses to another agency by itself",
    ),
    "cover.oneself": ("nobody covers for themselves", "name another person of the same agency"),
    "cover.bad-times": (
        "cover ends before it begins",
        "give the first and the last day away, in this order",
    ),
    "cover.overlaps": (
        "two people cover for the same person at the same time",
        "end the one cover before the other begins",
    ),
    "cover.circle": (
        "people cover for one another in a circle, so all of them would be away",
        "have somebody cover who is there",
    ),
    "deputy.unknown": (
        "the deputy does not work in the same agency, or is the person themselves",
        "name another person of the same agency",
    ),
    "line-manager.unknown": (
        "the line manager does not work in the same agency",
        "name somebody of the same agency, or nobody: then the safeguarding lead acts",
    ),
    "duty-desk.other-agency": (
        "the duty desk is somebody of another agency",
        "name somebody of the agency itself",
    ),
    "safeguarding-lead.unknown": (
        "nobody of that id has worked in the partnership",
        "name a practitioner of the directory",
    ),
    "safeguarding-lead.other-agency": (
        "a safeguarding lead of another agency is for an agency with one practitioner alone",
        "name somebody of the agency itself before a second practitioner joins",
    ),
    "key.held-twice": (
        "a guest brings a key that somebody else in the directory holds",
        "ask both whose key it is, and have whoever holds it wrongly named with a key of their own",
    ),
    "gateway.shared": (
        "a gateway connects for guests of one partnership and for somebody else",
        "name a gateway of its own: whoever runs a gateway reads what arrives for all behind it",
    ),
    "closure.always-open": (
        "an agency that is always open has closures",
        "say that it is not always open, or take its closures back",
    ),
    "closure.too-long": (
        "an agency is closed for over 400 days, with fewer open between: its clocks stand still",
        "give the first and the last day closed; an agency that has gone leaves the partnership",
    ),
    "closure.guest-too-long": (
        "a guest is closed for over 400 days, with fewer open between: its clocks stand still",
        "ask its partnership to put the closures right and to hand over its directory anew",
    ),
    "closure.bad-dates": (
        "the closures of an agency do not follow one another, or one ends before it begins",
        "give each closure its first and its last day, and let no two of them overlap",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with the entry of which practitioner, agency or gateway."""

    code: str
    entry: str

    @property
    def error(self) -> HandrailError:
        """Return the error to tell, with what to do now."""
        message, remedy = _FAULTS[self.code]
        return HandrailError(f"directory.{self.code}", f"{message} ({self.entry})", remedy)


def faults(document: DirectoryDocument, at: datetime) -> frozenset[Fault]:
    """Return what is wrong in a directory about to be signed at the instant `at`."""
    directory = Directory(document)
    found: set[Fault] = set()
    for person in document.practitioners:
        if directory.practitioner(person.id, at) is not None:
            found.update(Fault(code, person.id) for code in _of_person(directory, person, at))
    for agency in document.agencies:
        if directory.agency(agency.id, at) is not None:
            found.update(Fault(code, agency.id) for code in _of_agency(directory, agency, at))
    found.update(Fault("closure.guest-too-long", guest) for guest in _overlong(directory, at))
    found.update(Fault("key.held-twice", holder) for holder in _holding_anothers(document))
    found.update(Fault("gateway.shared", gateway) for gateway in _shared(document))
    return frozenset(found)


def _holding_anothers(document: DirectoryDocument) -> Iterator[str]:
    """Yield the guests' people, ended trusts' too, with a key that somebody before them holds."""
    held = dict.fromkeys(document.kids(), "")
    for trusted in document.trusted:
        for person in guests_of(trusted).practitioners:
            for key in person.keys:
                if held.setdefault(key.kid, person.id) != person.id:
                    yield person.id


def _overlong(directory: Directory, at: datetime) -> Iterator[str]:
    """Yield the guests that take part at the instant `at` and are closed for too long."""
    for trusted in directory.document.trusted:
        guests = guests_of(trusted).overlong
        yield from (one for one in guests if directory.agency(one, at) is not None)


def _shared(document: DirectoryDocument) -> Iterator[str]:
    """Yield the gateways that carry one partnership's guests and another's agencies, or ours."""
    carried = Counter({agency.gateway for agency in document.agencies})
    carried.update(trusted.gateway for trusted in document.trusted)
    guests = {trusted.gateway for trusted in document.trusted}
    yield from (gateway for gateway in guests if carried[gateway] > 1)


def _of_person(directory: Directory, person: Practitioner, at: datetime) -> Iterator[str]:
    agency = agency_of(person.id)
    deputy, manager = person.deputy, person.line_manager
    if deputy is not None and (deputy == person.id or not _known(directory, deputy, agency)):
        yield "deputy.unknown"
    if manager is not None and not _known(directory, manager, agency):
        yield "line-manager.unknown"
    for cover in person.cover:
        # What is over has been right once.
        if cover.until > at or cover.until <= cover.since:
            yield from _of_cover(directory, person, cover)
    if any(a.until > b.since for a, b in pairwise(sorted(person.cover, key=_since))):
        yield "cover.overlaps"


def _of_cover(directory: Directory, person: Practitioner, cover: Cover) -> Iterator[str]:
    if cover.until <= cover.since:
        yield "cover.bad-times"
    if cover.by == person.id:
        yield "cover.oneself"
    elif agency_of(cover.by) != agency_of(person.id):
        yield "cover.other-agency"
    elif cover.by not in directory.practitioners:
        yield "cover.unknown"
    elif _in_circle(directory, person, cover):
        yield "cover.circle"


def _in_circle(directory: Directory, person: Practitioner, cover: Cover) -> bool:
    """Tell whether cover comes back to the person at an instant at which a cover begins."""
    begins = {c.since for p in directory.people(agency_of(person.id), cover.since) for c in p.cover}
    return any(
        _comes_back(directory, person, at) for at in begins if cover.since <= at < cover.until
    )


def _comes_back(directory: Directory, person: Practitioner, at: datetime) -> bool:
    passed: set[str] = set()
    here = person.covered_by(at)
    while here is not None and here not in passed:
        if here == person.id:
            return True
        passed.add(here)
        held = directory.practitioners.get(here)
        here = held.covered_by(at) if held else None
    return False


def _of_agency(directory: Directory, agency: Agency, at: datetime) -> Iterator[str]:
    desk, lead = agency.duty_desk, agency.safeguarding_lead
    # The person may be added after the agency, so only the agency is asked.
    if desk is not None and agency_of(desk) != agency.id:
        yield "duty-desk.other-agency"
    if lead is not None and lead not in directory.practitioners:
        yield "safeguarding-lead.unknown"
    elif (
        lead is not None and agency_of(lead) != agency.id and not is_alone(directory, agency.id, at)
    ):
        yield "safeguarding-lead.other-agency"
    backwards = any(closure.last < closure.first for closure in agency.closures)
    if backwards or any(a.last >= b.first for a, b in pairwise(agency.closures)):
        yield "closure.bad-dates"
    if agency.always_open and agency.closures:
        yield "closure.always-open"
    if too_long(agency.closures):
        yield "closure.too-long"


def _known(directory: Directory, practitioner: str, agency: str) -> bool:
    """Tell whether somebody is, or was, of `agency`: who left is named until another is."""
    return agency_of(practitioner) == agency and practitioner in directory.practitioners


def _since(cover: Cover) -> datetime:
    return cover.since
