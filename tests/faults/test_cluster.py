"""Three servers in place of one: every stream on all of them, and any one of them may go."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.errors import Error as NatsError

from contracts.identifiers import new_reference
from contracts.subjects import LEDGER, submit, submit_stream
from services.cli.messages import current_directory
from services.runtime.connection import connect
from tests.faults.links import SENDERS
from tests.faults.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

SCHOOL = "demo.hilltop-school"


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Three servers and an exchange on them."""
    made = World(tmp_path / "work", 3)
    made.prepare()
    try:
        await asyncio.gather(*(node.start() for node in made.nodes))
        await made.services["exchange"].start()
        yield made
    finally:
        await made.close()


async def test_the_exchange_keeps_ledger_lanes_and_consumers_on_three_servers(world: World) -> None:
    """With HANDRAIL_REPLICAS=3 each of them has a leader and two followers."""
    js = await world.control()
    streams = [info for info in await js.streams_info() if info.cluster is not None]
    assert {LEDGER, submit_stream(SCHOOL)} <= {str(info.config.name) for info in streams}
    for info in streams:
        assert info.config.num_replicas == 3
        assert len(info.cluster.replicas or ()) == 2  # type: ignore[union-attr]
    for consumer in await js.consumers_info(LEDGER):
        assert consumer.cluster is not None
        assert len(consumer.cluster.replicas or ()) == 2


async def test_the_exchange_goes_on_without_any_one_of_the_servers(world: World) -> None:
    """Whichever server is killed, what is handed in afterwards is taken and decided."""
    for node in world.nodes:
        await node.away()
        assert await _decided(world)
        await node.start()


async def _decided(world: World) -> bool:
    """Hand in bytes that are no message, and wait until the exchange has set them aside."""
    async with asyncio.timeout(60):
        before = await _count(world)
        await _hand_in(world)
        while await _count(world) <= before:
            await asyncio.sleep(0.1)
        return True


async def _hand_in(world: World) -> None:
    """Publish as the school's desk until the lane has it."""
    child = new_reference()
    gateway = current_directory(world.partnership).agencies[SCHOOL].gateway
    key = world.partnership.nkey(f"{gateway}-desk")
    client = await connect(world.url_for(SENDERS), key, name="desk")
    try:
        while True:
            try:
                await client.jetstream().publish(submit(SCHOOL, child), child.encode())
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                return
    finally:
        await client.close()


async def _count(world: World) -> int:
    while True:
        try:
            js = await world.control()
            info = await js.stream_info(LEDGER, subjects_filter="quarantine.>")
        except (NatsError, TimeoutError):
            await asyncio.sleep(0.2)
        else:
            return len(info.state.subjects or {})
