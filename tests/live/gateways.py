"""Two gateways on one server with the real configuration, each with records that are its own.

What belongs to alpha carries `ALPHA_WORDS` and everything an attacker writes is `FORGED`, so that a
leak or a forgery shows wherever it comes out.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from faststream.nats import NatsMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from contracts import subjects
from services.exchange.streams import lane_config, ledger_config
from services.runtime.broker import NkeyBroker
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX, Gateway, ServerPlan, ServiceUser, render
from services.runtime.nkeys import NKey
from tests.live import servers
from tests.live.brokers import has_read, started

ALPHA = "demo.alpha-school"
BETA = "demo.beta-school"
CHILD = "CHILD000000000000001"
MESSAGE = "MESSAGE0000000000001"
ALPHA_WORDS = b"words of alpha"
BETA_WORDS = b"words of beta"
FORGED = b"{}"
MAY_BE_ASKED = (
    *(
        f"{question}.gateway.{gateway}"
        for question in (subjects.DIRECTORY, subjects.INTAKE_KEY)
        for gateway in ("alpha", "beta")
    ),
    *(f"{subjects.DIRECTORY}.gateway.{gateway}.service" for gateway in ("alpha", "beta")),
    f"story.{BETA}.open",
)
"""What an attacker's gateway may ask in its own name."""
DELIVERIES = 40
SETTLED_S = 60

HUB_USERS = ("exchange", "exchange-urgent", "story", "tracker", "operator", "probe")
GATEWAY_USERS = (
    "alpha.service",
    "alpha.desk",
    "beta.service",
    "beta.desk",
    "beta.retiring-service",
    "beta.retiring-desk",
    "beta.probe",
)
ALPHA_LANES = (subjects.submit(ALPHA, CHILD), subjects.urgent(ALPHA, CHILD))
BETA_LANES = (subjects.submit(BETA, CHILD), subjects.urgent(BETA, CHILD))


@dataclass
class World:
    """A running server, a connection of every user, and what the services in HUB were asked."""

    url: str
    keys: dict[str, NKey]
    clients: dict[str, Client] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    alpha_ack: str = ""
    _fences: int = 0

    async def state(self) -> dict[str, object]:
        """Return what no attack may change; waits until all that was sent before is stored.

        A fence is published to every stream of interest: its sequence says how many records others
        have put there. Those in beta's own lanes are for what beta may send: a stream answers in
        turn, so with the fence all before it is answered, to whomever the answer went.
        """
        for user in ("alpha.service", *HUB_USERS):
            await has_read(self.clients[user])
        exchange = self.clients["exchange"].jetstream()
        alpha = self.clients["alpha.service"].jetstream()
        for lane in BETA_LANES:
            await self.clients["beta.service"].jetstream().publish(lane, b"fence")
        self._fences += 1
        counts = {
            lane: (await alpha.publish(lane, b"fence")).seq - self._fences for lane in ALPHA_LANES
        }
        ledger = (await exchange.publish(subjects.journey(CHILD), b"fence")).seq - self._fences
        inbox = await exchange.consumer_info(subjects.LEDGER, subjects.inbox_consumer(ALPHA))
        streams = await exchange.streams_info()
        return {
            **counts,
            "ledger": ledger,
            "inbox": (inbox.delivered, inbox.ack_floor, inbox.num_ack_pending, inbox.num_pending),
            "consumers": {info.config.name: info.state.consumer_count for info in streams},
            "first": {info.config.name: max(1, info.state.first_seq) for info in streams},
            "subjects": {info.config.name: info.config.subjects for info in streams},
            "asked": [subject for subject in self.asked if subject not in MAY_BE_ASKED],
        }

    async def settled(self) -> dict[str, object]:
        """Return the state once nothing changes it any more.

        JetStream has read a request before it has done and answered it, so one look is not enough:
        two in a row have to be equal.
        """
        before = await self.state()
        async with asyncio.timeout(SETTLED_S):
            while (after := await self.state()) != before:
                before = after
        return after


