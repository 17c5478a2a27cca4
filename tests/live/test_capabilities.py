"""What every user must be able to do, with the exact subjects, under the real configuration."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from faststream import AckPolicy
from faststream.nats import JStream, NatsMessage, PullSub
from nats.aio.client import Client
from nats.js.api import AckPolicy as JetStreamAckPolicy
from nats.js.api import ConsumerConfig, StreamConfig

from contracts import subjects
from services.runtime.broker import NkeyBroker
from services.runtime.nats_config import HUB_PREFIX, render
from services.runtime.nkeys import inbox_prefix
from tests.live.gateways import ALPHA, ALPHA_WORDS, BETA, BETA_WORDS, CHILD, MESSAGE, World, world

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

OWN_LANES = {user: f"submit.demo.{user}.>" for user in ("exchange", "story", "tracker")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give the two gateways, and the lanes of our own services."""
    async with world(tmp_path_factory.mktemp("real"), render) as made:
        stream = made.clients["exchange"].jetstream()
        for user, lane in OWN_LANES.items():
            name = subjects.submit_stream(f"demo.{user}")
            await stream.add_stream(StreamConfig(name=name, subjects=[lane]))
        yield made


@pytest.mark.parametrize("user", ["alpha.service", "alpha.desk"])
async def test_a_gateway_submits_and_reads_its_receipts(real: World, user: str) -> None:
    """Both users of a gateway get JetStream's answer to a submission, and read their receipts."""
    stream = real.clients[user].jetstream(prefix=HUB_PREFIX)

    normal = await stream.publish(subjects.submit(ALPHA, CHILD), b"sealed")
    urgent = await stream.publish(subjects.urgent(ALPHA, CHILD), b"sealed")
    receipt = await stream.get_last_msg(
        subjects.LEDGER, subjects.receipt(ALPHA, MESSAGE), direct=True
    )

    assert normal.stream == subjects.submit_stream(ALPHA)
    assert urgent.stream == subjects.urgent_stream(ALPHA)
    assert receipt.data == ALPHA_WORDS


@pytest.mark.parametrize("user", ["alpha.service", "alpha.desk"])
@pytest.mark.parametrize("subject", [subjects.DIRECTORY, subjects.INTAKE_KEY])
async def test_a_gateway_gets_directory_and_intake_key(
    real: World, user: str, subject: str
) -> None:
    """The exchange answers both, and learns from the server which gateway asked."""
    answer = await real.clients[user].request(subject, b"")

    assert answer.data == b"answer on " + subject.encode() + b".gateway.alpha"


async def test_the_agency_service_asks_for_a_story(real: World) -> None:
    """The story service hears the request under the agency's name and its answer comes back."""
    subject = f"story.{ALPHA}.open"

    answer = await real.clients["alpha.service"].request(subject, b"signed")

    assert answer.data == b"answer on " + subject.encode()


async def test_the_agency_service_asks_for_the_log(real: World) -> None:
    """The exchange hears a witness's request under the agency's name, and its answer comes back."""
    subject = subjects.log_request(ALPHA, "head")

    answer = await real.clients["alpha.service"].request(subject, b"")

    assert answer.data == b"answer on " + subject.encode()


async def test_the_desk_talks_to_its_agency_service(real: World) -> None:
    """Within a gateway's account the desk asks on `agency.<agency>.>` and is answered."""
    answer = await real.clients["alpha.desk"].request(f"agency.{ALPHA}.inbox", b"?")

    assert answer.data == ALPHA_WORDS + b"?"


async def test_an_agency_service_pulls_and_settles_its_inbox(real: World) -> None:
    """nats-py looks at the consumer, pulls a delivery and has its acknowledgement confirmed."""
    stream = real.clients["alpha.service"].jetstream(prefix=HUB_PREFIX)
    consumer = subjects.inbox_consumer(ALPHA)
    before = await stream.consumer_info(subjects.LEDGER, consumer)

    subscription = await stream.pull_subscribe_bind(consumer, subjects.LEDGER)
    deliveries = await subscription.fetch(5, timeout=5)
    for delivery in deliveries:
        await delivery.ack_sync()
    after = await stream.consumer_info(subjects.LEDGER, consumer)

    assert [delivery.data for delivery in deliveries] == [ALPHA_WORDS] * 5
    assert before.num_ack_pending == after.num_ack_pending
    assert before.num_pending - 5 == after.num_pending


