"""The exchange as a service: its streams, its worker, and what it answers to everyone.

Two processes run it: one for the normal lanes and one for child protection, which has its own
streams, worker and cursors so that nothing else can delay it (design §5).
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext

from contracts.directory import Directory
from contracts.rules.in_force import must_be_readable
from contracts.subjects import DIRECTORY, INTAKE_KEY, submit_stream, urgent_stream
from services.exchange import admin
from services.exchange.deciding import NEVER
from services.exchange.intake import IntakeKeyring
from services.exchange.rates import LaneRates
from services.exchange.story_watch import StoryWatch
from services.exchange.streams import ensure_lanes, ensure_ledger, lane_owners
from services.exchange.tree_keeping import keep_log
from services.exchange.trimming import keep_trimmed
from services.exchange.waking import Waker
from services.exchange.worker import Worker
from services.runtime.collecting import calm_collector
from services.runtime.connection import connect
from services.runtime.directories import DirectoryHolder, from_file
from services.runtime.known import Handout
from services.runtime.log import error_keys, get
from services.runtime.partnership import Partnership
from services.runtime.subscribing import Request, make_broker, request_subscriber
from services.runtime.tasks import first_of

_log = get(__name__)
_KEYS_EVERY_S = 3600.0
_LANES_EVERY_S = 1.0


async def run(
    partnership: Partnership,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None],
    urgent: bool = False,
) -> None:
    """Run the exchange until `stop` is set; `urgent` works the child-protection lanes only.

    There nothing is ever held: it is accepted, or refused at once and somebody is told.
    Raises `partnership.*`, `directory.*`, `key.*` or `nats.*` errors when it cannot start.
    """
    name = "exchange-urgent" if urgent else "exchange"
    seen = partnership.folder / "seen" / f"{name}.version"
    holder = from_file(partnership.directory_path, partnership.root_x, seen, _rules_are_readable)
    await holder.refresh()
    holder.current  # noqa: B018 - raises before anything is made by a directory that is over
    signer = partnership.service_signer("exchange", lambda: holder.current)
    keyring = IntakeKeyring(partnership.keys, signer, partnership.exchange)
    keyring.refresh(datetime.now(UTC))
    url, ca = partnership.nats_url(), partnership.nats_ca
    client = await connect(url, partnership.nkey(name), name=name, ca=ca)
    js = client.jetstream(timeout=10)
    replicas = partnership.settings.replicas
    lanes, story = _Lanes(urgent=urgent, replicas=replicas), StoryWatch()
    try:
        await ensure_ledger(js, replicas)
        directory = holder.current
        await ensure_lanes(js, directory, replicas)
        lanes.take(directory)
        hold = NEVER if urgent else timedelta(seconds=partnership.settings.hold_s)
        worker = Worker(
            client,
            js,
            exchange=partnership.exchange,
            key=signer,
            directory=lambda: holder.current,
            intake=lambda: keyring.keys,
            lanes=lambda: lanes.names,
            hold=hold,
            story_up=story.up,
            rates=_rates(partnership, holder, urgent=urgent),
        )
        beside = [holder.keep_fresh(), lanes.follow(holder, js), _keep_keys(keyring)]
        beside.append(story.keep(client))
        beside.append(_answer(partnership, name, holder, keyring, worker, (client, js)))
        if not urgent:
            beside.append(Waker(js, worker, partnership.exchange).run())
            beside.append(keep_trimmed(client, js, worker))
            beside.append(keep_log(partnership, (client, js), signer, lambda: holder.current))
        calm_collector()
        await first_of(worker.run(stop, ready), *beside)
    finally:
        await client.close()


def _rules_are_readable(directory: Directory) -> None:
    """Raise `rules.*` for a directory whose rules this release cannot judge by."""
    must_be_readable(directory, datetime.now(UTC))


def _rates(partnership: Partnership, holder: DirectoryHolder, *, urgent: bool) -> LaneRates:
    """Return the rates of the lanes; those of our own services have none."""
    stream = urgent_stream if urgent else submit_stream
    return LaneRates(
        partnership.settings.lane_rate,
        waits=not urgent,
        free=lambda: {stream(service) for service in holder.current.services},
    )


class _Lanes:
    """The names of the lanes that one worker works, as the directory grows."""

    def __init__(self, *, urgent: bool, replicas: int) -> None:
        self._stream = urgent_stream if urgent else submit_stream
        self._replicas = replicas
        self._version = 0
        self.names: tuple[str, ...] = ()

    def take(self, directory: Directory) -> None:
        """Take the lanes of `directory`; their streams exist."""
        self.names = tuple(self._stream(owner) for owner in lane_owners(directory))
        self._version = directory.document.version

    async def follow(self, holder: DirectoryHolder, js: JetStreamContext) -> None:
        """Create and take the lanes of those who join, until cancelled."""
        while True:
            await asyncio.sleep(_LANES_EVERY_S)
            try:
                directory = holder.current  # once: the next may come while the server answers
                if directory.document.version != self._version:
                    await ensure_lanes(js, directory, self._replicas)
                    self.take(directory)
            except Exception as error:  # noqa: BLE001 - tried again, whatever it was
                _log.warning("lanes.not-followed", **error_keys(error))


async def _keep_keys(keyring: IntakeKeyring) -> None:
    while True:
        await asyncio.sleep(_KEYS_EVERY_S)
        try:
            keyring.refresh(datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            _log.warning("intake.not-refreshed", **error_keys(error))


async def _answer(
    partnership: Partnership,
    name: str,
    holder: DirectoryHolder,
    keyring: IntakeKeyring,
    worker: Worker,
    connection: tuple[Client, JetStreamContext],
) -> None:
    """Answer `directory`, `intake-key` and what the operator asks, until cancelled.

    Either process answers, so that child protection can be sent while the other is away.
    """
    url, nkey = partnership.nats_url(), partnership.nkey(name)
    broker = make_broker(url, nkey, name=f"{name}-answers", ca=partnership.nats_ca)

    handout = Handout()

    @request_subscriber(broker, f"{DIRECTORY}.>")
    async def directory(request: Request) -> bytes:
        return handout.answer(holder.raw, request.data)

    @request_subscriber(broker, f"{INTAKE_KEY}.>")
    async def intake_key(_request: Request) -> bytes:
        return keyring.signed(datetime.now(UTC))

    @request_subscriber(broker, f"exchange.admin.status.{name}")
    async def status(_request: Request) -> bytes:
        return orjson.dumps({**asdict(worker.counts), "held_now": len(worker.holds)})

    admin.subscribe(
        broker,
        *connection,
        lambda: holder.current,
        partnership.exchange,
        replicas=partnership.settings.replicas,
        urgent=name != "exchange",
    )
    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.stop()
