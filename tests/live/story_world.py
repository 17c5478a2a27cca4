"""A story service on a real server, with a ledger written by hand and two gateways that ask it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy import select

from contracts import subjects
from contracts.consents import ConsentHeld
from contracts.errors import HandrailError
from contracts.reasons import Refusal
from contracts.seal import Sealed, peek
from services.agency.reading import sign_request
from services.exchange.streams import ensure_lanes, ensure_ledger
from services.runtime.connection import connect
from services.runtime.keystore import KeyStore
from services.runtime.nats_config import HUB_PREFIX, Gateway, ServerPlan, ServiceRole, ServiceUser
from services.runtime.nkeys import NKey
from services.runtime.partnership import FILE, Partnership
from services.runtime.settings import Settings
from services.runtime.subscribing import ask
from services.story.app import open_store, run
from services.story.tables import MESSAGES
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.live.conftest import ServerFactory
from tests.unit.story_cases import Exchange, Written, cursor

DEADLINE_S = 20.0
GATEWAYS = {"schools": (SCHOOL,), "council": (FRONT, CARE)}
READERS = {SCHOOL: TEACHER, FRONT: DUTY, CARE: WORKER}
ALONE = Path(__file__).with_name("story_alone.py")


@dataclass
class World:
    """The server, a state folder, the exchange's hand and the connections of everyone else."""

    url: str
    partnership: Partnership
    exchange: Exchange
    clients: dict[str, Client]

    @property
    def ledger(self) -> JetStreamContext:
        """JetStream as the exchange may use it."""
        return self.clients["exchange"].jetstream()

    async def submit(self, sealed: Sealed, consents: Iterable[ConsentHeld] = ()) -> Written:
        """Submit through the sender's own gateway, and accept without writing the ledger."""
        data = self.exchange.submission(sealed)
        event = peek(sealed)
        assert not isinstance(event, Refusal)
        agency = event.agency
        subject = subjects.submit(agency, event.subject)
        gateway = next(name for name, carried in GATEWAYS.items() if agency in carried)
        sequence = (
            await self.clients[f"{gateway}-desk"]
            .jetstream(prefix=HUB_PREFIX)
            .publish(subject, data)
        ).seq
        return self.exchange.accept(sealed, sequence, submission=data, consents=consents)

    async def decide(self, written: Written) -> int:
        """Write the journey entry and the deliveries; give the entry's place in the ledger."""
        place = (await self.ledger.publish(subjects.journey(written.child), written.entry)).seq
        for agency, delivery in written.deliveries.items():
            await self.ledger.publish(subjects.inbox(agency, written.id), delivery)
        return place

    async def advance(self, written: Written) -> None:
        """Write the lane's cursor up to a message."""
        await self.ledger.publish(subjects.cursor(written.lane), cursor(written.sequence))

    async def tell(self, sealed: Sealed, consents: Iterable[ConsentHeld] = ()) -> Written:
        """Submit a message and accept it, with everything that the ledger then holds."""
        written = await self.submit(sealed, consents)
        await self.decide(written)
        await self.advance(written)
        return written

    def request(self, reader: str, child: str, message: str | None = None) -> bytes:
        """Sign a request to read as `reader`."""
        key = self.exchange.area.keys[reader]
        return sign_request(key, child, message, "to decide on the referral", datetime.now(UTC))

    async def read(self, agency: str, child: str, message: str | None = None) -> dict[str, Any]:
        """Read as a practitioner of `agency`, through its gateway."""
        return await self.forward(agency, self.request(READERS[agency], child, message))

    async def forward(self, agency: str, data: bytes, verb: str = "read") -> dict[str, Any]:
        """Ask the story as the gateway of `agency` does."""
        return orjson.loads(await self.forward_raw(agency, data, verb))  # type: ignore[no-any-return]

    async def forward_raw(self, agency: str, data: bytes, verb: str = "read") -> bytes:
        """Ask as `forward` does, and give the bytes of the answer."""
        gateway = next(name for name, carried in GATEWAYS.items() if agency in carried)
        return await ask(self.clients[f"{gateway}-service"], f"story.{agency}.{verb}", data)

    async def admin(self, what: str) -> dict[str, Any]:
        """Ask as the operator."""
        return orjson.loads(await ask(self.clients["operator"], f"story.admin.{what}", b""))  # type: ignore[no-any-return]

    @asynccontextmanager
    async def service(self) -> AsyncIterator[None]:
        """Run the service in this process."""
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(run(self.partnership, stop, ready=ready.set))
        waiting = asyncio.create_task(ready.wait())
        try:
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            yield
        finally:
            waiting.cancel()
            stop.set()
            await asyncio.wait_for(task, DEADLINE_S)

    async def service_alone(self) -> asyncio.subprocess.Process:
        """Start the service as a process of its own, which may be killed."""
        return await asyncio.create_subprocess_exec(
            sys.executable, str(ALONE), str(self.partnership.folder), self.url
        )

    async def stored(self) -> list[tuple[str, int]]:
        """Give sender and sequence of every message stored, while no service runs."""
        store = open_store(self.partnership)
        try:
            columns = select(MESSAGES.c.sender, MESSAGES.c.sequence).order_by(MESSAGES.c.ledger)
            return [tuple(row) for row in await store.run(lambda c: c.execute(columns).all())]
        finally:
            await store.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, but not for ever."""
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():
            await asyncio.sleep(0.02)


async def refused(world: World, agency: str, data: bytes) -> tuple[str, str, str]:
    """Fail to read, and give all that the asker is told."""
    with pytest.raises(HandrailError) as caught:
        await world.forward(agency, data)
    return caught.value.code, caught.value.message, caught.value.remedy


def words(answer: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    """Give the words of an answer, in order."""
    return [s["statement"]["value"] for s in answer["statements"]]


async def positions(world: World, wanted: dict[str, int]) -> None:
    """Wait until the story's positions are exactly these."""

    async def there() -> bool:
        return await world.admin("positions") == wanted

    await until(there)


