"""Two gateways on a real server, with an exchange and a story service made by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts import subjects
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.seal import Sealed, peek
from services.agency.reading import sign_request
from services.exchange.streams import ensure_ledger, inbox_config
from services.runtime.connection import connect
from services.runtime.keystore import KeyStore
from services.runtime.nats_config import Gateway, ServerPlan, ServiceUser
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.runtime.subscribing import ERROR_HEADER, ask
from tests.area import DUTY, FRONT, GP, SCHOOL, Area
from tests.deliveries import delivery
from tests.live.brokers import has_read
from tests.live.conftest import ServerFactory
from tests.messages import protection

WITHIN_S = 30.0
GATEWAYS = {"schools": (SCHOOL, GP), "front-door": (FRONT,)}
HUB = ("exchange", "story")
WORDS = "he is afraid to go home"


@dataclass
class World:
    """A partnership on a running server, with a hand-made exchange and story service."""

    area: Area
    partnership: Partnership
    clients: dict[str, Client]
    story_asked: list[str] = field(default_factory=list)
    story_answer: bytes | HandrailError = b""
    directory: Subscription | None = None

    async def deliver(self, agency: str, record: bytes, message: str = "") -> int:
        """Write a record to the ledger, as only the exchange can, and return its sequence."""
        subject = subjects.inbox(agency, message or new_reference())
        return (await self.clients["exchange"].jetstream().publish(subject, record)).seq

    async def send(
        self,
        sealed: Sealed,
        agency: str,
        *,
        protects: bool = False,
        box: object = None,
        **beside: object,
    ) -> str:
        """Deliver `sealed` with a true attestation and return its id; `box` travels along.

        `beside` is written into the record as it is.
        """
        event = peek(sealed)
        message: str = event.id  # type: ignore[union-attr]
        extra: dict[str, Any] = {**beside, "disclosures": box} if box else {**beside}
        record = delivery(self.area, sealed, agency, changes={"protection": protects}, **extra)
        await self.deliver(agency, record, message)
        return message

    async def ask(self, agency: str, verb: str, body: object = None) -> dict[str, Any]:
        """Ask an agency's service as its desk."""
        gateway = next(name for name, agencies in GATEWAYS.items() if agency in agencies)
        data = body if isinstance(body, bytes) else orjson.dumps(body or {})
        answer = await ask(
            self.clients[f"{gateway}-desk"], f"agency.{agency}.{verb}", data, timeout_s=15
        )
        return json.loads(answer)  # type: ignore[no-any-return]

    async def state(self, agency: str, message: str) -> str:
        """Return the state of a delivery."""
        return str((await self.ask(agency, "delivery", {"message": message}))["state"])

    async def messages(self, agency: str, count: int) -> list[dict[str, Any]]:
        """Return the lines of an inbox once there are `count`, of which it must hold no more."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                listed: list[dict[str, Any]] = (await self.ask(agency, "inbox"))["messages"]
                if len(listed) >= count:
                    assert len(listed) == count
                    return listed
                await asyncio.sleep(0.02)

    async def reasons(self, agency: str, count: int) -> dict[int, str]:
        """Return the reasons by ledger sequence once `count` records were set aside."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                aside = (await self.ask(agency, "quarantine"))["quarantined"]
                if len(aside) >= count:
                    return {one["sequence"]: one["reason"] for one in aside}
                await asyncio.sleep(0.02)

    async def settled(self, agency: str) -> None:
        """Wait until the ledger holds nothing more for `agency`."""
        stream = self.clients["exchange"].jetstream()
        async with asyncio.timeout(WITHIN_S):
            while True:
                info = await stream.consumer_info(subjects.LEDGER, subjects.inbox_consumer(agency))
                if info.num_pending == 0 and info.num_ack_pending == 0:
                    return
                await asyncio.sleep(0.02)

    async def give_directory(self) -> Subscription:
        """Answer for the directory as the exchange does, until unsubscribed."""

        async def answer(message: Msg) -> None:
            await message.respond(self.area.signed)

        given = await self.clients["exchange"].subscribe(f"{subjects.DIRECTORY}.>", cb=answer)
        await has_read(self.clients["exchange"])
        return given

    async def add_consumer(self, agency: str) -> None:
        """Create the inbox consumer of an agency."""
        await (
            self.clients["exchange"].jetstream().add_consumer(subjects.LEDGER, inbox_config(agency))
        )

    async def answer_stories(self) -> None:
        """Let a story service answer every read with `story_answer`."""

        async def read(message: Msg) -> None:
            self.story_asked.append(message.subject)
            if isinstance(self.story_answer, bytes):
                await message.respond(self.story_answer)
                return
            error = self.story_answer
            told = {"code": error.code, "message": error.message, "remedy": error.remedy}
            await self.clients["story"].publish(
                message.reply, orjson.dumps(told), headers={ERROR_HEADER: error.code}
            )

        await self.clients["story"].subscribe("story.*.*.read", cb=read)
        await has_read(self.clients["story"])

    @asynccontextmanager
    async def serving(self, service: ModuleType, gateway: str | None = None) -> AsyncIterator[None]:
        """Run a service until the block ends; it is ready within it."""
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(
            service.run(self.partnership, stop, ready=ready.set, gateway=gateway)
        )
        try:
            waiting = asyncio.create_task(ready.wait())
            async with asyncio.timeout(WITHIN_S):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            assert ready.is_set()
            yield
        finally:
            stop.set()
            async with asyncio.timeout(WITHIN_S):
                await task


