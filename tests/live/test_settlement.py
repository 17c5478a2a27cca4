"""What becomes of messages on a real server when handlers fail, processes die and streams go."""

import asyncio
import errno
import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from pydantic import TypeAdapter

from contracts.errors import HandrailError
from services.runtime.nats_plan import ServiceRole
from services.runtime.settlement import DEATHS, EXHAUSTED, INVALID, PermanentFault
from services.runtime.subscribing import (
    INTERNAL,
    Record,
    Request,
    ask,
    ledger_batch_subscriber,
    ledger_subscriber,
    make_broker,
    request_subscriber,
)
from services.runtime.watchdog import watch, watched_app
from tests.live.brokers import has_read, started
from tests.live.conftest import Hub, ServerFactory

pytestmark = pytest.mark.live

WITHIN_S = 20.0
SECRET = "Maisie Smith"
DYING_SERVICE = Path(__file__).with_name("dying_service.py")


@dataclass
class Quarantined:
    """Remember what was set aside; fail as often as asked to."""

    failures: int = 0
    records: list[tuple[str, int, str, str]] = field(default_factory=list)

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Take one record."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError(SECRET)
        self.records.append((subject, sequence, digest, reason))

    @property
    def reasons(self) -> dict[int, str]:
        """Give the reason by sequence."""
        return {sequence: reason for _, sequence, _, reason in self.records}


@pytest_asyncio.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    """Give a connection to a server with an empty ledger."""
    connection = await nats.connect(nats_url)
    await connection.jetstream().add_stream(name="LEDGER", subjects=["inbox.>"])
    yield connection
    await connection.close()


@pytest.fixture
def js(client: Client) -> JetStreamContext:
    """Give that connection's JetStream."""
    return client.jetstream()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, but not for ever."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


