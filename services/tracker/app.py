"""The tracker as a service: follows the ledger, watches the clocks, answers the operator."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from contracts.errors import HandrailError
from contracts.subjects import DIRECTORY, LEDGER
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.known import digest, newest
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.partnership import Partnership
from services.runtime.sql import SqlRunner, engine
from services.runtime.subscribing import ask, make_broker
from services.runtime.tasks import end
from services.runtime.watchdog import watch
from services.tracker import evidence, proofs
from services.tracker.entries import FILTERS
from services.tracker.following import Follower
from services.tracker.handlers import AT_ONCE, DURABLE, Desk, subscribe
from services.tracker.outbox import Sealer
from services.tracker.reading import last_sequence, records
from services.tracker.rebuild import rebuild_tables, utc_now
from services.tracker.rulebook import Rulebook, calendar_of, rulebook
from services.tracker.store import LIVE, claim_position, prepare
from services.tracker.ticking import Ticker

_log = log.get(__name__)

_RETRY_S: Final = 0.25
_ACK_WAIT_S: Final = 10.0

Result = TypeVar("Result")


async def run(
    partnership: Partnership,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None],
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Run the tracker until `stop` is set; `ready` is called once it follows and answers.

    `clock` gives the instant by which clocks are judged. Waits for the server's ledger. Raises
    `HandrailError`: `nkey.*`, `key.*`, `database.*`, `nats.*`, `directory.*` and `rules.*` when it
    cannot start, `connection.*` and `consumer.gone` when it can no longer receive.
    """
    url, nkey = partnership.nats_url(), partnership.nkey("tracker")
    broker = make_broker(url, nkey, name="tracker", ca=partnership.nats_ca, importing=True)
    database = engine(partnership.tracker_database)
    await asyncio.to_thread(prepare, database)
    runner = SqlRunner(database)
    try:
        client = await _or_stopped(stop, broker.connect())
        if client is None:
            return
        tracker = Tracker(partnership, broker, client, runner, clock)
        await _or_stopped(stop, tracker.begin())
        if not stop.is_set():
            ready()
            await _or_stopped(stop, *tracker.loops())
    finally:
        await broker.stop()
        await runner.close()


class Tracker:
    """The parts of a running tracker, on an open connection and database."""

    def __init__(
        self,
        partnership: Partnership,
        broker: NatsBroker,
        client: Client,
        runner: SqlRunner,
        clock: Callable[[], datetime],
    ) -> None:
        """Put the parts together; nothing runs yet. Raises `key.*`."""
        self._broker, self._client, self._runner = broker, client, runner
        self._js = client.jetstream(prefix=HUB_PREFIX)
        self._holder = _directory_holder(partnership, client)
        self._calendar = calendar_of(partnership.settings)
        self._book: Rulebook | None = None
        key = partnership.service_signer("tracker", lambda: self._holder.current)
        self._sealer = Sealer(f"{partnership.id}.tracker", key)
        self._ticker = Ticker(runner, self._js, self._sealer, self.book)
        self._every_s = partnership.settings.clock_tick_s
        self._clock = clock

    def book(self) -> Rulebook:
        """Return the rules of the newest directory; raises `directory.*` and `rules.*`."""
        directory = self._holder.current
        if self._book is None or self._book.directory is not directory:
            self._book = rulebook(directory, self._calendar)
        return self._book

    def loops(self) -> tuple[Coroutine[Any, Any, Any], ...]:
        """Return what runs as long as the tracker does, beside its subscriptions."""
        return (
            self._ticker.keep_ticking(self._clock, self._every_s),
            self._holder.keep_fresh(),
            watch(self._broker),
        )

    async def begin(self) -> None:
        """Bring the tables up to the consumer's state, then follow and answer."""
        await _until_there(self._holder.refresh)
        rules = self.book()
        await _until_there(lambda: self._js.stream_info(LEDGER))
        if await _is_behind(self._js, self._client, self._runner):
            _log.warning("tables.behind")
            await rebuild_tables(self._runner, self._client, rules, self._clock())
        await _until_there(lambda: self._js.add_consumer(LEDGER, consumer()))
        desk = Desk(self._runner, self._client, self.book, self._clock)
        subscribe(self._broker, Follower(self._runner, self.book), desk)
        evidence.subscribe(self._broker, evidence.Evidence(self._runner, self._client))
        asked = proofs.Proofs(self._runner, self._client, self._calendar, self._clock, self._sealer)
        proofs.subscribe(self._broker, asked)
        await self._broker.start()
        # Asked after subscribing, so the answer proves that the server knows the subscriptions.
        await _until_there(self._js.account_info)


def consumer() -> ConsumerConfig:
    """Return the tracker's durable consumer: journeys and quarantine, nothing given up."""
    return ConsumerConfig(
        name=DURABLE,
        durable_name=DURABLE,
        filter_subjects=list(FILTERS),
        max_deliver=-1,
        max_ack_pending=2 * AT_ONCE,
        ack_wait=_ACK_WAIT_S,
    )


async def _is_behind(js: JetStreamContext, client: Client, runner: SqlRunner) -> bool:
    """Tell whether the database has lost what was acknowledged, or belongs to another ledger.

    What is acknowledged is never delivered again: an empty or restored database has to be built
    from the ledger itself.
    """
    position = await runner.run(lambda connection: claim_position(connection, LIVE))
    if position > await last_sequence(client):
        return True
    try:
        info = await js.consumer_info(LEDGER, DURABLE)
    except NotFoundError:
        return False
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    return floor > position and await _lacks(client, position, floor)


async def _lacks(client: Client, position: int, floor: int) -> bool:
    """Tell whether the ledger holds something to follow beyond `position`, up to `floor`.

    A consumer's floor passes what it does not deliver, too: that it is ahead proves nothing yet.
    """
    for subject in FILTERS:
        async for found in records(client, subject, position + 1):
            if found[0].sequence <= floor:
                return True
            break
    return False


def _directory_holder(partnership: Partnership, client: Client) -> DirectoryHolder:
    """Return a holder that asks the exchange, and reads the file here while it does not answer."""
    seen = partnership.folder / "seen" / "tracker.version"

    async def read() -> bytes:
        raw = holder.raw
        try:
            return newest(raw, await ask(client, DIRECTORY, digest(raw)))
        except HandrailError:
            if not await asyncio.to_thread(partnership.directory_path.exists):
                raise
            return await asyncio.to_thread(partnership.directory_path.read_bytes)

    holder = DirectoryHolder(read, partnership.root_x, seen)
    return holder


async def _until_there(look: Callable[[], Awaitable[object]]) -> None:
    """Call `look` until it does not fail for want of an answer; say once that it is waited for."""
    told = False
    while True:
        try:
            await look()
        except (NatsError, TimeoutError) as error:
            fault: Exception = error
        except HandrailError as error:
            if not error.code.startswith("service."):
                raise
            fault = error
        else:
            return
        if not told:
            _log.warning("start.waiting", **log.error_keys(fault))
        told = True
        await asyncio.sleep(_RETRY_S)


async def _or_stopped(stop: asyncio.Event, *work: Coroutine[Any, Any, Result]) -> Result | None:
    """Run `work` until one of it ends, and return or raise what it did; None once `stop` is set."""
    tasks = [asyncio.create_task(one) for one in work]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait((*tasks, stopped), return_when=asyncio.FIRST_COMPLETED)
        return next((task.result() for task in tasks if task in done), None)
    finally:
        await end({stopped, *tasks})
