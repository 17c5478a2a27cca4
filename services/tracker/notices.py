"""The notice that a standard was missed: its id, and who is told (000 l.37: the relevant manager).

Pure. The id follows from the clock, so that nobody is told twice however often the tracker's
tables are built again.
"""

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from contracts.clocks import Clock
from contracts.consents import NoticeBasis
from contracts.directory import Directory
from contracts.event import TYPE_PREFIX, Data, Event, Recipient, Signer, source_of
from contracts.identifiers import agency_of
from contracts.messages.notices import MISSED, StandardMissed
from contracts.roles import Capacity

_LENGTH: Final = 26
_MANAGERS: Final = frozenset({Capacity.TEAM_MANAGER, Capacity.LINE_MANAGER})
# References are written in Crockford's base32, which has no letters to be misread.
_TO_CROCKFORD: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)


def notice_id(clock: Clock, entry: int) -> str:
    """Return the message id of the notice about `clock`, started by that entry of its journey.

    The child and the entry count, because two agencies may have chosen one message id.
    """
    digest = hashlib.sha256(f"{clock.child} {entry} {clock.id}".encode("ascii")).digest()
    return base64.b32encode(digest).decode("ascii")[:_LENGTH].translate(_TO_CROCKFORD)


def manager_for(
    directory: Directory, agency: str, practitioner: str | None, at: datetime
) -> str | None:
    """Return who at `agency` is told of a clock missed there, or None when there is nobody.

    In this order: the line manager of the `practitioner` addressed, that of the person at the duty
    desk, that person, and any team manager or line manager of the agency; only people who work
    there at the instant `at`.
    """
    if directory.agency(agency, at) is None:
        return None
    for candidate in _candidates(directory, agency, practitioner):
        if agency_of(candidate) == agency and directory.practitioner(candidate, at) is not None:
            return candidate
    return None


def _candidates(directory: Directory, agency: str, practitioner: str | None) -> Iterator[str]:
    desk = directory.agencies[agency].duty_desk
    for person in (practitioner, desk):
        found = directory.practitioners.get(person) if person else None
        if found is not None and found.line_manager is not None:
            yield found.line_manager
    if desk is not None:
        yield desk
    for one in directory.document.practitioners:
        if not _MANAGERS.isdisjoint(one.capacities):
            yield one.id


def missed_notice(clock: Clock, entry: int, tracker: str, manager: str, now: datetime) -> Event:
    """Return the notice by which the service `tracker` tells `manager` of `clock` at `now`."""
    missed = StandardMissed(
        clock=clock.rule, started_by=clock.message, due_at=clock.due_at, manager=manager
    )
    return Event(
        id=notice_id(clock, entry),
        source=source_of(tracker),
        type=f"{TYPE_PREFIX}{MISSED.name}",
        subject=clock.child,
        time=now,
        data=Data(
            author=Signer(id=tracker, capacity=Capacity.SERVICE),
            recipients=(Recipient(agency=clock.agency, practitioner=manager),),
            basis=NoticeBasis(),
            content=missed.model_dump(mode="json"),
        ),
    )
