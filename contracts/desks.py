"""Who at an agency sees a message: the person named, a role, the duty desk, and who stands in.

A message to a person is never lost because the person is away or has left: whoever covers, a
deputy, the line manager or the duty desk sees it then (003 principles: a prompt response, clear
responsibility). Nothing is hidden by it: an agency's desk lists all that the agency received. Who
must not learn of a referral sees nothing of it, and whoever acts in their place does instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from contracts.directory import Directory, Practitioner
from contracts.event import Recipient
from contracts.identifiers import agency_of
from contracts.roles import Capacity

MOST_HOPS: Final = 6
"""Stand-ins of stand-ins are followed this far."""


class Why(StrEnum):
    """Why somebody sees a message."""

    NAMED = "named"
    ROLE = "role"
    DUTY_DESK = "duty_desk"
    COVERING = "covering"
    STANDS_IN = "stands_in"
    HANDED_ON = "handed_on"
    ANYBODY = "anybody"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who sees a message and why; `of` is whom they cover, stand in for or were handed it by."""

    practitioner: str
    why: Why
    of: str = ""


@dataclass(frozen=True, slots=True)
class Handover:
    """That one practitioner handed on to another what is open about a child."""

    giver: str
    taker: str


@dataclass(frozen=True, slots=True)
class _Desk:
    """The agency whose people are looked for, and the instant."""

    directory: Directory
    agency: str
    at: datetime
    hidden: frozenset[str] = frozenset()

    def present(self, person: str) -> bool:
        """Tell whether a person works here now and may know."""
        here = self.directory.practitioner(person, self.at)
        return here is not None and person not in self.hidden

    def people(self) -> tuple[Practitioner, ...]:
        """Return those who work at the agency now and may know."""
        everybody = self.directory.people(self.agency, self.at)
        return tuple(one for one in everybody if one.id not in self.hidden)


def who_sees(directory: Directory, recipient: Recipient, at: datetime) -> tuple[str, ...]:
    """Return the ids of those who see a message to `recipient` at the instant `at`.

    The person named; else those with the capacity; else the duty desk. Where a person is away,
    whoever covers; where one has left, the deputy, else the line manager, else the duty desk.
    Empty only where nobody works in the agency.
    """
    return tuple(one.practitioner for one in seen_by(directory, recipient, at))


def seen_by(
    directory: Directory,
    recipient: Recipient,
    at: datetime,
    handed: Sequence[Handover] = (),
    hidden: frozenset[str] = frozenset(),
) -> tuple[Seen, ...]:
    """Return who sees a message and why, each once; `handed` are handovers, the oldest first.

    Handovers are those about the message's child; each passes on what its giver holds by then.
    From those `hidden` it is hidden, and somebody sees it in their place as if they had left.
    """
    desk = _Desk(directory, recipient.agency, at, hidden)
    found = tuple(_addressed(desk, recipient, handed)) or tuple(_others(desk, recipient))
    once: dict[str, Seen] = {}
    for one in found:
        once.setdefault(one.practitioner, one)
    return tuple(once.values())


def _addressed(desk: _Desk, recipient: Recipient, handed: Sequence[Handover]) -> Iterator[Seen]:
    people: tuple[str, ...]
    if recipient.practitioner is not None:
        people, why = (recipient.practitioner,), Why.NAMED
    elif recipient.capacity is not None:
        people, why = tuple(_with_capacity(desk, recipient.capacity)), Why.ROLE
    else:
        return
    for person in people:
        holder = _holder(person, handed)
        seen = _seen(desk, holder, Why.HANDED_ON, person) if holder != person else None
        seen = seen or _seen(desk, person, why)
        if seen is not None:
            yield seen


def _others(desk: _Desk, recipient: Recipient) -> Iterator[Seen]:
    """Yield the duty desk, or everybody there is where no duty desk can be found."""
    agency = desk.directory.agencies.get(desk.agency)
    duty = _seen(desk, agency.duty_desk, Why.DUTY_DESK) if agency and agency.duty_desk else None
    named = recipient.practitioner
    if duty is not None:
        gone = named in desk.directory.practitioners and agency_of(named or "") == desk.agency
        yield Seen(duty.practitioner, Why.STANDS_IN, named or "") if gone else duty
        return
    present = desk.people()
    here = [person for person in present if person.covered_by(desk.at) is None]
    for person in here or present:
        yield Seen(person.id, Why.ANYBODY)


def _with_capacity(desk: _Desk, capacity: str) -> Iterator[str]:
    present = desk.directory.people(desk.agency, desk.at)
    managers = {person.line_manager for person in present}
    for person in present:
        manages = capacity == Capacity.LINE_MANAGER and person.id in managers
        if manages or capacity in person.capacities:
            yield person.id


def _holder(person: str, handed: Sequence[Handover]) -> str:
    """Return who holds what was `person`'s, after the handovers in their order."""
    for handover in handed:
        if handover.giver == person:
            person = handover.taker
    return person


def _seen(desk: _Desk, person: str, why: Why, of: str = "") -> Seen | None:
    reached = _reached(desk, person, ())
    if reached is None or reached == person:
        return None if reached is None else Seen(person, why, of)
    return Seen(reached, Why.COVERING if desk.present(person) else Why.STANDS_IN, person)


def _reached(desk: _Desk, person: str, passed: tuple[str, ...]) -> str | None:
    """Return the person, or who acts instead; None for a stranger, a circle or too long a way."""
    held = desk.directory.practitioners.get(person)
    ours = held is not None and agency_of(person) == desk.agency
    if held is None or not ours or person in passed or len(passed) > MOST_HOPS:
        return None
    present = desk.present(person)
    for other in _instead(held, desk.at, present=present):
        found = _reached(desk, other, (*passed, person))
        if found is not None:
            return found
    return person if present else None


def _instead(person: Practitioner, at: datetime, *, present: bool) -> Iterator[str]:
    ways = (person.covered_by(at),) if present else (person.deputy, person.line_manager)
    return (way for way in ways if way is not None)
