"""Releasing what the story set aside, on a real nats-server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from contracts import subjects
from contracts.errors import HandrailError
from contracts.seal import peek
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.subscribing import ask
from services.story import releasing
from tests.area import FRONT, SCHOOL
from tests.live.conftest import ServerFactory
from tests.live.story_world import World, until, words, world_on

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world with nothing in it."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def release(world: World, sequence: int, **how: Any) -> dict[str, Any]:
    """Ask the story to take a record in again."""
    body = {"sequence": sequence, "because": "fault-mended", **how}
    data = await ask(world.clients["operator"], "story.admin.release", orjson.dumps(body))
    return orjson.loads(data)  # type: ignore[no-any-return]


async def test_statements_are_stored_when_their_lane_is_restored_and_the_record_released(
    world: World,
) -> None:
    """Set aside because the submission was gone, released in vain, restored, released: readable."""
    sealed = world.exchange.referral()
    event, data = peek(sealed), world.exchange.submission(sealed)
    written = world.exchange.accept(sealed, 1, submission=data)
    place = await world.decide(written)
    async with world.service():

        async def aside() -> bool:
            return bool((await world.admin("quarantine"))["items"])

        await until(aside)
        in_vain = await release(world, place)
        assert in_vain["outcome"] == "quarantined"
        assert in_vain["reasons"][0]["code"] == "story.submission-gone"
        (item,) = (await world.admin("quarantine"))["items"]
        assert (item["sequence"], item["state"]) == (place, "in quarantine again")
        stream = world.clients["schools-desk"].jetstream(prefix=HUB_PREFIX)
        await stream.publish(subjects.submit(SCHOOL, event.subject), data)  # type: ignore[union-attr]
        assert (await release(world, place, by="demo.operator"))["outcome"] == "stored"
        found = await world.read(FRONT, written.child, written.id)
        assert len(words(found)) == 1
        (item,) = (await world.admin("quarantine"))["items"]
        assert [(r["outcome"], r["by"]) for r in item["releases"]] == [
            ("quarantined", "operator"),
            ("stored", "demo.operator"),
        ]
        again = await release(world, place)
        assert again["released_before"]
        assert (await release(world, 10_000))["outcome"] == "unknown"


async def test_what_was_set_aside_long_ago_can_be_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that is older than what a list shows is taken in again as every other."""
    monkeypatch.setattr(releasing, "_MOST", 1)
    first, second = [
        await world.decide(
            world.exchange.accept(sealed, 1, submission=world.exchange.submission(sealed))
        )
        for sealed in (world.exchange.referral(), world.exchange.referral())
    ]
    async with world.service():

        async def aside() -> bool:
            return bool((await world.admin("status"))["set_aside"] == 2)

        await until(aside)
        (shown,) = (await world.admin("quarantine"))["items"]
        assert shown["sequence"] == second
        assert (await release(world, first))["outcome"] == "quarantined"


async def test_free_text_is_no_reason_for_the_story_either(world: World) -> None:
    """What is not of the closed forms is refused and not written down."""
    async with world.service():
        with pytest.raises(HandrailError) as caught:
            await release(world, 1, because="the mother rang")
    assert caught.value.code == "quarantine.bad-request"
