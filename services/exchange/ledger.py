"""The ledger as a worker sees it: reads that decide, the guards it knows, and the journeys."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.journey_json import load
from contracts.records import entry_hash
from contracts.subjects import LEDGER
from contracts.subjects import journey as journey_subject
from services.runtime.log import error_keys, get

_log = get(__name__)
_CACHE = 20_000
_MOST_SUBJECTS = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """A ledger record: its sequence and its bytes."""

    sequence: int
    data: bytes


@dataclass(slots=True)
class Known:
    """A child's journey as a worker believes it to stand, and the hash of its last entry."""

    journey: Journey | None
    entry_hash: str = ""


class Ledger:
    """Reads of the ledger and a bounded memory of what a worker read and wrote.

    Everything in memory is a belief: the guards in the batch settle whether it was right.
    """

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        """Read through `client`."""
        self.client, self.js = client, js
        self._sequences: dict[str, int] = {}
        self._journeys: OrderedDict[str, Known] = OrderedDict()
        self._decided: OrderedDict[str, str] = OrderedDict()
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._damaged: set[str] = set()

    def forget(self) -> None:
        """Drop every belief."""
        self._sequences.clear()
        self._journeys.clear()
        self._decided.clear()
        self._waiting.clear()
        self._damaged.clear()

    def know(self, subject: str, sequence: int) -> None:
        """Remember the last sequence of `subject`; 0 means that there is none."""
        self._sequences[subject] = sequence

    def sequence_of(self, subject: str) -> int:
        """Return the last sequence known of `subject`."""
        return self._sequences[subject]

    async def last(self, subject: str) -> Stored | None:
        """Return the last record of `subject`, read from the stream's leader, or None."""
        try:
            found = await self.js.get_last_msg(LEDGER, subject)
        except NotFoundError:
            return None
        return Stored(int(found.seq or 0), found.data or b"")

    def journey(self, child: str) -> Known:
        """Return what is held of `child`; load it first."""
        return self._journeys[child]

    def hold(self, child: str, known: Known) -> None:
        """Believe `known` of `child` from now on."""
        self._journeys[child] = known
        self._journeys.move_to_end(child)

    def trim(self) -> None:
        """Keep the memory bounded, dropping the children longest untouched."""
        while len(self._journeys) > _CACHE:
            child, _ = self._journeys.popitem(last=False)
            self._sequences.pop(journey_subject(child), None)
        for answered in (self._decided, self._waiting):
            while len(answered) > _CACHE:
                answered.popitem(last=False)

    def decided(self, receipt: str) -> str | None:
        """Return the sealed digest that the receipt on this subject is known to answer, or None."""
        return self._decided.get(receipt)

    def note_decided(self, receipt: str, sealed: str) -> None:
        """Remember which sealed digest the receipt on this subject answers."""
        self._decided[receipt] = sealed

    def waiting(self, receipt: str) -> str | None:
        """Return the sealed digest that this worker knows to be held for this receipt, or None."""
        return self._waiting.get(receipt)

    def note_waiting(self, receipt: str, sealed: str) -> None:
        """Remember that a message is held, and which sealed digest is to get this receipt."""
        self._waiting[receipt] = sealed

    async def load(self, children: Iterable[str]) -> None:
        """Load the journeys of `children` that are not held yet; what is `damaged` is told."""
        known = self._journeys.keys() | self._damaged
        missing = [c for c in dict.fromkeys(children) if c not in known]
        if not missing:
            return
        found = await self.last_of_many([journey_subject(c) for c in missing])
        for child in missing:
            subject = journey_subject(child)
            stored = found.get(subject)
            self.know(subject, stored.sequence if stored else 0)
            try:
                self.hold(child, _known(stored))
            except (ValueError, LookupError, TypeError, AttributeError, HandrailError) as error:
                # One child's record stops nobody else's; no reference stands in a log.
                place = stored.sequence if stored else 0
                _log.error("journey.damaged", sequence=place, **error_keys(error))
                self._damaged.add(child)

    def damaged(self, child: str) -> bool:
        """Tell whether the newest record of `child` cannot be read; load it first."""
        return child in self._damaged

    async def last_of_many(self, subjects: list[str]) -> dict[str, Stored]:
        """Return the last record of each of `subjects` that has one, in few requests."""
        found: dict[str, Stored] = {}
        for start in range(0, len(subjects), _MOST_SUBJECTS):
            found.update(await self._multi_last(subjects[start : start + _MOST_SUBJECTS]))
        return found

    async def next_of(self, subject: str, after: int) -> tuple[str, Stored] | None:
        """Return the next record of `subject`, wildcards too, beyond a sequence, or None.

        Read from the stream's leader: None means that there was none at that moment.
        """
        try:
            found = await self.js.get_msg(LEDGER, after + 1, subject, next=True)
        except NotFoundError:
            return None
        return str(found.subject), Stored(int(found.seq or 0), found.data or b"")

    async def page_of(self, subject: str, after: int) -> list[tuple[str, Stored]]:
        """Return the next records of `subject`, wildcards too, beyond a sequence; none at its end.

        Any copy of the stream may answer: the newest records may be missing.
        """
        wanted = {"seq": after + 1, "next_by_subj": subject, "batch": _MOST_SUBJECTS}
        return await self._batch(wanted)

    async def _multi_last(self, subjects: list[str]) -> dict[str, Stored]:
        return dict(await self._batch({"multi_last": subjects}))

    async def _batch(self, wanted: Mapping[str, object]) -> list[tuple[str, Stored]]:
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        found: list[tuple[str, Stored]] = []
        try:
            body = orjson.dumps(wanted)
            await self.client.publish(f"$JS.API.DIRECT.GET.{LEDGER}", body, reply=inbox)
            while True:
                message = await subscription.next_msg(timeout=5)
                headers = message.headers or {}
                if "Status" in headers:
                    if headers["Status"] in ("204", "404"):
                        return found
                    raise NatsTimeoutError
                stored = Stored(int(headers["Nats-Sequence"]), message.data)
                found.append((headers["Nats-Subject"], stored))
        finally:
            await subscription.unsubscribe()


def _known(stored: Stored | None) -> Known:
    if stored is None:
        return Known(None)
    return Known(load(orjson.loads(stored.data)["journey"]), entry_hash(stored.data))
