"""The story service: wiring, start and stop."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from faststream import FastStream
from faststream.nats import NatsBroker
from nats.js import JetStreamContext

from services.runtime import log
from services.runtime.directories import DirectoryHolder, from_file
from services.runtime.partnership import Partnership
from services.runtime.pulling import LIBRARY_LOGGER
from services.runtime.subscribing import make_broker
from services.runtime.tasks import first_of
from services.runtime.watchdog import watch
from services.story.following import NEVER_GIVE_UP, Follower, bind
from services.story.handlers import ReadingDesk, subscribe
from services.story.intake import IntakeKeys
from services.story.keeping import SetAside, set_aside
from services.story.store import Store

NAME = "story"
_log = log.get(__name__)


async def run(partnership: Partnership, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
    """Serve until `stop` is set; `ready` is called once requests are answered.

    Waits for the server and for the ledger. Raises `HandrailError` for what a restart may cure
    (`watchdog.watch`) and for a state folder that lacks the service's own (`partnership.*`,
    `nkey.missing`, `directory.*`, `story.ledger-behind`).
    """
    await first_of(_serve(partnership, ready), stop.wait())


def open_store(partnership: Partnership) -> Store:
    """Open the partnership's story; the keys are a database of their own."""
    return Store(partnership.database("story"), partnership.database("story-keys"))


async def _serve(partnership: Partnership, ready: Callable[[], None]) -> None:
    directory = from_file(
        partnership.directory_path, partnership.root_x, partnership.folder / "seen/story.version"
    )
    await directory.refresh()
    url, nkey = partnership.nats_url(), partnership.nkey(NAME)
    store = open_store(partnership)
    broker = make_broker(
        url,
        nkey,
        name=NAME,
        quarantine=_Quarantine(store),
        delivery_limit=NEVER_GIVE_UP,
    )
    app = FastStream(broker, logger=logging.getLogger(LIBRARY_LOGGER))
    try:
        js = (await broker.connect()).jetstream()
        await bind(js, store)
        follower = _wire(broker, js, partnership, store, directory)
        await app.start()
        # Asked after subscribing, so the answer proves that the server knows the subscriptions;
        # nats-py's flush does not, because its PING may overtake what waits to be sent.
        await js.account_info()
        _log.info("service.ready")
        ready()
        await first_of(watch(broker), follower.keep_settling(), directory.keep_fresh())
    finally:
        await app.stop()
        await store.close()


def _wire(
    broker: NatsBroker,
    js: JetStreamContext,
    partnership: Partnership,
    store: Store,
    directory: DirectoryHolder,
) -> Follower:
    follower = Follower(js, store, directory, IntakeKeys(partnership.keys))
    subscribe(broker, follower, ReadingDesk(js, store, directory))
    return follower


class _Quarantine:
    """Write what settlement sets aside to the story's own database: it may not write the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Store the record."""
        record = SetAside(sequence, subject, digest, reason, datetime.now(UTC))
        await self._store.run(partial(set_aside, record=record))