def area_of_two_schools() -> Area:
    """Return an area in which one gateway carries the school and the surgery."""
    area = Area()
    moved = tuple(
        agency.model_copy(update={"gateway": "schools"}) if agency.id == GP else agency
        for agency in area.document.agencies
    )
    area.document = area.document.model_copy(update={"agencies": moved})
    return area


def write_folder(folder: Path, area: Area, url: str, keys: dict[str, NKey]) -> Partnership:
    """Write what the services read from the folder of state."""
    (folder / "nkeys").mkdir(parents=True)
    for user, key in keys.items():
        (folder / "nkeys" / f"{user}.seed").write_text(key.seed)
    (folder / "directory.jws").write_bytes(area.signed)
    store = KeyStore(folder / "keys")
    for agency, private in area.delivery.items():
        store._store(f"delivery/{agency}/{area.now:%Y-%m}", private)
    settings = Settings.load(state_dir=folder, nats_url=url)
    return Partnership(folder, "demo", area.root.x, settings)


@asynccontextmanager
async def world_of(
    server_factory: ServerFactory, folder: Path, served: tuple[str, ...] = (SCHOOL, GP, FRONT)
) -> AsyncIterator[World]:
    """Give a server with two gateways, a ledger, and an exchange that gives out the directory.

    The exchange has made the inbox consumers of the agencies `served`.
    """
    area = area_of_two_schools()
    users = [f"{name}-{user}" for name in GATEWAYS for user in ("service", "desk")]
    keys = {name: NKey.generate() for name in (*HUB, *users)}
    gateways = tuple(
        Gateway(name, keys[f"{name}-service"].public, keys[f"{name}-desk"].public, agencies)
        for name, agencies in GATEWAYS.items()
    )
    services = tuple(ServiceUser(f"demo.{name}", keys[name].public) for name in HUB)
    server = await server_factory(ServerPlan("127.0.0.1", 0, folder, services, gateways))
    partnership = write_folder(folder / "state", area, server.url, keys)
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for name in (*HUB, "schools-desk", "front-door-desk"):
            clients[name] = await connect(server.url, keys[name], name=name)
            stack.push_async_callback(clients[name].close)
        made = World(area, partnership, clients)
        made.directory = await made.give_directory()
        await ensure_ledger(clients["exchange"].jetstream())
        for agency in served:
            await made.add_consumer(agency)
        yield made


def read_request(world: World, message: str, child: str, who: str = DUTY) -> bytes:
    """Return a request to open, signed now."""
    return sign_request(world.area.keys[who], child, message, "deciding", datetime.now(UTC))


def told(world: World) -> Sealed:
    """Return a child-protection referral with words in it."""
    statement = world.area.statement("concern.what_happened", WORDS)
    return protection(world.area, new_reference(), statements=[statement])


def child_of(sealed: Sealed) -> str:
    """Return the child that a message is about."""
    event = peek(sealed)
    return str(event.subject)  # type: ignore[union-attr]


def joined_by(area: Area) -> Area:
    """Return the area after its root named new keys for everybody in a newer directory."""
    joined = Area(version=2)
    joined.root, joined.services = area.root, area.services
    newer = joined._document(2)
    joined.document = newer.model_copy(update={"agencies": area.document.agencies})
    return joined


async def answers(world: World, agency: str) -> bool:
    """Tell whether the service of an agency answers its desk."""
    try:
        await world.ask(agency, "inbox")
    except HandrailError as error:
        return error.code != "service.unreachable"
    return True
