"""What was held and then accepted is read as every other message is."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.holding import HeldRecord, read_held
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.seal import Sealed, peek
from contracts.subjects import LEDGER, held, submit, submit_stream
from services.exchange.worker import Worker
from services.runtime.nats_config import HUB_PREFIX
from tests import messages as m
from tests.area import CARE, DUTY, FRONT, SCHOOL
from tests.live.conftest import ServerFactory
from tests.live.exchanging import working
from tests.live.story_world import World, positions, until, words, world_on

pytestmark = pytest.mark.live

LANES = tuple(submit_stream(owner) for owner in (SCHOOL, FRONT, "demo.exchange"))


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no service runs yet, with the real permissions of all."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def send(world: World, sealed: Sealed, gateway: str) -> str:
    """Submit a message through a gateway, and give its id."""
    event = peek(sealed)
    subject = submit(event.agency, event.subject)  # type: ignore[union-attr]
    stream = world.clients[f"{gateway}-desk"].jetstream(prefix=HUB_PREFIX)
    await stream.publish(subject, world.exchange.submission(sealed))
    return event.id  # type: ignore[union-attr]


async def test_the_statements_of_a_held_and_then_accepted_message_can_be_read(
    world: World,
) -> None:
    """The story takes them from where they were submitted, long after it has passed that place."""
    area, exchange, child = world.exchange.area, world.clients["exchange"], new_reference()
    worker = Worker(
        exchange,
        exchange.jetstream(timeout=10),
        exchange="demo.exchange",
        key=area.services["exchange"],
        directory=lambda: area.directory,
        intake=lambda: {world.exchange.month: world.exchange.intake},
        lanes=lambda: LANES,
        hold=timedelta(hours=1),
    )
    request = m.referral(area, child)
    answer = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        [area.statement("decision.reason", "below the threshold", by=DUTY)],
        capacity=Capacity.DUTY_WORKER,
        answers=peek(request).id,  # type: ignore[union-attr]
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"outcome": "not_met"},
    )

    async def is_held() -> bool:
        subjects = (await world.ledger.stream_info(LEDGER, subjects_filter="held.>")).state.subjects
        return bool(subjects)

    async with working(worker), world.service():
        message = await send(world, answer, "council")
        await until(is_held)
        record = await world.ledger.get_last_msg(LEDGER, held(child, message))
        assert isinstance(read_held(record.data or b""), HeldRecord)
        await positions(world, {submit_stream(FRONT): 1})
        await send(world, request, "schools")
        await positions(world, dict.fromkeys(LANES, 1))
        assert words(await world.read(SCHOOL, child, message)) == ["below the threshold"]
