"""Reading one lane from its cursor: an ephemeral consumer without acks, pulled ahead (design §5).

Progress belongs to the ledger's cursor record; what is in memory here may be dropped at any time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import APIError, BadRequestError, NotFoundError
from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.event import MAX_BYTES
from contracts.holding import HeldRecord
from contracts.quarantine import ReleaseOrder
from contracts.records import Cursor
from contracts.subjects import cursor as cursor_subject
from services.exchange.ledger import Ledger

_AHEAD = 256
_AHEAD_BYTES = 16 * 1024 * 1024
_LEAST_AHEAD = 8
_FIRST_GUESS = MAX_BYTES // 4
_FORGETS = 0.98
_EXPIRES_S = 30
_HEARTBEAT_S = 4
_SILENCE_S = 3 * _HEARTBEAT_S
_STATUS_RENEW = frozenset({"404", "408"})
_ANSWERS_S = 2.0
_IN_PASSING_S = 0.05
UNANSWERED = "lane.unanswered"
"""The code of the error that says that a lane's own stream does not answer now."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One submission as it lies in its lane; `stored_at` is the server's instant, UTC.

    `woken` is there for a held one that is decided again.
    """

    lane: str
    sequence: int
    subject: str
    stored_at: datetime
    data: bytes
    woken: "Woken | None" = None

    @property
    def taken(self) -> "Arrived":
        """Return what was taken from a lane to be decided: this, or what woke it."""
        return self if self.woken is None else self.woken.by


@dataclass(frozen=True, slots=True)
class Woken:
    """The wake-up or order that was taken, and the holding or quarantine that it names.

    With neither, nothing is left to decide.
    """

    by: Arrived
    child: str = ""
    message: str = ""
    held: HeldRecord | None = None
    released: ReleaseOrder | None = None


def read_cursor(data: bytes) -> Cursor:
    """Return the cursor in a record; a lane without a place to begin at is not begun.

    Raises HandrailError `lane.cursor-damaged`.
    """
    try:
        held = Cursor.model_validate_json(data)
    except ValidationError:
        held = None
    if held is None or held.sequence < 0:
        raise HandrailError(
            "lane.cursor-damaged",
            "the record of how far a lane is decided cannot be read",
            "compare the ledger with the log (`handrail log check`) and restore the newest backup",
        )
    return held


def _unanswered() -> HandrailError:
    return HandrailError(
        UNANSWERED,
        "the stream of a lane does not answer",
        "see with `handrail doctor` that every server of the cluster runs; it is tried again",
    )


class Lane:
    """One lane of one worker: its cursor as read, and what has been pulled beyond it."""

    def __init__(self, name: str, client: Client, ledger: Ledger, wake: Callable[[], None]) -> None:
        """Stand ready to `open`; `wake` is called whenever something has arrived."""
        self.name = name
        self.sequence = 0
        self.known: int | None = None
        self.root = ""
        self.paused_until = 0.0
        self.broken = True
        self.shut_until = 0.0
        self.waiting: deque[Arrived] = deque()
        self._client, self._ledger, self._wake = client, ledger, wake
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._wanted = 0
        self._largest: float = _FIRST_GUESS
        self._next = 1
        self._heard = 0.0
        self._reconnects = 0
        self._asked: asyncio.Task[ConsumerInfo | NatsError] | None = None
        self._asked_from = 0
        self._waits_s = _ANSWERS_S

    async def open(self) -> bool:
        """(Re)start from the ledger's cursor; return whether somebody else had moved it.

        Raises HandrailError `lane.cursor-damaged` and `lane.unanswered`, and NATS errors as the
        server does: NotFoundError and BadRequestError of the lane's stream, all others of the
        ledger or the connection.

        `sequence` is where this worker stands, committed or not; `known` is the place in the ledger
        of the cursor's record as this worker last read or wrote it, 0 for none.
        """
        await self._stop_listening()
        if self._client.stats["reconnects"] != self._reconnects:
            self._forget_asked()  # an answer to another connection does not come
        self._reconnects = self._client.stats["reconnects"]
        self.sequence, self.root = 0, ""
        record = await self._ledger.last(cursor_subject(self.name))
        place = record.sequence if record else 0
        self._ledger.know(cursor_subject(self.name), place)
        if record is not None:
            held = read_cursor(record.data)
            self.sequence, self.root = held.sequence, held.root
        self.waiting.clear()
        info = await self._consumer_from(self.sequence + 1)
        self._consumer, self._next, self._wanted = info.name, 1, 0
        self._subscription = await self._client.subscribe(
            self._client.new_inbox(), cb=self._on_message
        )
        before, self.known = self.known, place
        self.broken = False
        self._heard = time.monotonic()
        await self.pull()
        return before is not None and place != before

    async def _consumer_from(self, start: int) -> ConsumerInfo:
        """Return a consumer of the lane's stream, asked for once; raises as `open` says.

        A stream that does not answer is waited for once. Until it has answered, every further try
        looks only whether it has: whoever waits for this lane waits for all others too.
        """
        if self._asked is None or self._asked_from != start:
            self._forget_asked()
            self._asked, self._asked_from = asyncio.create_task(self._ask(start)), start
        await asyncio.wait([self._asked], timeout=self._waits_s)
        if not self._asked.done():
            self._waits_s = _IN_PASSING_S
            raise _unanswered()
        found, self._asked = self._asked.result(), None
        if isinstance(found, ConsumerInfo):
            self._waits_s = _ANSWERS_S
            return found
        if isinstance(found, NotFoundError | BadRequestError):
            raise found
        if isinstance(found, APIError | NatsTimeoutError):
            raise _unanswered() from found
        raise found

    async def _ask(self, start: int) -> ConsumerInfo | NatsError:
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            inactive_threshold=_EXPIRES_S * 4,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            return await self._ledger.js.add_consumer(self.name, config)
        except NatsError as error:
            return error

    async def close(self) -> None:
        """Stop listening and asking; the consumer goes away by itself."""
        self._forget_asked()
        await self._stop_listening()

    def _forget_asked(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()

    async def _stop_listening(self) -> None:
        self.broken = True
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    async def pull(self) -> None:
        """Ask for more where little is on its way and little waits."""
        ahead = self._ahead()
        if self._subscription is None or self._wanted > ahead // 4 or len(self.waiting) > ahead:
            return
        self._wanted += ahead
        self._heard = time.monotonic()
        asked = {
            "batch": ahead,
            "expires": _EXPIRES_S * 1_000_000_000,
            "idle_heartbeat": _HEARTBEAT_S * 1_000_000_000,
        }
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{self._consumer}",
            orjson.dumps(asked),
            reply=self._subscription.subject,
        )

    def _ahead(self) -> int:
        """Return how many to ask for at a time: fewer of a lane whose submissions are large."""
        return max(_LEAST_AHEAD, min(_AHEAD, int(_AHEAD_BYTES / self._largest)))

    def silent(self, now_s: float) -> bool:
        """Tell whether a pull got lost: with its connection, or with the server that kept it.

        The consumer is kept in one server's memory, so it does not outlive that. Of a cluster it
        may be another one than the connection's, and nothing tells but that its heartbeats cease.
        """
        lost = self._client.stats["reconnects"] != self._reconnects
        ceased = self._wanted > 0 and now_s - self._heard > _SILENCE_S
        return not self.broken and (lost or ceased)

    async def _on_message(self, message: Msg) -> None:
        self._heard = time.monotonic()
        status = (message.headers or {}).get("Status")
        if status is not None:
            self._on_status(status)
            return
        tokens = message.reply.split(".")
        consumer_sequence = int(tokens[-3])
        if consumer_sequence != self._next:
            self.broken = True
            self._wake()
            return
        self._next += 1
        self._wanted -= 1
        self._largest = max(len(message.data), self._largest * _FORGETS, 1.0)
        stored = datetime.fromtimestamp(int(tokens[-2]) / 1e9, tz=UTC)
        self.waiting.append(
            Arrived(self.name, int(tokens[-4]), message.subject, stored, message.data)
        )
        self._wake()

    def _on_status(self, status: str) -> None:
        if status == "100":
            return
        self._wanted = 0
        if status not in _STATUS_RENEW:
            self.broken = True
        self._wake()
