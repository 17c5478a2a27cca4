"""The exchange as a service: its streams, its worker, and what it answers to everyone.

Two processes run it: one for the normal lanes and one for child protection, which has its own
streams, worker and cursors so that nothing else can delay it (design §5).
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import orjson
from nats.js import JetStreamContext

from contracts.directory import Directory
from contracts.rules.in_force import must_be_readable
from contracts.subjects import DIRECTORY, INTAKE_KEY, submit_stream, urgent_stream
from services.exchange.deciding import NEVER
from services.exchange.intake import IntakeKeyring
from services.exchange.story_watch import StoryWatch
from services.exchange.streams import ensure_lanes, ensure_ledger, lane_owners
from services.exchange.trimming import keep_trimmed
from services.exchange.waking import Waker
from services.exchange.worker import Worker
from services.runtime.collecting import calm_collector
from services.runtime.connection import connect
from services.runtime.directories import DirectoryHolder, from_file
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
    signer = partnership.service_key("exchange")
    keyring = IntakeKeyring(partnership.keys, signer, partnership.exchange)
    keyring.refresh(datetime.now(UTC))
    client = await connect(partnership.nats_url(), partnership.nkey(name), name=name)
    js = client.jetstream(timeout=10)
    lanes, story = _Lanes(urgent=urgent), StoryWatch()
    try:
        await ensure_ledger(js)
        await ensure_lanes(js, holder.current)
        lanes.take(holder)
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
        )
        beside = [holder.keep_fresh(), lanes.follow(holder, js), _keep_keys(keyring)]
        beside.append(story.keep(client))
        beside.append(_answer(partnership, name, holder, keyring, worker))
        if not urgent:
            beside.append(Waker(js, worker, partnership.exchange).run())
            beside.append(keep_trimmed(client, js, worker))
        calm_collector()
        await first_of(worker.run(stop, ready), *beside)
    finally:
        await client.close()


def _rules_are_readable(directory: Directory) -> None:
    """Raise `rules.*` for a directory whose rules this release cannot judge by."""
    must_be_readable(directory, datetime.now(UTC))


class _Lanes:
    """The names of the lanes that one worker works, as the directory grows."""

    def __init__(self, *, urgent: bool) -> None:
        self._stream = urgent_stream if urgent else submit_stream
        self.names: tuple[str, ...] = ()

    def take(self, holder: DirectoryHolder) -> None:
        """Take the lanes of the directory in force; their streams exist."""
        self.names = tuple(self._stream(owner) for owner in lane_owners(holder.current))

    async def follow(self, holder: DirectoryHolder, js: JetStreamContext) -> None:
        """Create and take the lanes of those who join, until cancelled."""
        version = holder.current.document.version
        while True:
            await asyncio.sleep(_LANES_EVERY_S)
            try:
                if holder.current.document.version != version:
                    await ensure_lanes(js, holder.current)
                    self.take(holder)
                    version = holder.current.document.version
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
) -> None:
    """Answer `directory`, `intake-key` and the operator's status, until cancelled.

    Either process answers, so that child protection can be sent while the other is away.
    """
    broker = make_broker(partnership.nats_url(), partnership.nkey(name), name=f"{name}-answers")

    @request_subscriber(broker, DIRECTORY)
    async def directory(_request: Request) -> bytes:
        return holder.raw

    @request_subscriber(broker, INTAKE_KEY)
    async def intake_key(_request: Request) -> bytes:
        return keyring.signed(datetime.now(UTC))

    @request_subscriber(broker, f"exchange.admin.status.{name}")
    async def status(_request: Request) -> bytes:
        return orjson.dumps({**asdict(worker.counts), "held_now": len(worker.holds)})

    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.stop()
