"""The notices of the tracker: their ids, to whom they go, and what they say.

That a standard was missed goes to the relevant manager (000 l.37) and to the one who owes, who is
asked for the reason; that it is about to be missed goes to the one who owes alone. Pure. Ids follow
from the clock, so that nobody is told twice however often the tables are built again.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.clocks import Clock
from contracts.consents import NoticeBasis
from contracts.directory import Directory
from contracts.event import TYPE_PREFIX, Data, Event, Recipient, Signer, source_of
from contracts.identifiers import agency_of
from contracts.kinds import Kind
from contracts.messages.notices import (
    LEAD_LEFT,
    MISSED,
    WARNED,
    LeadLeft,
    StandardMissed,
    StandardWarned,
)
from contracts.roles import Capacity
from contracts.values import Value

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
    return _id(f"{clock.child} {entry} {clock.id}")


def warning_id(clock: Clock, entry: int) -> str:
    """Return the message id of the warning about `clock`, likewise."""
    return _id(f"warned {clock.child} {entry} {clock.id}")


def left_id(child: str, practitioner: str, number: int) -> str:
    """Return the message id of the notice that the child's `number`th lead has left."""
    return _id(f"left {child} {number} {practitioner}")


def _id(said: str) -> str:
    digest = hashlib.sha256(said.encode("ascii")).digest()
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
    for one in directory.practitioners.values():
        if not _MANAGERS.isdisjoint(one.capacities):
            yield one.id


def responsible_for(
    directory: Directory, agency: str, practitioner: str | None, at: datetime
) -> str | None:
    """Return who at `agency` owes what a clock waits for, or None when there is nobody.

    The `practitioner` named, whoever covers for them at the instant `at`, or the duty desk.
    """
    if directory.agency(agency, at) is None:
        return None
    person = directory.practitioner(practitioner, at) if practitioner else None
    covers = [c.by for c in person.cover if c.since <= at < c.until] if person else []
    for candidate in (*covers, practitioner, directory.agencies[agency].duty_desk):
        if candidate and agency_of(candidate) == agency and directory.practitioner(candidate, at):
            return candidate
    return None


@dataclass(frozen=True, slots=True)
class Addressees:
    """Who hears of a missed clock: a manager, and at the agency that owes the one responsible."""

    manager: str
    responsible: str | None = None


def addressees(directory: Directory, clock: Clock, at: datetime) -> Addressees | None:
    """Return who hears of `clock` when it was missed, or None when there is no manager to tell."""
    manager = manager_for(directory, clock.told_agency, clock.told_practitioner, at)
    if manager is None:
        return None
    return Addressees(manager, responsible_for(directory, clock.agency, clock.practitioner, at))


def missed_notice(clock: Clock, entry: int, tracker: str, told: Addressees, now: datetime) -> Event:
    """Return the notice by which the service `tracker` tells of the missed `clock` at `now`.

    The manager comes first; who owes is asked for the reason by the same message.
    """
    missed = StandardMissed(
        clock=clock.rule, started_by=clock.message, due_at=clock.due_at, manager=told.manager
    )
    people = dict.fromkeys(filter(None, (told.manager, told.responsible)))
    recipients = tuple(Recipient(agency=agency_of(who), practitioner=who) for who in people)
    return _notice(MISSED, notice_id(clock, entry), clock.child, tracker, recipients, missed, now)


def warned_notice(clock: Clock, entry: int, tracker: str, who: str, now: datetime) -> Event:
    """Return the notice by which the service `tracker` warns `who` that `clock` is running out."""
    warned = StandardWarned(
        clock=clock.rule, started_by=clock.message, due_at=clock.due_at, practitioner=who
    )
    to = (Recipient(agency=agency_of(who), practitioner=who),)
    return _notice(WARNED, warning_id(clock, entry), clock.child, tracker, to, warned, now)


def left_notice(
    child: str, lead: str, number: int, tracker: str, manager: str, now: datetime
) -> Event:
    """Return the notice that tells `manager` that the child's `number`th lead has left."""
    said = LeadLeft(practitioner=lead)
    to = (Recipient(agency=agency_of(manager), practitioner=manager),)
    return _notice(LEAD_LEFT, left_id(child, lead, number), child, tracker, to, said, now)


def _notice(
    kind: Kind,
    message: str,
    child: str,
    tracker: str,
    to: tuple[Recipient, ...],
    content: Value,
    now: datetime,
) -> Event:
    return Event(
        id=message,
        source=source_of(tracker),
        type=f"{TYPE_PREFIX}{kind.name}",
        subject=child,
        time=now,
        data=Data(
            author=Signer(id=tracker, capacity=Capacity.SERVICE),
            recipients=to,
            basis=NoticeBasis(),
            content=content.model_dump(mode="json", exclude_none=True),
        ),
    )
