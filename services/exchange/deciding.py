"""Deciding a group of submissions in order: pure but for the ledger's memory, which it advances."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.directory import Directory
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.subjects import receipt
from services.exchange.decision import Accepted, Refused, decide
from services.exchange.lanes import Arrived
from services.exchange.ledger import Ledger
from services.exchange.opening import IntakeKeys, Unopenable, open_submission


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same sealed bytes were decided before: the first receipt stands."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One submission and what was decided on it, at the instant `now`."""

    arrived: Arrived
    message: Opened | None
    verdict: Accepted | Refused | Unopenable | Repeated
    now: datetime


def open_all(
    arrived: Iterable[Arrived],
    directory: Directory,
    keys: IntakeKeys,
    set_aside: Container[tuple[str, int]] = (),
) -> list[tuple[Arrived, Opened | Unopenable]]:
    """Return each submission with its verified message, or why there is none.

    `set_aside` names those, by lane and sequence, that could not be decided or stored before.
    """
    failed = Unopenable((Refusal("exchange.failed"),))
    return [
        (a, failed if (a.lane, a.sequence) in set_aside else open_submission(a, directory, keys))
        for a in arrived
    ]


def decide_all(
    opened: Iterable[tuple[Arrived, Opened | Unopenable]], directory: Directory, ledger: Ledger
) -> list[Decided]:
    """Return the decisions in order; the ledger's memory stands for what is not yet committed.

    Every child's journey must have been loaded. Accepted journeys are held in memory at once, so
    that the next message about the same child is decided on top of them.
    """
    return [_decide(a, message, directory, ledger) for a, message in opened]


def _decide(
    arrived: Arrived, message: Opened | Unopenable, directory: Directory, ledger: Ledger
) -> Decided:
    if isinstance(message, Unopenable):
        return Decided(arrived, None, message, arrived.stored_at)
    subject = receipt(message.event.agency, message.event.id)
    before = ledger.decided(subject)
    if before is not None:
        return Decided(arrived, message, _again(before, message), arrived.stored_at)
    ledger.note_decided(subject, message.digest)
    held = ledger.journey(message.event.subject)
    now = arrived.stored_at
    if held.journey is not None:
        now = max(now, datetime.fromisoformat(held.journey.now))
    verdict = decide(message, directory, held.journey, now)
    if isinstance(verdict, Accepted):
        ledger.hold(message.event.subject, replace(held, journey=verdict.journey))
    return Decided(arrived, message, verdict, now)


def _again(sealed: str, message: Opened) -> Repeated | Unopenable:
    if sealed == message.digest:
        return Repeated()
    return Unopenable((Refusal("message.id-reused"),), message.digest)
