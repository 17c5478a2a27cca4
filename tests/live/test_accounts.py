"""Gateways join, change their identities and leave on a running nats-server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import StreamConfig

from contracts import subjects
from contracts.errors import HandrailError
from services.runtime.connection import connect
from services.runtime.nats_config import Gateway, Limits, ServerPlan, ServiceUser, agrees, render
from services.runtime.nkeys import NKey
from services.runtime.server import EmbeddedServer, StateLock
from tests.live.brokers import has_read

pytestmark = [
    pytest.mark.live,
    pytest.mark.asyncio,
    # nats-py drops the stream of an attempt to reconnect that the server refused, unclosed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WITHIN_S = 15
ALPHA, BETA, GAMMA = "demo.alpha-school", "demo.beta-school", "demo.gamma-school"
CHILD = "CHILD000000000000001"
LIMITS = Limits(connections=3, subscriptions=8, payload=4096)


@dataclass
class Running:
    """A server with the gateway alpha, whose plan a test changes, and everyone's connections."""

    server: EmbeddedServer
    plan: ServerPlan
    keys: dict[str, NKey]
    stack: AsyncExitStack
    clients: dict[str, Client] = field(default_factory=dict)

    def gateway(self, name: str, *agencies: str) -> Gateway:
        """Return a gateway with keys of its own, made the first time."""
        for user in ("service", "desk"):
            self.keys.setdefault(f"{name}-{user}", NKey.generate())
        service, desk = self.keys[f"{name}-service"].public, self.keys[f"{name}-desk"].public
        return Gateway(name, service, desk, agencies)

    async def take(self, *gateways: Gateway) -> None:
        """Have the server take a plan of these gateways."""
        self.plan = replace(self.plan, gateways=gateways)
        await self.server.reload(self.plan)

    async def connect(self, user: str) -> Client:
        """Connect as `user`; the connection is closed at the end of the test."""
        client = await connect(self.server.url, self.keys[user], name=user)
        self.stack.push_async_callback(client.close)
        self.clients[user] = client
        return client


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Give a server that knows the gateway alpha, with an exchange that has made the lanes."""
    keys = {"exchange": NKey.generate()}
    users = (ServiceUser("demo.exchange", keys["exchange"].public),)
    plan = ServerPlan("127.0.0.1", 0, tmp_path, users, limits=LIMITS)
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(StateLock(tmp_path / "state"))
        made = Running(EmbeddedServer(lock, plan), plan, keys, stack)
        made.plan = replace(plan, gateways=(made.gateway("alpha", ALPHA),))
        made.server = EmbeddedServer(lock, made.plan)
        await stack.enter_async_context(made.server)
        exchange = await made.connect("exchange")
        await made.connect("alpha-service")
        await make_lanes(exchange)
        yield made


async def make_lanes(exchange: Client) -> None:
    """Make every school's lane, and answer for the directory."""
    for agency in (ALPHA, BETA, GAMMA):
        stream, lane = subjects.submit_stream(agency), f"submit.{agency}.>"
        await exchange.jetstream().add_stream(StreamConfig(name=stream, subjects=[lane]))

    async def answer(message: Msg) -> None:
        await message.respond(b"the directory")

    await exchange.subscribe(f"{subjects.DIRECTORY}.>", cb=answer)
    await has_read(exchange)


async def submits(client: Client, agency: str) -> bool:
    """Tell whether `client` submits for `agency` and hears from the exchange."""
    stored = await client.jetstream().publish(subjects.submit(agency, CHILD), b"sealed")
    heard = await client.request(subjects.DIRECTORY, b"")
    return stored.stream == subjects.submit_stream(agency) and heard.data == b"the directory"


