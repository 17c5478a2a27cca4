"""One line of an agency's inbox: what is known about a delivery without any statement."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.directory import Directory
from contracts.event import Event, Recipient
from contracts.kinds import iso
from contracts.messages.corrections import WITHDRAWN
from contracts.messages.notices import LEAD_LEFT, MISSED, PROTECTION_FAILED, WARNED

ALERTS: Final = frozenset(
    {MISSED.name, WARNED.name, LEAD_LEFT.name, PROTECTION_FAILED.name, WITHDRAWN.name}
)


class State(StrEnum):
    """How far a person has taken a delivery; it only moves on, in this order."""

    DELIVERED = "delivered"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"

    def before(self) -> tuple["State", ...]:
        """Return the states from which a delivery may move to this one."""
        return tuple(State)[: list(State).index(self)]


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery as it is listed.

    `received` is when the ledger stored it, RFC 3339 in UTC; `person` is whom it is meant for, an
    alert's named manager or duty desk, "" where nobody is named; `history` starts no clock and
    notifies nobody. `to` is how the message is addressed to this agency: to people, to roles, or
    to the duty desk where it is empty.
    """

    message: str
    kind: str
    child: str
    sender: str
    received: str
    protection: bool
    alert: bool
    history: bool
    person: str = ""
    answers: str = ""
    state: State = State.DELIVERED
    to: tuple[Recipient, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the line as it is answered to the desk."""
        return {
            "message": self.message,
            "kind": self.kind,
            "child": self.child,
            "from": self.sender,
            "received": self.received,
            "protection": self.protection,
            "alert": self.alert,
            "history": self.history,
            "for": self.person or None,
            "answers": self.answers or None,
            "state": self.state.value,
        }


def item_of(
    event: Event, agency: str, directory: Directory, received: datetime, *, protection: bool
) -> Item:
    """Return the line of a verified `event` in the inbox of `agency`; `received` is an instant.

    An alert about bytes that nobody could open is none about a message of child protection: it does
    not stand before one.
    """
    history = event.data.history is not None
    unreadable = event.kind == PROTECTION_FAILED.name and "count" in event.data.content
    return Item(
        message=event.id,
        kind=event.kind,
        child=event.subject,
        sender=event.agency,
        received=iso(received),
        protection=protection and not unreadable,
        alert=event.kind in ALERTS and not history,
        history=history,
        person="" if history else _person(event, agency, directory),
        answers=event.data.answers or "",
        to=_addressed(event, agency),
    )


def _addressed(event: Event, agency: str) -> tuple[Recipient, ...]:
    if event.kind == MISSED.name:
        return (Recipient(agency=agency, practitioner=str(event.data.content["manager"])),)
    return tuple(dict.fromkeys(r for r in event.data.recipients if r.agency == agency))


def _person(event: Event, agency: str, directory: Directory) -> str:
    """Return for whom it is: named by the message, else for an alert the agency's duty desk."""
    if event.kind == MISSED.name:
        return str(event.data.content["manager"])
    named = [r.practitioner for r in event.data.recipients if r.agency == agency]
    found = next((person for person in named if person), None)
    if found is None and event.kind in ALERTS and agency in directory.agencies:
        found = directory.agencies[agency].duty_desk
    return found or ""