async def test_faststream_pulls_an_inbox_through_the_gateway(real: World) -> None:
    """A FastStream application with our broker takes and settles every delivery to its agency."""
    key = real.keys["beta.service"]
    broker = NkeyBroker(
        real.url,
        nkey=key,
        name="beta",
        js_options={"prefix": HUB_PREFIX},
        logger=None,
    )
    taken: list[bytes] = []

    @broker.subscriber(
        f"inbox.{BETA}.>",
        stream=JStream(subjects.LEDGER, declare=False),
        durable=subjects.inbox_consumer(BETA),
        pull_sub=PullSub(batch_size=10, timeout=0.5),
        ack_policy=AckPolicy.ACK,
        inbox_prefix=f"{inbox_prefix(key.public)}.".encode(),
        no_reply=True,
    )
    async def take(message: NatsMessage) -> None:
        taken.append(message.body)

    exchange = real.clients["exchange"].jetstream()

    async def pending() -> int:
        info = await exchange.consumer_info(subjects.LEDGER, subjects.inbox_consumer(BETA))
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    waiting = await pending()
    async with broker:
        await broker.start()
        async with asyncio.timeout(10):
            while await pending():
                await asyncio.sleep(0.02)

    assert [BETA_WORDS] * waiting == taken


@pytest.mark.parametrize("user", ["story", "tracker"])
async def test_story_and_tracker_follow_the_ledger(real: World, user: str) -> None:
    """Each makes its own durable consumer, reads journeys with it and looks up single records."""
    client = real.clients[user]
    stream = client.jetstream(prefix=HUB_PREFIX)
    await real.clients["exchange"].jetstream().publish(subjects.journey(CHILD), b"entry")
    config = ConsumerConfig(
        durable_name=user,
        filter_subject="journey.>",
        ack_policy=JetStreamAckPolicy.EXPLICIT,
    )
    await stream.add_consumer(subjects.LEDGER, config)

    subscription = await stream.pull_subscribe_bind(user, subjects.LEDGER)
    entry = (await subscription.fetch(1, timeout=5))[0]
    await entry.ack_sync()
    by_leader = await stream.get_msg(subjects.LEDGER, entry.metadata.sequence.stream)
    newest = await stream.get_last_msg(subjects.LEDGER, subjects.journey(CHILD), direct=True)
    info = await stream.stream_info(subjects.LEDGER)
    await stream.delete_consumer(subjects.LEDGER, user)

    assert by_leader.data == entry.data
    assert newest.seq == info.state.last_seq


async def test_the_story_service_reads_submissions(real: World) -> None:
    """The statements are, encrypted, in what agencies submitted: the story service gets them."""
    lane = subjects.submit(ALPHA, CHILD)
    stored = await real.clients["alpha.service"].jetstream().publish(lane, b"sealed by alpha")
    stream = real.clients["story"].jetstream(prefix=HUB_PREFIX)

    by_leader = await stream.get_msg(subjects.submit_stream(ALPHA), stored.seq)
    direct = await stream.get_msg(subjects.submit_stream(ALPHA), stored.seq, direct=True)

    assert by_leader.data == direct.data == b"sealed by alpha"


@pytest.mark.parametrize("user", OWN_LANES)
async def test_a_service_submits_in_its_own_lane(real: World, user: str) -> None:
    """What a service has to say goes through the exchange too, in a lane of its own."""
    stored = await real.clients[user].jetstream().publish(f"submit.demo.{user}.{CHILD}", b"notice")

    assert stored.stream == subjects.submit_stream(f"demo.{user}")


@pytest.mark.parametrize(
    "subject", ["tracker.journey", "exchange.admin.quarantine", "story.admin.status"]
)
async def test_the_operator_is_answered(real: World, subject: str) -> None:
    """The operator's three kinds of request reach the service they are for, and are answered."""
    answer = await real.clients["operator"].request(subject, b"")

    assert answer.data == b"answer on " + subject.encode()


@pytest.mark.parametrize("user", ["exchange", "exchange-urgent"])
async def test_the_exchange_asks_how_far_the_story_service_is(real: World, user: str) -> None:
    """Before a lane is trimmed, the exchange learns what of it the story service has stored."""
    answer = await real.clients[user].request("story.admin.positions", b"")

    assert answer.data == b"answer on story.admin.positions"


async def test_the_exchange_owns_the_streams(real: World) -> None:
    """The exchange writes every ledger subject, reads lanes without acknowledging, and trims."""
    client: Client = real.clients["exchange"]
    stream = client.jetstream()
    lane = subjects.submit_stream(ALPHA)
    await real.clients["alpha.desk"].jetstream().publish(subjects.submit(ALPHA, CHILD), b"sealed")

    for pattern in subjects.LEDGER_SUBJECTS:
        written = await stream.publish(pattern.replace(">", "demo.x.y"), b"record")
        assert written.stream == subjects.LEDGER
    made = await stream.add_consumer(lane, ConsumerConfig(ack_policy=JetStreamAckPolicy.NONE))
    reader = await stream.pull_subscribe_bind(made.name, lane)
    read = await reader.fetch(1, timeout=5)
    await stream.purge_stream(lane, seq=read[0].metadata.sequence.stream + 1)
    state = (await stream.stream_info(lane)).state

    assert state.first_seq == read[0].metadata.sequence.stream + 1
