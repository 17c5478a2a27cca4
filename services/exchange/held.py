"""What is held now, as the ledger has it: read for wake-ups, for trimming and for sendings again.

Everything here is a belief, kept up by reading the ledger; the create-only receipt decides.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nats.js.errors import NotFoundError

from contracts.holding import HeldDone, HeldRecord, read_held, read_wake_up
from contracts.quarantine import read_order
from contracts.subjects import held, parse_submission, receipt, submit, submit_stream
from contracts.submission import digest_of_bytes
from services.exchange.deciding import NEVER, Decided, Holding
from services.exchange.decision import Accepted, Held
from services.exchange.lanes import Arrived, Woken
from services.exchange.ledger import Ledger, Stored
from services.exchange.releasing import ordered

ALL: Final = "held.>"
MOST_HELD: Final = 1000
"""Of one agency at a time: what it sends beyond that is refused at once, as without holding."""


@dataclass(slots=True)
class Open:
    """A message that is held; `seen` is how far its child's journey was looked at.

    `fresh` until it was looked at once; `asked_at` when it was last woken because its time was
    up, in seconds of the loop's clock.
    """

    child: str
    message: str
    sequence: int
    record: HeldRecord
    seen: int
    fresh: bool = True
    asked_at: float = float("-inf")


class Holds:
    """The open holdings, and what the worker and those beside it need to know of them."""

    def __init__(self, ledger: Ledger, exchange: str, length: timedelta = NEVER) -> None:
        """Read through `ledger`; wake-ups come in the lane of `exchange`, and `length` is a hold's.

        A `length` of zero holds nothing more; what is held already is still decided.
        """
        self.lane = submit_stream(exchange)
        self.rule = Holding(length, self._is_full, self._waits_for)
        self._ledger, self._exchange = ledger, exchange
        self._open: dict[str, Open] = {}
        self._settled: dict[str, HeldDone] = {}
        self._children: Counter[str] = Counter()
        self._agencies: Counter[str] = Counter()
        self._receipts: dict[str, str] = {}
        self._read = 0
        self._reading = asyncio.Lock()
        self._moved: set[str] = set()
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """Return how many messages are held."""
        return len(self._open)

    def open(self) -> list[Open]:
        """Return what is held, in the order in which it was."""
        return sorted(self._open.values(), key=lambda one: one.sequence)

    async def catch_up(self) -> None:
        """Read on; afterwards nothing is missing that the ledger's leader held at the start."""
        async with self._reading:
            while page := await self._ledger.page_of(ALL, self._read):
                for subject, stored in page:
                    self._take(subject, stored)
            while (one := await self._ledger.next_of(ALL, self._read)) is not None:
                self._take(*one)

    def learn(self, group: Iterable[Decided]) -> None:
        """Note what a committed group did to what is held; costs next to nothing otherwise."""
        for one in group:
            if isinstance(one.verdict, Held) or one.arrived.woken is not None:
                self._news.set()
            if self._children and one.message is not None and isinstance(one.verdict, Accepted):
                child = one.message.event.subject
                if child in self._children:
                    self._moved.add(child)
                    self._news.set()

    async def news(self, timeout_s: float) -> None:
        """Return when something was held, woken or accepted, or after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()

    def moved(self) -> set[str]:
        """Return the children about whom something was accepted since the last call."""
        moved, self._moved = self._moved, set()
        return moved

    async def awake(self, arrived: Sequence[Arrived]) -> list[Arrived]:
        """Return what arrived, each wake-up or order replaced by the submission it names."""
        return [await self._awake(one) if one.lane == self.lane else one for one in arrived]

    def oldest(self, positions: Mapping[str, int]) -> dict[str, int]:
        """Return the oldest submission of each lane that is still needed because it was held.

        `positions` say how far the story has stored the lanes. What it must read of a message that
        was held is there for certain once it has passed the wake-up.
        """
        stored = positions.get(self.lane, 0)
        passed = [s for s, done in self._settled.items() if done.woken <= stored]
        for subject in passed:
            del self._settled[subject]
        oldest: dict[str, int] = {}
        for one in self._needed():
            oldest[one.lane] = min(one.sequence, oldest.get(one.lane, one.sequence))
        return oldest

    def _needed(self) -> Iterator[HeldRecord | HeldDone]:
        yield from (one.record for one in self._open.values())
        yield from self._settled.values()

    def _is_full(self, agency: str) -> bool:
        return self._agencies[agency] >= MOST_HELD

    def _waits_for(self, receipt_subject: str) -> str | None:
        return self._receipts.get(receipt_subject)

    def _take(self, subject: str, stored: Stored) -> None:
        self._read = stored.sequence
        before = self._open.pop(subject, None)
        if before is not None:
            self._children[before.child] -= 1
            if not self._children[before.child]:
                del self._children[before.child]
            self._agencies[before.record.agency] -= 1
            self._receipts.pop(receipt(before.record.agency, before.message), None)
        record = read_held(stored.data)
        if isinstance(record, HeldDone):
            self._settled[subject] = record
        elif record is not None:
            _, child, message = subject.split(".")
            self._open[subject] = Open(child, message, stored.sequence, record, stored.sequence)
            self._children[child] += 1
            self._agencies[record.agency] += 1
            self._receipts[receipt(record.agency, message)] = record.sealed

    async def _awake(self, by: Arrived) -> Arrived:
        order = read_order(by.data)
        if order is not None:
            return await ordered(self._ledger, by, order)
        wake_up, address = read_wake_up(by.data), parse_submission(by.subject)
        if wake_up is None or address is None:
            return by
        child, message = address[1], wake_up.wake
        stored = await self._ledger.last(held(child, message))
        record = read_held(stored.data) if stored else None
        if not isinstance(record, HeldRecord):
            return Arrived(
                by.lane, by.sequence, by.subject, by.stored_at, by.data, Woken(by, child, message)
            )
        subject, data = submit(record.agency, child), b""
        try:
            found = await self._ledger.js.get_msg(record.lane, record.sequence)
            if digest_of_bytes(found.data or b"") == record.submission:
                subject, data = str(found.subject), found.data or b""
        except NotFoundError:
            pass
        woken = Woken(by, child, message, record)
        return Arrived(record.lane, record.sequence, subject, record.arrived_at, data, woken)
