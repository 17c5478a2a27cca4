"""Ledger records as the tracker reads them: journey entries and quarantine records.

The ledger is the exchange's own; a record that cannot be read means damage or another version, so
nothing is guessed: it is refused and tried again until somebody has looked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.event import Event
from contracts.journey import Journey, load
from contracts.reasons import Refusal
from contracts.records import Decision, Entry, Quarantined
from contracts.seal import Sealed, peek
from contracts.subjects import journey as journey_subject
from services.runtime.subscribing import Record

JOURNEYS: Final = "journey.>"
QUARANTINE: Final = "quarantine.>"
FILTERS: Final = (JOURNEYS, QUARANTINE)

_ANSWERS: Final = {
    "message.acknowledged": "acknowledged",
    "lead.accepted": "accepted",
    "lead.refused": "refused",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted message and the journey after it.

    `number` counts the entries of this journey from 1; `decided_at` is the decision's own instant,
    `stored_at` when the ledger took it; `compact` is the journey as the ledger holds it.
    """

    number: int
    event: Event
    decided_at: datetime
    stored_at: datetime
    to: tuple[str, ...]
    journey: Journey
    compact: dict[str, Any]

    @property
    def child(self) -> str:
        """Return the child's reference."""
        return self.event.subject

    @property
    def replayed(self) -> bool:
        """Tell whether the message is history told afterwards."""
        return self.event.data.history is not None

    @property
    def answer(self) -> str | None:
        """Return what the message makes of the one it answers, or None when it decides nothing.

        A decision's `outcome`, or that a person acknowledged, accepted or refused.
        """
        outcome = self.event.data.content.get("outcome")
        if self.event.kind.endswith(".decided") and isinstance(outcome, str):
            return outcome
        return _ANSWERS.get(self.event.kind)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A submission that could not be opened, and the agency in whose lane it lies."""

    agency: str
    record: Quarantined


def read(record: Record) -> Step | SetAside:
    """Return what a ledger record says.

    Raises `HandrailError` `entry.unreadable` for anything that the exchange does not write.
    """
    try:
        if record.subject.startswith("quarantine."):
            return _set_aside(record)
        return _step(record)
    except (ValidationError, KeyError, TypeError, ValueError):
        raise _unreadable() from None


def _set_aside(record: Record) -> SetAside:
    agency = ".".join(record.subject.split(".")[1:3])
    return SetAside(agency, Quarantined.model_validate_json(record.data))


def _step(record: Record) -> Step:
    entry = Entry.model_validate_json(record.data)
    decision = Decision.model_validate_json(entry.decision)
    journey = load(entry.journey)
    event = peek(Sealed(entry.seal))
    if isinstance(event, Refusal) or record.subject != journey_subject(event.subject):
        raise _unreadable()
    return Step(
        number=journey.entries,
        event=event,
        decided_at=decision.now,
        stored_at=record.stored_at,
        to=tuple(told.agency for told in decision.to),
        journey=journey,
        compact=entry.journey,
    )


def _unreadable() -> HandrailError:
    return HandrailError(
        "entry.unreadable",
        "a record of the ledger cannot be read by this version of the tracker",
        "run the version that the exchange runs; if it is the same, restore the ledger's backup",
    )
