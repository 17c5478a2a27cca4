"""The story service: wiring, start and stop."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from faststream import FastStream
from nats.aio.client import Client

from services.runtime import log
from services.runtime.collecting import calm_collector
from services.runtime.directories import from_file
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.partnership import Partnership
from services.runtime.pulling import LIBRARY_LOGGER
from services.runtime.subscribing import make_broker
from services.runtime.tasks import first_of
from services.runtime.watchdog import watch
from services.story import finding, personal_desk
from services.story.asking import FormDesk
from services.story.attached import keep_swept
from services.story.attachments import AttachmentDesk
from services.story.breaking import Teller
from services.story.erasing import recover
from services.story.finding import FindingDesk
from services.story.following import NEVER_GIVE_UP, Follower, bind
from services.story.glass import GlassDesk, subscribe_glass
from services.story.handlers import ReadingDesk, subscribe
from services.story.indexing import Indexing
from services.story.intake import IntakeKeys
from services.story.keeping import SetAside, set_aside
from services.story.personal_desk import PersonalDesk
from services.story.refusing import SignedDesk
from services.story.releasing import ReleaseDesk
from services.story.store import Store
from services.story.telling import NoticeTeller

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
    """Open the partnership's story; the keys and attachments are databases of their own."""
    names = ("story", "story-keys", "story-attachments")
    return Store(*map(partnership.database, names))


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
        ca=partnership.nats_ca,
        importing=True,
        quarantine=_Quarantine(store),
        delivery_limit=NEVER_GIVE_UP,
    )
    app = FastStream(broker, logger=logging.getLogger(LIBRARY_LOGGER))
    try:
        client = await broker.connect()
        js = client.jetstream(prefix=HUB_PREFIX)
        await recover(store)
        indexing = Indexing(store)
        await indexing.prepare()
        await bind(js, store)
        signed = SignedDesk(broker, store, directory)
        follower, notices = _wire(signed, client, partnership)
        intake = IntakeKeys(partnership.keys)
        finding.subscribe(signed, FindingDesk(js, store, directory, intake, indexing))
        await app.start()
        # Asked after subscribing, so the answer proves that the server knows the subscriptions;
        # nats-py's flush does not, because its PING may overtake what waits to be sent.
        await js.account_info()
        calm_collector()
        _log.info("service.ready")
        ready()
        await first_of(
            watch(broker),
            follower.keep_settling(),
            notices.keep_telling(),
            indexing.keep_working(),
            keep_swept(store),
            directory.keep_fresh(),
            store.recent.keep_swept(),
        )
    finally:
        await app.stop()
        await store.close()


def _wire(
    signed: SignedDesk, client: Client, partnership: Partnership
) -> tuple[Follower, NoticeTeller]:
    broker, store, directory = signed.broker, signed.store, signed.directory
    js = client.jetstream(prefix=HUB_PREFIX)
    follower = Follower(js, store, directory, IntakeKeys(partnership.keys))
    desk = ReadingDesk(js, store, directory)
    subscribe(broker, follower, desk, signed)
    ReleaseDesk(js, store, follower).subscribe(broker)
    FormDesk(desk, directory).subscribe(signed)
    AttachmentDesk(desk).subscribe(broker, signed)
    personal_desk.subscribe(broker, PersonalDesk(client, desk, directory), signed)
    service = f"{partnership.id}.{NAME}"
    notices = NoticeTeller(js, store, service)
    teller = Teller(service, lambda: partnership.service_signer(NAME, lambda: directory.current))
    subscribe_glass(signed, GlassDesk(desk, store, directory, teller, notices))
    return follower, notices


class _Quarantine:
    """Write what settlement sets aside to the story's own database: it may not write the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Store the record."""
        record = SetAside(sequence, subject, digest, reason, datetime.now(UTC))
        await self._store.run(partial(set_aside, record=record))
