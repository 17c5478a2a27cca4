"""Reading one lane from its cursor: an ephemeral consumer without acks, pulled ahead (design §5).

Progress belongs to the ledger's cursor record; what is in memory here may be dropped at any time.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.holding import HeldRecord
from contracts.records import Cursor
from contracts.subjects import cursor as cursor_subject
from services.exchange.ledger import Ledger

_AHEAD = 256
_LOW = 64
_EXPIRES_S = 30
_SILENCE_S = _EXPIRES_S + 10
_STATUS_RENEW = frozenset({"404", "408"})


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
    """The wake-up that was taken, and the holding it names; None when nothing is left to decide."""

    by: Arrived
    child: str = ""
    message: str = ""
    held: HeldRecord | None = None


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
        self.waiting: deque[Arrived] = deque()
        self._client, self._ledger, self._wake = client, ledger, wake
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._wanted = 0
        self._next = 1
        self._heard = 0.0
        self._reconnects = 0

    async def open(self) -> bool:
        """(Re)start from the ledger's cursor; return whether somebody else had moved it.

        `sequence` is where this worker stands, committed or not; `known` is where the ledger stood
        when this worker last read or wrote it.
        """
        await self.close()
        self._reconnects = self._client.stats["reconnects"]
        before, self.sequence, self.root = self.known, 0, ""
        record = await self._ledger.last(cursor_subject(self.name))
        self._ledger.know(cursor_subject(self.name), record.sequence if record else 0)
        if record is not None:
            held = Cursor.model_validate_json(record.data)
            self.sequence, self.root = held.sequence, held.root
        self.known = self.sequence
        self.waiting.clear()
        info = await self._ledger.js.add_consumer(
            self.name,
            ConsumerConfig(
                ack_policy=AckPolicy.NONE,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self.sequence + 1,
                inactive_threshold=_EXPIRES_S * 4,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        self._consumer, self._next, self._wanted = info.name, 1, 0
        self._subscription = await self._client.subscribe(
            self._client.new_inbox(), cb=self._on_message
        )
        self.broken = False
        self._heard = time.monotonic()
        await self.pull()
        return before is not None and self.sequence != before

    async def close(self) -> None:
        """Stop listening; the consumer goes away by itself."""
        self.broken = True
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    async def pull(self) -> None:
        """Ask for more where little is on its way and little waits."""
        if self._subscription is None or self._wanted > _LOW or len(self.waiting) > _AHEAD:
            return
        self._wanted += _AHEAD
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{self._consumer}",
            orjson.dumps({"batch": _AHEAD, "expires": _EXPIRES_S * 1_000_000_000}),
            reply=self._subscription.subject,
        )

    def silent(self, now_s: float) -> bool:
        """Tell whether a pull got lost: with its connection, or by silence longer than it lives.

        The consumer is kept in the server's memory, so it does not outlive the server either.
        """
        lost = self._client.stats["reconnects"] != self._reconnects
        return not self.broken and (lost or now_s - self._heard > _SILENCE_S)

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