async def settled(js: JetStreamContext, durable: str = "desk") -> ConsumerInfo:
    """Wait until nothing is pending or unacknowledged."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            info: ConsumerInfo = await js.consumer_info("LEDGER", durable)
            if info.num_pending == 0 and info.num_ack_pending == 0:
                return info
            await asyncio.sleep(0.02)


def floor(info: ConsumerInfo) -> int:
    """Return the sequence up to which everything is settled."""
    return info.ack_floor.stream_seq if info.ack_floor else 0


async def publish(js: JetStreamContext, *bodies: bytes) -> None:
    """Store one record for each body."""
    for body in bodies:
        await js.publish("inbox.demo.alpha-school.x", body)


async def test_a_record_comes_with_its_place_and_is_acknowledged(
    js: JetStreamContext, nats_url: str
) -> None:
    """A handler is given the bytes and where they are stored, and returning acknowledges."""
    got: list[Record] = []
    broker = make_broker(nats_url, None, name="test")

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        got.append(record)

    await js.publish("inbox.demo.alpha-school.x", b"123", headers={"A": "b"})
    async with started(broker):
        info = await settled(js)

    (record,) = got
    assert (record.stream, record.subject, record.sequence, record.data, record.delivery) == (
        "LEDGER",
        "inbox.demo.alpha-school.x",
        1,
        b"123",
        1,
    )
    assert record.headers["A"] == "b"
    assert record.stored_at.utcoffset() is not None
    assert "123" not in repr(record)
    assert (info.config.max_deliver, floor(info)) == (-1, 1)


async def test_a_passing_fault_is_tried_again_with_a_growing_delay(
    js: JetStreamContext, nats_url: str
) -> None:
    """A record whose handler fails comes back until it passes, is never lost nor set aside."""
    quarantined, attempts = Quarantined(), []
    broker = make_broker(nats_url, None, name="test", quarantine=quarantined)

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        attempts.append(record.delivery)
        if record.delivery < 4:
            raise ConnectionError(SECRET)

    await publish(js, b"x")
    async with started(broker):
        await until(lambda: len(attempts) == 4)
        await settled(js)

    assert attempts == [1, 2, 3, 4]
    assert quarantined.records == []


@pytest.mark.parametrize("batch", [False, True])
async def test_a_permanent_fault_is_set_aside_and_its_neighbours_are_handled(
    js: JetStreamContext, nats_url: str, *, batch: bool
) -> None:
    """What can never succeed ends in quarantine once, with its digest; all others are handled."""
    quarantined, done = Quarantined(), set()
    broker = make_broker(nats_url, None, name="test", quarantine=quarantined)

    async def handle_one(record: Record) -> None:
        if record.data == b"broken":
            raise PermanentFault("seal.invalid", "the seal is broken", "send it again")
        TypeAdapter(int).validate_json(record.data)
        done.add(record.sequence)

    if batch:

        @ledger_batch_subscriber(broker, "inbox.>", "desk", fill_s=0.3)
        async def handle_many(records: tuple[Record, ...]) -> None:
            for record in records:
                await handle_one(record)

    else:
        ledger_subscriber(broker, "inbox.>", "desk")(handle_one)

    await publish(js, b"1", b"broken", b"3", b"not a number", b"5")
    async with started(broker):
        info = await settled(js)

    assert done == {1, 3, 5}
    assert quarantined.reasons == {2: "seal.invalid", 4: INVALID}
    assert quarantined.records[0][2] == hashlib.sha256(b"broken").hexdigest()
    assert len(quarantined.records) == 2
    assert floor(info) == 5


async def test_a_record_is_not_given_up_while_quarantine_cannot_be_written(
    js: JetStreamContext, nats_url: str
) -> None:
    """When writing to quarantine fails the record comes back, until it is written."""
    quarantined, attempts = Quarantined(failures=2), []
    broker = make_broker(nats_url, None, name="test", quarantine=quarantined)

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        attempts.append(record.delivery)
        raise PermanentFault("seal.invalid", "the seal is broken", "send it again")

    await publish(js, b"x")
    async with started(broker):
        await until(lambda: bool(quarantined.records))
        await settled(js)

    assert attempts == [1, 2, 3]


async def test_without_a_quarantine_nothing_is_given_up(
    js: JetStreamContext, nats_url: str
) -> None:
    """A broker that has nowhere to write keeps even a permanent fault."""
    attempts: list[int] = []
    broker = make_broker(nats_url, None, name="test", delivery_limit=2)

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        attempts.append(record.delivery)
        raise PermanentFault("seal.invalid", "the seal is broken", "send it again")

    await publish(js, b"x")
    async with started(broker):
        await until(lambda: len(attempts) == 2)
        info = await js.consumer_info("LEDGER", "desk")

    assert (floor(info), info.num_ack_pending) == (0, 1)


@pytest.mark.parametrize("batch", [False, True])
async def test_a_record_that_always_fails_ends_in_quarantine(
    js: JetStreamContext, nats_url: str, *, batch: bool
) -> None:
    """After the limit of deliveries a record is set aside, and only that record."""
    quarantined, attempts = Quarantined(), []
    broker = make_broker(nats_url, None, name="test", quarantine=quarantined, delivery_limit=3)

    async def handle_one(record: Record) -> None:
        if record.data == b"bad":
            attempts.append(record.delivery)
            raise RuntimeError(SECRET)

    if batch:

        @ledger_batch_subscriber(broker, "inbox.>", "desk")
        async def handle_many(records: tuple[Record, ...]) -> None:
            for record in records:
                await handle_one(record)

    else:
        ledger_subscriber(broker, "inbox.>", "desk")(handle_one)

    await publish(js, b"good", b"bad", b"good")
    async with started(broker):
        await until(lambda: bool(quarantined.records))
        await settled(js)

    assert quarantined.reasons == {2: EXHAUSTED}
    assert set(attempts) == {1, 2, 3}


async def test_a_record_that_kills_the_process_ends_in_quarantine(
    js: JetStreamContext, nats_url: str
) -> None:
    """A handler that never returns is given the record no more once the limit is reached."""
    await publish(js, b"deadly")
    for _ in range(2):
        dying = await asyncio.create_subprocess_exec(sys.executable, DYING_SERVICE, nats_url)
        assert await asyncio.wait_for(dying.wait(), WITHIN_S) == -signal.SIGKILL
    quarantined = Quarantined()
    broker = make_broker(nats_url, None, name="test", quarantine=quarantined, delivery_limit=2)
    handled: list[bytes] = []

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        handled.append(record.data)

    async with started(broker):
        await until(lambda: bool(quarantined.records))
        await settled(js)

    assert quarantined.reasons == {1: EXHAUSTED}
    assert handled == []


@dataclass
class Tried:
    """Count the tries that had no end; fail as often as asked to."""

    begun: int = 0
    failures: int = 0

    async def begin(self, _subject: str, _sequence: int) -> int:
        """Count one, and give those before."""
        if self.failures:
            self.failures -= 1
            raise OSError(errno.ENOSPC, SECRET)
        self.begun += 1
        return self.begun - 1

    async def end(self, _subject: str, _sequence: int) -> None:
        """Forget them."""
        self.begun = 0


async def test_a_fault_of_ours_is_never_held_against_a_record(
    js: JetStreamContext, nats_url: str
) -> None:
    """A record that outlasts a full disk beyond the limit of deliveries is handled in the end."""
    quarantined, tried, attempts = Quarantined(), Tried(failures=2), list[int]()
    handled = asyncio.Event()
    broker = make_broker(
        nats_url, None, name="test", quarantine=quarantined, delivery_limit=1, tries=tried
    )

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        attempts.append(record.delivery)
        if len(attempts) < 3:
            raise OSError(errno.ENOSPC, SECRET)
        handled.set()

    await publish(js, b"x")
    async with started(broker):
        await asyncio.wait_for(handled.wait(), WITHIN_S)
        await settled(js)

    assert attempts == [1, 4, 5]
    assert (quarantined.records, tried.begun) == ([], 0)


async def test_a_service_that_stops_during_a_try_has_ended_it(
    js: JetStreamContext, nats_url: str
) -> None:
    """Stopping a service while it tries a record does not count against the record."""
    tried, trying = Tried(), asyncio.Event()
    broker = make_broker(nats_url, None, name="test", delivery_limit=1, tries=tried)

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        if record.delivery > 1:
            trying.set()
            await asyncio.Event().wait()
        raise ConnectionError

    await publish(js, b"x")
    async with started(broker):
        await asyncio.wait_for(trying.wait(), WITHIN_S)
        assert tried.begun == 1

    assert tried.begun == 0


async def test_a_record_whose_tries_have_no_end_is_set_aside(
    js: JetStreamContext, nats_url: str
) -> None:
    """Beyond the limit a record is tried until those who tried died of it too often."""
    quarantined, handled = Quarantined(), list[int]()
    broker = make_broker(
        nats_url,
        None,
        name="test",
        quarantine=quarantined,
        delivery_limit=1,
        tries=Tried(begun=DEATHS),
    )

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None:
        handled.append(record.delivery)
        raise ConnectionError

    await publish(js, b"deadly")
    async with started(broker):
        await until(lambda: bool(quarantined.records))
        await settled(js)

    assert quarantined.reasons == {1: EXHAUSTED}
    assert handled == [1]


async def test_records_in_order_wait_for_one_that_fails(
    js: JetStreamContext, nats_url: str
) -> None:
    """With `in_order` no record overtakes another, even while that one is tried again."""
    handled: list[int] = []
    broker = make_broker(nats_url, None, name="test")

    @ledger_subscriber(broker, "inbox.>", "desk", in_order=True)
    async def handle(record: Record) -> None:
        if record.sequence == 2 and record.delivery < 3:
            raise ConnectionError
        handled.append(record.sequence)

    await publish(js, *[b"x"] * 20)
    async with started(broker):
        await settled(js)

    assert handled == list(range(1, 21))


async def test_a_sparse_batch_is_neither_lost_nor_late(js: JetStreamContext, nats_url: str) -> None:
    """Records that trickle in are each handled on their first delivery."""
    deliveries: dict[int, list[int]] = {}
    broker = make_broker(nats_url, None, name="test")

    @ledger_batch_subscriber(broker, "inbox.>", "desk", fill_s=0.02)
    async def handle(records: tuple[Record, ...]) -> None:
        for record in records:
            deliveries.setdefault(record.sequence, []).append(record.delivery)

    async with started(broker):
        for number in range(100):
            await publish(js, b"x")
            await asyncio.sleep(0.013 + number % 7 * 0.003)
        await until(lambda: len(deliveries) == 100)

    assert set(map(tuple, deliveries.values())) == {(1,)}


async def test_a_subscriber_lives_through_a_server_that_dies(
    server_factory: ServerFactory,
) -> None:
    """After kill -9 of the server the same subscriber goes on with what is stored later."""
    server = await server_factory()
    js_client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    js = js_client.jetstream()
    await js.add_stream(name="LEDGER", subjects=["inbox.>"])
    handled: set[int] = set()
    broker = make_broker(server.url, None, name="test")

    @ledger_batch_subscriber(broker, "inbox.>", "desk", ack_wait_s=1)
    async def handle(records: tuple[Record, ...]) -> None:
        handled.update(record.sequence for record in records)

    async with started(broker):
        await publish(js, b"before")
        await until(lambda: 1 in handled)
        await server.kill()
        await server.start()
        await until(lambda: js_client.is_connected)
        await publish(js, b"after")
        await until(lambda: 2 in handled)
    await js_client.close()


async def test_the_watchdog_ends_an_app_whose_consumer_is_gone(
    js: JetStreamContext, nats_url: str
) -> None:
    """An application stops with an error when its consumer is deleted under it."""
    broker = make_broker(nats_url, None, name="test")

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None: ...

    running = asyncio.create_task(watched_app(broker, every_s=0.05).run())
    await until(lambda: broker.running)
    await js.delete_consumer("LEDGER", "desk")

    with pytest.raises(HandrailError, match=r"consumer\.gone"):
        await asyncio.wait_for(running, WITHIN_S)


async def test_the_watchdog_sees_a_connection_closed_for_good(
    js: JetStreamContext, nats_url: str
) -> None:
    """A closed connection is an error and leaves the event loop free to say so."""
    broker = make_broker(nats_url, None, name="test")

    @ledger_subscriber(broker, "inbox.>", "desk")
    async def handle(record: Record) -> None: ...

    await broker.start()
    watching = asyncio.create_task(watch(broker, every_s=0.05))
    await (await broker.connect()).close()

    with pytest.raises(HandrailError, match=r"connection\.closed"):
        await asyncio.wait_for(watching, WITHIN_S)
    for subscriber in broker.subscribers:
        subscriber.running = False


async def test_a_question_is_answered_with_bytes(client: Client, nats_url: str) -> None:
    """A request reaches the handler with its subject, and its answer comes back as it is."""
    broker = make_broker(nats_url, None, name="test")

    @request_subscriber(broker, "story.>")
    async def answer(request: Request) -> bytes:
        return request.subject.encode() + b"\x00" + request.data

    async with started(broker):
        assert await ask(client, "story.demo.x", b"\xff1") == b"story.demo.x\x00\xff1"


async def test_an_error_is_answered_with_its_remedy_and_any_other_without_text(
    client: Client, nats_url: str
) -> None:
    """Our own errors reach the asker whole; of any other only that there was one."""
    broker = make_broker(nats_url, None, name="test", quarantine=Quarantined())

    @request_subscriber(broker, "story.>")
    async def answer(request: Request) -> bytes:
        if request.data == b"refuse":
            raise HandrailError("consent.withdrawn", "not shared", "ask the family")
        raise KeyError(SECRET)

    async with started(broker):
        with pytest.raises(HandrailError) as refused:
            await ask(client, "story.x", b"refuse")
        raw = await client.request("story.x", b"fail")
        with pytest.raises(HandrailError) as failed:
            await ask(client, "story.x", b"fail")

    told = refused.value
    assert (told.code, told.message, told.remedy) == (
        "consent.withdrawn",
        "not shared",
        "ask the family",
    )
    assert failed.value.code == INTERNAL
    assert SECRET.encode() not in raw.data


async def test_nobody_to_ask_is_an_error_of_ours(client: Client) -> None:
    """Asking where nobody listens, and where nobody answers, says so."""

    async def silent(_message: object) -> None: ...

    with pytest.raises(HandrailError, match=r"service\.unreachable"):
        await ask(client, "story.nobody", b"")
    await client.subscribe("story.silent", cb=silent)
    await has_read(client)
    with pytest.raises(HandrailError, match=r"service\.no-answer"):
        await ask(client, "story.silent", b"", timeout_s=0.2)


async def test_a_subscriber_works_under_its_users_own_permissions(hub: Hub) -> None:
    """With the tracker's key, and its own reply prefix, records arrive and are acknowledged."""
    exchange = (await hub.connect("exchange")).jetstream()
    await exchange.add_stream(name="LEDGER", subjects=["journey.>"])
    got: list[bytes] = []
    key = hub.keys[ServiceRole.TRACKER]
    broker = make_broker(hub.url, key, name="demo.tracker", importing=True)

    @ledger_batch_subscriber(broker, "journey.>", "tracker")
    async def handle(records: tuple[Record, ...]) -> None:
        got.extend(record.data for record in records)

    async with started(broker):
        await exchange.publish("journey.CHILD000000000000001", b"entry")
        await until(lambda: got == [b"entry"])
        await settled(exchange, "tracker")
