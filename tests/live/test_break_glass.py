"""Breaking the glass on a real server: answered, recorded, and the notice in the lane at once."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.messages.notices import GLASS_BROKEN
from contracts.protecting import BreakGlassReason
from contracts.reasons import Refusal
from contracts.seal import Sealed, peek
from contracts.subjects import submit_stream
from services.agency.breaking import sign_glass_request
from services.story.app import open_store
from services.story.breaking_tables import REFUSED_READS
from tests.area import CARE, FRONT, SCHOOL, WORKER
from tests.live.conftest import ServerFactory
from tests.live.story_world import World, world_on

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world whose story service can seal."""
    async with world_on(server_factory, tmp_path / "state") as made:
        made.partnership.keys._store("services/story", made.exchange.area.services["story"].raw)
        yield made


def request(world: World, child: str) -> bytes:
    """Sign a request to break the glass as a social worker."""
    key = world.exchange.area.keys[WORKER]
    reason = BreakGlassReason.MISSING_CHILD
    return sign_glass_request(key, child, reason, "she has not come home", datetime.now(UTC))


async def test_breaking_the_glass_answers_and_tells_a_named_person(world: World) -> None:
    """Social care reads what it was not sent, and its manager's notice lies in the story's lane."""
    child = f"CHILD{secrets.token_hex(10).upper()}"
    world.exchange.journeys[child] = Journey(child, involved=(SCHOOL, FRONT, CARE))
    async with world.service():
        written = await world.tell(world.exchange.referral(child))
        await world.read(FRONT, child, written.id)
        answer = await world.forward(CARE, request(world, child), "break-glass")

        assert len(answer["statements"]) == 1
        lane = submit_stream("demo.story")
        found = await world.ledger.get_last_msg(lane, f"submit.demo.story.{child}")
        event = peek(Sealed(orjson.loads(found.data or b"{}")["seal"]))
        assert not isinstance(event, Refusal)
        assert (event.kind, event.data.content["practitioner"]) == (GLASS_BROKEN.name, WORKER)


async def test_what_is_refused_is_recorded_and_tells_nothing(world: World) -> None:
    """An agency without a part gets the answer to what does not exist, for a read as well."""
    child = f"CHILD{secrets.token_hex(10).upper()}"
    world.exchange.journeys[child] = Journey(child, involved=(SCHOOL, FRONT))
    async with world.service():
        await world.tell(world.exchange.referral(child))
        for data, verb in (
            (request(world, child), "break-glass"),
            (world.request(WORKER, child), "read"),
        ):
            with pytest.raises(HandrailError) as caught:
                await world.forward(CARE, data, verb)
            assert caught.value.code == "story.not-found"
    store = open_store(world.partnership)
    rows = await store.run(lambda c: c.execute(select(REFUSED_READS)).all())
    await store.close()
    assert [(r.practitioner, r.child, r.code) for r in rows] == [
        (WORKER, child, "story.not-found")
    ] * 2