def plan_of(keys: dict[str, NKey], folder: Path) -> ServerPlan:
    """Return the plan of two gateways of one agency each, with our services beside them."""

    def gateway(name: str, agency: str) -> Gateway:
        service, desk = keys[f"{name}.service"].public, keys[f"{name}.desk"].public
        return Gateway(name, service, desk, (agency,))

    beta = replace(
        gateway("beta", BETA),
        retiring_service=(keys["beta.retiring-service"].public,),
        retiring_desk=(keys["beta.retiring-desk"].public,),
        probe_nkey=keys["beta.probe"].public,
    )

    return ServerPlan(
        listen_host="127.0.0.1",
        port=0,
        store_dir=folder,
        services=tuple(ServiceUser(f"demo.{name}", keys[name].public) for name in HUB_USERS),
        gateways=(gateway("alpha", ALPHA), beta),
    )


def without_gateway_permissions(plan: ServerPlan) -> str:
    """Return the real configuration with every permission of the gateways' users taken away.

    What is still refused then is refused by the accounts alone.
    """
    config = json.loads(render(plan))
    for name, account in config["accounts"].items():
        if name.startswith("GW_"):
            for user in account["users"]:
                del user["permissions"]
    return json.dumps(config)


@asynccontextmanager
async def world(folder: Path, configuration: servers.Configuration) -> AsyncIterator[World]:
    """Start the server, connect every user, set up the streams and let the services answer."""
    keys = {name: NKey.generate() for name in (*HUB_USERS, *GATEWAY_USERS)}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            servers.running(folder, plan_of(keys, folder), configuration)
        )
        made = World(server.url, keys)
        for name, key in keys.items():
            made.clients[name] = await connect(server.url, key, name=name)
            stack.push_async_callback(made.clients[name].close)
            # What nats-py would refuse to send is for the server to refuse.
            made.clients[name]._skip_subject_validation = True
        await _set_up_streams(made)
        await _answer(made)
        await stack.enter_async_context(_agency_service(made))
        yield made


async def _set_up_streams(made: World) -> None:
    stream = made.clients["exchange"].jetstream()
    await stream.add_stream(ledger_config())
    for agency, words in ((ALPHA, ALPHA_WORDS), (BETA, BETA_WORDS)):
        lanes = {
            subjects.submit_stream(agency): f"submit.{agency}.>",
            subjects.urgent_stream(agency): f"urgent.{agency}.>",
        }
        for name, lane in lanes.items():
            await stream.add_stream(lane_config(name, lane))
        await stream.add_consumer(
            subjects.LEDGER,
            ConsumerConfig(
                durable_name=subjects.inbox_consumer(agency),
                filter_subject=f"inbox.{agency}.>",
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=3600,
            ),
        )
        await stream.publish(subjects.receipt(agency, MESSAGE), words)
        for number in range(DELIVERIES):
            await stream.publish(subjects.inbox(agency, f"{MESSAGE}{number}"), words)
    made.alpha_ack = (await pull(made.clients["alpha.service"], ALPHA)).reply


async def pull(client: Client, agency: str, timeout_s: float = 2.0) -> Msg:
    """Pull one delivery as the agency service does; not acknowledged."""
    stream = client.jetstream(prefix=HUB_PREFIX)
    subscription = await stream.pull_subscribe_bind(
        subjects.inbox_consumer(agency), subjects.LEDGER
    )
    try:
        return (await subscription.fetch(1, timeout=timeout_s))[0]
    finally:
        await subscription.unsubscribe()


async def _answer(made: World) -> None:
    """Let every service answer what it is asked, and note what that was."""

    async def note(message: Msg) -> None:
        made.asked.append(message.subject)
        await message.respond(b"answer on " + message.subject.encode())

    for user, subject in (
        ("exchange", f"{subjects.DIRECTORY}.>"),
        ("exchange", f"{subjects.INTAKE_KEY}.>"),
        ("exchange", "exchange.admin.>"),
        ("exchange", "log.>"),
        ("story", "story.>"),
        ("tracker", "tracker.>"),
    ):
        await made.clients[user].subscribe(subject, cb=note)
        await has_read(made.clients[user])


@asynccontextmanager
async def _agency_service(made: World) -> AsyncIterator[None]:
    """Let the agency service of alpha answer its desk, as a FastStream application does."""
    broker = NkeyBroker(made.url, nkey=made.keys["alpha.service"], name="alpha", logger=None)

    @broker.subscriber(f"agency.{ALPHA}.>")
    async def answer(message: NatsMessage) -> bytes:
        return ALPHA_WORDS + message.body

    async with started(broker):
        yield
