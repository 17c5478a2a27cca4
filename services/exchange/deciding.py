"""Deciding a group of submissions in order: pure but for the ledger's memory, which it advances."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contracts.directory import Directory
from contracts.holding import HeldRecord
from contracts.kinds import Opened
from contracts.messages.linking import other_child
from contracts.reasons import Refusal
from contracts.rules.in_force import in_force
from contracts.subjects import receipt
from services.exchange.decision import Accepted, Held, Refused, Verdict, decide
from services.exchange.lanes import Arrived, Woken
from services.exchange.ledger import Ledger
from services.exchange.opening import (
    OUR_FAULT,
    IntakeKeys,
    Unopenable,
    failed_before,
    open_submission,
    to_quarantine,
)

NEVER = timedelta(0)
"""How long messages are held where none is held at all."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same sealed bytes were decided before: the first receipt stands."""


Found = Opened | Unopenable | Repeated
"""What a submission turned out to be: a message, none, or a wake-up with nothing left to decide."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One submission and what was decided on it, at the instant `now`."""

    arrived: Arrived
    message: Opened | None
    verdict: Verdict | Unopenable | Repeated
    now: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """How long evidence out of order is held, and whose further messages are not.

    `full` tells of an agency whether as many of its messages are held as may be; `waiting` gives
    the sealed digest that is held for a receipt.
    """

    length: timedelta = NEVER
    full: Callable[[str], bool] = lambda _agency: False
    waiting: Callable[[str], str | None] = lambda _receipt: None

    def until(self, agency: str, now: datetime) -> datetime | None:
        """Return until when a message of `agency` may be held at most, None for not at all."""
        return None if self.length <= NEVER or self.full(agency) else now + self.length


def open_all(
    arrived: Iterable[Arrived],
    directory: Directory,
    keys: IntakeKeys,
    set_aside: Container[tuple[str, int]] = (),
) -> list[tuple[Arrived, Found]]:
    """Return each submission with its verified message, or why there is none.

    `set_aside` names those, by lane and sequence, that could not be decided or stored before.
    """
    return [(a, _opened(a, directory, keys, set_aside)) for a in arrived]


def _opened(
    arrived: Arrived,
    directory: Directory,
    keys: IntakeKeys,
    set_aside: Container[tuple[str, int]],
) -> Found:
    taken = arrived.taken
    if (taken.lane, taken.sequence) in set_aside:
        return failed_before(arrived, directory)
    if arrived.woken is not None:
        if arrived.woken.released is not None:
            return open_submission(arrived, directory, keys) if arrived.data else Repeated()
        if arrived.woken.held is None:
            return Repeated()
        if not arrived.data:  # no longer in its lane: what is gone cannot be decided
            return Unopenable((Refusal(OUR_FAULT),), arrived.woken.held.sealed)
    return open_submission(arrived, directory, keys)


def decide_all(
    opened: Iterable[tuple[Arrived, Found]],
    directory: Directory,
    ledger: Ledger,
    holding: Holding | None = None,
    *,
    story_up: bool = False,
) -> list[Decided]:
    """Return the decisions in order; the ledger's memory stands for what is not yet committed.

    Every child's journey must have been loaded. Accepted journeys are held in memory at once, so
    that the next message about the same child is decided on top of them. Without `holding`
    nothing is held. `story_up` tells that the story service answers.
    """
    by = _By(directory, ledger, holding or Holding(), story_up)
    return [_decide(a, found, by) for a, found in opened]


@dataclass(frozen=True, slots=True)
class _By:
    """What a group is decided by."""

    directory: Directory
    ledger: Ledger
    holding: Holding
    story_up: bool


def _decide(arrived: Arrived, found: Found, by: _By) -> Decided:
    ledger, holding = by.ledger, by.holding
    woken, at = arrived.woken, arrived.taken.stored_at
    if woken is not None and woken.held is not None:
        return _decide_again(arrived, found, by, woken, woken.held)
    if isinstance(found, Unopenable | Repeated):
        return Decided(arrived, None, found, at)
    subject = receipt(found.event.agency, found.event.id)
    before = ledger.decided(subject)
    if before is None:
        before = ledger.waiting(subject) or holding.waiting(subject)
    if before is not None:
        return Decided(arrived, found, _again(before, found.digest, found), at)
    now = _now(found, ledger, at)
    # What is released is never held: whoever released it waits for the answer.
    until = holding.until(found.event.agency, now) if woken is None else None
    return _judged(arrived, found, by, now, until)


def _decide_again(
    arrived: Arrived,
    found: Found,
    by: _By,
    woken: Woken,
    held: HeldRecord,
) -> Decided:
    """Decide a held submission at the instant of its wake-up; a receipt that is there stands.

    While its child's journey cannot be read it stays held, and is quarantined beside that: it has
    no final receipt.
    """
    ledger, at = by.ledger, woken.by.stored_at
    subject = receipt(held.agency, woken.message)
    message = found if isinstance(found, Opened) else None
    before = ledger.decided(subject)
    if before is not None:
        return Decided(arrived, message, _again(before, held.sealed, message), at)
    if isinstance(found, Opened):
        return _judged(arrived, found, by, _now(found, ledger, at), held.until)
    if isinstance(found, Unopenable) and found.damaged:
        return Decided(arrived, None, found, at)
    ledger.note_decided(subject, held.sealed)
    if isinstance(found, Repeated):
        return Decided(arrived, None, Refused(()), at)
    return Decided(arrived, None, Refused(found.reasons, found.protection), at)


def _judged(
    arrived: Arrived,
    message: Opened,
    by: _By,
    now: datetime,
    until: datetime | None,
) -> Decided:
    event, ledger = message.event, by.ledger
    known, beside = ledger.journey(event.subject), other_child(message)
    verdict = decide(
        message,
        by.directory,
        known.journey,
        now,
        in_force(by.directory, arrived.stored_at),
        hold_until=until,
        story_up=by.story_up,
        other=ledger.journey(beside).journey if beside else None,
        submitted=arrived.stored_at,
    )
    subject = receipt(event.agency, event.id)
    if isinstance(verdict, Held):
        ledger.note_waiting(subject, message.digest)
        return Decided(arrived, message, verdict, now)
    ledger.note_decided(subject, message.digest)
    if isinstance(verdict, Accepted):
        ledger.hold(event.subject, replace(known, journey=verdict.journey))
    return Decided(arrived, message, verdict, now)


def _now(message: Opened, ledger: Ledger, at: datetime) -> datetime:
    """Return the instant of a decision: `at`, or the journey's own where that is later."""
    journey = ledger.journey(message.event.subject).journey
    return at if journey is None else max(at, datetime.fromisoformat(journey.now))


def _again(before: str, sealed: str, message: Opened | None) -> Repeated | Unopenable:
    if before == sealed:
        return Repeated()
    reasons = (Refusal("message.id-reused"),)
    return Unopenable(reasons, sealed) if message is None else to_quarantine(message, reasons)
