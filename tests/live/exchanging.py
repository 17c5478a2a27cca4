"""Running the exchange's worker in a test, and reading what it wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import nats
import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.records import Decision, Receipt, attested, lane_attested
from contracts.seal import Sealed, peek
from contracts.subjects import (
    LEDGER,
    inbox,
    receipt,
    receipt_bytes,
    receipt_held,
    submit,
    submit_stream,
    urgent,
    urgent_stream,
)
from contracts.submission import IntakeKey, digest_of_bytes, raw_public, write
from services.exchange.streams import ensure_lanes, ensure_ledger, lane_owners
from services.exchange.waking import Waker
from services.exchange.worker import Worker
from tests.area import Area

DEADLINE_S = 20.0


@dataclass
class Exchange:
    """An area with its exchange's streams, and the means to send and to read answers."""

    url: str
    client: Client
    js: JetStreamContext
    area: Area
    intake: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    @property
    def month(self) -> str:
        """The month of the intake key."""
        return f"{datetime.now(UTC):%Y-%m}"

    @property
    def intake_key(self) -> IntakeKey:
        """The public intake key."""
        return IntakeKey(
            service="demo.exchange",
            month=self.month,
            x=raw_public(self.intake),
            expires_at=datetime.now(UTC),
        )

    def bytes_of(self, sealed: Sealed) -> bytes:
        """What is submitted for `sealed`."""
        return write(sealed, self.intake_key)

    async def send(
        self, sealed: Sealed, *, as_urgent: bool = False, agency: str = "", child: str = ""
    ) -> bytes:
        """Submit `sealed` on its own subject, or on that of another agency or child."""
        event = peek(sealed)
        data = self.bytes_of(sealed)
        make = urgent if as_urgent else submit
        subject = make(agency or event.agency, child or event.subject)  # type: ignore[union-attr]
        await self.js.publish(subject, data)
        return data

    async def decided(self, sealed: Sealed, **how: Any) -> Decision:
        """Submit `sealed` and return the decision of its verified receipt."""
        data = await self.send(sealed, **how)
        return await self.answer(sealed, data, how.get("agency", ""))

    async def answer(self, sealed: Sealed, data: bytes, agency: str = "") -> Decision:
        """Return the decision by which the receipt answers these bytes."""
        event = peek(sealed)
        sender = agency or event.agency  # type: ignore[union-attr]
        by_id = receipt(sender, event.id)  # type: ignore[union-attr]
        by_bytes = receipt_bytes(sender, digest_of_bytes(data))
        return await self.receipt(by_id, by_bytes, sealed.digest)

    async def receipt(self, by_id: str, by_bytes: str, digest: str = "") -> Decision:
        """Return the decision of whichever receipt appears, its attestation verified."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for subject in (by_bytes, by_id):
                    found = await self.last(subject)
                    if found is None:
                        continue
                    made = self.verified(found)
                    if subject == by_bytes or made.sealed == digest:
                        return made
                await asyncio.sleep(0.01)

    def verified(self, data: bytes) -> Decision:
        """Return the decision of a receipt after checking its group, its place and its lane."""
        made = Receipt.model_validate_json(data)
        directory = self.area.directory
        proved = attested(made.decision, made.group, made.place, directory, "demo.exchange")
        assert proved is not None
        assert lane_attested(made, directory, "demo.exchange") is not None
        return proved.decision

    async def final(self, sealed: Sealed) -> Decision:
        """Return the decision of the final receipt of a message by its id, once it is there."""
        event = peek(sealed)
        subject = receipt(event.agency, event.id)  # type: ignore[union-attr]
        async with asyncio.timeout(DEADLINE_S):
            while (found := await self.last(subject)) is None:
                await asyncio.sleep(0.01)
        return self.verified(found)

    async def held(self, sealed: Sealed) -> Decision:
        """Return the decision of the notice that a message is held, once it is there."""
        event = peek(sealed)
        subject = receipt_held(event.agency, event.id)  # type: ignore[union-attr]
        async with asyncio.timeout(DEADLINE_S):
            while (found := await self.last(subject)) is None:
                await asyncio.sleep(0.01)
        return self.verified(found)

    async def last(self, subject: str) -> bytes | None:
        """Return the last record on a ledger subject."""
        try:
            return (await self.js.get_last_msg(LEDGER, subject)).data
        except NotFoundError:
            return None

    async def delivery(self, agency: str, message: str) -> dict[str, Any]:
        """Return the delivery of `message` to `agency`, as JSON."""
        found = await self.last(inbox(agency, message))
        assert found is not None
        return orjson.loads(found)  # type: ignore[no-any-return]

    async def all(self, filter_subject: str) -> list[tuple[str, bytes]]:
        """Return every ledger record below a subject, in order."""
        found: list[tuple[str, bytes]] = []
        sequence = 1
        while True:
            try:
                one = await self.js.get_msg(LEDGER, sequence, filter_subject, next=True)
            except NotFoundError:
                return found
            found.append((str(one.subject), one.data or b""))
            sequence = int(one.seq or 0) + 1

    def worker(
        self, client: Client | None = None, *, as_urgent: bool = False, **how: Any
    ) -> Worker:
        """Return a worker over the normal or the urgent lanes."""
        used = client or self.client
        stream = urgent_stream if as_urgent else submit_stream
        names = tuple(stream(owner) for owner in lane_owners(self.area.directory))
        directory = self.area.directory
        return Worker(
            used,
            used.jetstream(timeout=10),
            exchange="demo.exchange",
            key=self.area.services["exchange"],
            directory=how.pop("directory", lambda: directory),
            intake=lambda: {self.month: self.intake},
            lanes=lambda: names,
            **how,
        )


@asynccontextmanager
async def exchange_at(url: str, area: Area | None = None) -> AsyncIterator[Exchange]:
    """Give an exchange's streams on the server at `url`; no worker runs yet."""
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    try:
        js = client.jetstream(timeout=10)
        made = Exchange(url, client, js, area or Area())
        await ensure_ledger(js)
        await ensure_lanes(js, made.area.directory)
        yield made
    finally:
        await client.close()


@asynccontextmanager
async def working(worker: Worker, *, wakes: bool = True) -> AsyncIterator[Worker]:
    """Let a worker run, with a waker beside one that holds unless nothing `wakes`, and end it."""
    stop, is_ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(worker.run(stop, is_ready.set))
    waker = Waker(worker.ledger.js, worker, "demo.exchange")
    waking = asyncio.create_task(waker.run()) if wakes and worker.holds.rule.length else None
    try:
        async with asyncio.timeout(DEADLINE_S):
            await is_ready.wait()
        yield worker
    finally:
        if waking is not None:
            waking.cancel()
        stop.set()
        worker.wake()
        await asyncio.wait_for(task, DEADLINE_S)