@asynccontextmanager
async def world_on(server_factory: ServerFactory, folder: Path) -> AsyncIterator[World]:
    """Give a world whose state folder is `folder`, with every stream and nothing in them."""
    keys = {
        name: NKey.generate()
        for name in (*ServiceRole, *(f"{g}-{u}" for g in GATEWAYS for u in ("service", "desk")))
    }
    server = await server_factory(_plan(keys, folder))
    exchange = Exchange()
    partnership = _founded(folder, server.url, exchange, keys)
    clients: dict[str, Client] = {}
    try:
        for name, key in keys.items():
            clients[name] = await connect(server.url, key, name=f"test-{name}")
        world = World(server.url, partnership, exchange, clients)
        await ensure_ledger(world.ledger)
        await ensure_lanes(world.ledger, exchange.area.directory)
        yield world
    finally:
        for client in clients.values():
            await client.close()


def _plan(keys: dict[str, NKey], folder: Path) -> ServerPlan:
    return ServerPlan(
        "127.0.0.1",
        0,
        folder,
        tuple(ServiceUser(f"demo.{role}", keys[role].public) for role in ServiceRole),
        tuple(
            Gateway(name, keys[f"{name}-service"].public, keys[f"{name}-desk"].public, agencies)
            for name, agencies in GATEWAYS.items()
        ),
    )


def _founded(folder: Path, url: str, exchange: Exchange, keys: dict[str, NKey]) -> Partnership:
    """Write the state folder that the service reads."""
    (folder / "nkeys").mkdir(parents=True)
    (folder / "nkeys/story.seed").write_text(keys["story"].seed)
    (folder / "directory.jws").write_bytes(exchange.area.signed)
    said = {"partnership": "demo", "root_x": exchange.area.root.x}
    (folder / FILE).write_text(json.dumps(said))
    exchange.intake = KeyStore(folder / "keys").create_encryption(f"intake/{exchange.month}")
    return Partnership.load(Settings.load(state_dir=folder, nats_url=url))
