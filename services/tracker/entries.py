"""Ledger records as the tracker reads them: journey entries, quarantine, and refusals.

The ledger is the exchange's own; a record that cannot be read means damage or another version, so
nothing is guessed: it is refused and tried again until somebody has looked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.event import Event
from contracts.journey import Journey
from contracts.journey_json import load
from contracts.quarantine import Released, read_record
from contracts.reasons import Refusal
from contracts.records import Decision, Entry, Outcome, Quarantined, Receipt
from contracts.seal import Sealed, peek
from contracts.subjects import journey as journey_subject
from services.runtime.subscribing import Record

JOURNEYS: Final = "journey.>"
QUARANTINE: Final = "quarantine.>"
RECEIPTS: Final = "receipt.>"
FILTERS: Final = (JOURNEYS, QUARANTINE, RECEIPTS)

_ANSWERS: Final = {
    "message.acknowledged": "acknowledged",
    "message.returned": "returned",
    "request.redirected": "redirected",
    "lead.accepted": "accepted",
    "lead.refused": "refused",
    "lead.withdrawn": "withdrawn",
    "agency-check.answered": "answered",
    "enquiry.answered": "answered",
    "task.done": "done",
}
_WITH_OUTCOME: Final = frozenset({"caf.contact-made", "disagreement.resolved"})

# How a refusal reads inside a receipt, where the decision is text within JSON. It only spares the
# reading of receipts that say nothing new: what has these bytes is read as any record is.
_REFUSED_BYTES: Final = rb"\"outcome\":\"refused\""


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted message and the journey after it.

    `number` counts the entries of this journey from 1; `decided_at` is the decision's own instant,
    `stored_at` when the ledger took it; `compact` is the journey as the ledger holds it, `answered`
    are the numbers of the questions that the message answers, `asked_again` of those that a family
    had answered before; of its `statements`, `carried` were carried on from an earlier message.
    """

    number: int
    event: Event
    decided_at: datetime
    stored_at: datetime
    to: tuple[str, ...]
    journey: Journey
    compact: dict[str, Any]
    answered: tuple[int, ...] = ()
    asked_again: tuple[int, ...] = ()
    statements: int = 0
    carried: int = 0

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

        A decision's `outcome`, or that a person acknowledged, accepted, refused, returned it.
        """
        kind, outcome = self.event.kind, self.event.data.content.get("outcome")
        decides = kind.endswith(".decided") or kind in _WITH_OUTCOME
        if decides and isinstance(outcome, str):
            return outcome
        return _ANSWERS.get(self.event.kind)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A submission that could not be opened, and the agency in whose lane it lies."""

    agency: str
    record: Quarantined


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """A message that the exchange refused, as its receipt says."""

    decision: Decision


def read(record: Record) -> Step | SetAside | TurnedDown | None:
    """Return what a ledger record says; None for a receipt that says nothing new.

    The receipt of an accepted message repeats its journey entry, and that of bytes which could not
    be opened repeats quarantine. Raises `HandrailError` `entry.unreadable` for anything that the
    exchange does not write.
    """
    try:
        if record.subject.startswith("receipt."):
            return _turned_down(record) if _REFUSED_BYTES in record.data else None
        if record.subject.startswith("quarantine."):
            return _set_aside(record)
        return _step(record)
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError):
        raise _unreadable() from None


def _set_aside(record: Record) -> SetAside | None:
    """Return what was set aside; None for a release, which the exchange tells of itself."""
    agency = ".".join(record.subject.split(".")[1:3])
    said = read_record(record.data)
    if said is None:
        raise _unreadable()
    return None if isinstance(said, Released) else SetAside(agency, said)


def _turned_down(record: Record) -> TurnedDown | None:
    receipt = Receipt.model_validate_json(record.data)
    decision = Decision.model_validate_json(receipt.decision)
    known = decision.message is not None and decision.kind
    return TurnedDown(decision) if known and decision.outcome is Outcome.REFUSED else None


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
        answered=entry.answered,
        asked_again=entry.asked_again,
        statements=entry.statements,
        carried=entry.carried,
    )


def _unreadable() -> HandrailError:
    return HandrailError(
        "entry.unreadable",
        "a record of the ledger cannot be read by this version of the tracker",
        "run the version that the exchange runs; if it is the same, restore the ledger's backup",
    )