async def eventually(right: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until something holds; fail after a while."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = right()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def is_refused(running: Running, user: str) -> bool:
    """Tell whether the server does not know a user's key."""
    with pytest.raises(HandrailError) as refusal:
        await connect(running.server.url, running.keys[user], name=user)
    return refusal.value.code == "nats.refused"


def undisturbed(running: Running, *users: str) -> bool:
    """Tell whether these users' first connections are still up."""
    clients = [running.clients[user] for user in users]
    return all(one.is_connected and one.stats["reconnects"] == 0 for one in clients)


async def test_a_gateway_that_joins_works_at_once_and_disturbs_nobody(running: Running) -> None:
    """After one reload a new gateway submits and is answered; everyone else is still connected."""
    await running.take(running.gateway("alpha", ALPHA), running.gateway("beta", BETA))

    beta = await running.connect("beta-service")

    assert await submits(beta, BETA)
    assert await submits(running.clients["alpha-service"], ALPHA)
    assert undisturbed(running, "exchange", "alpha-service")


async def test_a_gateway_gains_an_agency_without_being_disconnected(running: Running) -> None:
    """The connection that a gateway has may act for an agency that joins behind it."""
    await running.take(running.gateway("alpha", ALPHA, GAMMA))

    assert await submits(running.clients["alpha-service"], GAMMA)
    assert undisturbed(running, "exchange", "alpha-service")


async def test_an_agency_that_left_its_gateway_is_nobodys(running: Running) -> None:
    """A gateway that has lost one of its agencies goes on for the others and not for that one."""
    await running.take(running.gateway("alpha", ALPHA, GAMMA))
    await running.take(running.gateway("alpha", ALPHA))
    alpha = running.clients["alpha-service"]

    with pytest.raises((NatsError, TimeoutError)):
        await alpha.jetstream(timeout=0.5).publish(subjects.submit(GAMMA, CHILD), b"sealed")

    assert await submits(alpha, ALPHA)
    assert undisturbed(running, "alpha-service")


async def test_old_and_new_identities_connect_until_the_old_ones_are_retired(
    running: Running,
) -> None:
    """A change of keys overlaps; retiring disconnects who still uses the old one, at once."""
    old = running.gateway("alpha", ALPHA)
    running.keys["old"] = running.keys.pop("alpha-service")
    fresh = running.gateway("alpha", ALPHA)

    await running.take(replace(fresh, retiring_service=(old.service_nkey,)))
    renewed = await running.connect("alpha-service")
    both = await submits(renewed, ALPHA)
    earlier = await connect(running.server.url, running.keys["old"], name="earlier")
    running.stack.push_async_callback(earlier.close)
    both = both and await submits(earlier, ALPHA)
    await running.take(fresh)

    assert both
    await eventually(lambda: not earlier.is_connected)
    assert await is_refused(running, "old")
    assert await submits(renewed, ALPHA)
    assert undisturbed(running, "exchange", "alpha-service")


async def test_the_agency_service_answers_desks_with_either_key(running: Running) -> None:
    """While keys overlap, a desk with its old key is answered as one with its new key is."""
    old = running.gateway("alpha", ALPHA)
    running.keys["old-desk"] = running.keys.pop("alpha-desk")
    fresh = replace(running.gateway("alpha", ALPHA), retiring_desk=(old.desk_nkey,))
    await running.take(fresh)

    async def answer(message: Msg) -> None:
        await message.respond(b"inbox")

    service = running.clients["alpha-service"]
    await service.subscribe(f"agency.{ALPHA}.>", cb=answer)
    await has_read(service)
    desks = [await running.connect(user) for user in ("old-desk", "alpha-desk")]
    answers = [await desk.request(f"agency.{ALPHA}.inbox", b"") for desk in desks]

    assert [one.data for one in answers] == [b"inbox", b"inbox"]


async def test_a_gateway_that_leaves_is_disconnected_and_refused(running: Running) -> None:
    """Taking a gateway out of the plan ends its connections at once, and nobody else's."""
    await running.take(running.gateway("alpha", ALPHA), running.gateway("beta", BETA))
    beta = await running.connect("beta-service")

    await running.take(running.gateway("beta", BETA))

    await eventually(lambda: not running.clients["alpha-service"].is_connected)
    assert await is_refused(running, "alpha-service")
    assert await submits(beta, BETA)
    assert undisturbed(running, "exchange", "beta-service")


async def test_what_was_taken_is_what_the_server_starts_with_again(running: Running) -> None:
    """After a crash the server knows who joined, and the file says what the newest plan says."""
    await running.take(running.gateway("alpha", ALPHA), running.gateway("beta", BETA))
    placed = replace(running.plan, store_dir=running.server.folder / "store")

    await running.server.kill()
    await running.server.start()
    beta = await running.connect("beta-service")

    text = (running.server.folder / "server.conf").read_text()
    assert agrees(text, placed)
    assert not agrees(text, replace(placed, gateways=()))
    assert (await beta.jetstream().publish(subjects.submit(BETA, CHILD), b"sealed")).seq == 1


async def test_a_configuration_that_is_not_taken_is_told(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot read what was written goes on as it was, and the reload says so."""
    monkeypatch.setattr(running.server, "_configuration", lambda plan: render(plan)[:-40])
    monkeypatch.setattr("services.runtime.reloading.TAKEN_WITHIN_S", 1.0)

    with pytest.raises(HandrailError) as told:
        await running.take(running.gateway("beta", BETA))

    assert told.value.code == "server.not-reloaded"
    assert undisturbed(running, "exchange", "alpha-service")
    assert await submits(running.clients["alpha-service"], ALPHA)


async def test_a_gateway_cannot_take_all_connections(running: Running) -> None:
    """A gateway at its limit of connections is refused more, and others connect as before."""
    await running.take(running.gateway("alpha", ALPHA), running.gateway("beta", BETA))
    held = [await running.connect("alpha-desk") for _ in range(LIMITS.connections - 1)]

    with pytest.raises(HandrailError) as refused:
        await connect(running.server.url, running.keys["alpha-desk"], name="more", timeout_s=0.5)

    assert refused.value.code == "nats.unreachable"
    assert all(one.is_connected for one in held)
    assert await submits(await running.connect("beta-desk"), BETA)
    await held[0].close()
    assert await submits(await running.connect("alpha-desk"), ALPHA)


async def test_a_gateway_cannot_take_all_subscriptions(running: Running) -> None:
    """A gateway at its limit of subscriptions gets no more of them, and others do."""
    await running.take(running.gateway("alpha", ALPHA), running.gateway("beta", BETA))
    alpha = running.clients["alpha-service"]
    for _ in range(LIMITS.subscriptions + 1):
        await alpha.subscribe(f"agency.{ALPHA}.inbox")

    await eventually(lambda: "maximum subscriptions" in str(alpha.last_error))
    assert await submits(await running.connect("beta-service"), BETA)


async def test_a_message_beyond_a_gateways_limit_reaches_nobody(running: Running) -> None:
    """Too large a message ends the connection that sent it and is not stored."""
    alpha = running.clients["alpha-service"]
    alpha._max_payload = 1024**2  # what nats-py would refuse to send is for the server to refuse
    lane = subjects.submit_stream(ALPHA)

    await alpha.publish(subjects.submit(ALPHA, CHILD), b"x" * (LIMITS.payload + 1))
    await eventually(lambda: alpha.stats["reconnects"] > 0 or not alpha.is_connected)

    info = await running.clients["exchange"].jetstream().stream_info(lane)
    assert info.state.messages == 0
    assert undisturbed(running, "exchange")
