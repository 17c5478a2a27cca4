"""Told once on a real server: refused with the story up, counted with it down, told to nobody."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from nats.aio.msg import Msg

from contracts.identifiers import new_reference
from contracts.questions import questions
from contracts.seal import Sealed, peek
from contracts.statements import Statement
from contracts.subjects import journey, receipt
from services.exchange.story_watch import StoryWatch
from services.exchange.trimming import POSITIONS
from services.runtime.subscribing import ERROR_HEADER
from tests.area import FRONT, SCHOOL, TEACHER, Area
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = pytest.mark.live
HOUSEHOLD = "family.household"
NUMBER = questions()[HOUSEHOLD].number
ON_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}
DEADLINE_S = 20.0


def said(area: Area, recorded_at: datetime, *questions: str) -> list[Statement]:
    """What the school wrote down."""
    return [
        Statement(
            question=question,
            value="as told",
            said_by="mother",
            recorded_by=TEACHER,
            recorded_at=recorded_at,
        )
        for question in questions
    ]


def added(area: Area, child: str, recorded_at: datetime) -> Sealed:
    """The household, added to the story."""
    told = said(area, recorded_at, HOUSEHOLD)
    return area.sealed("story.added", child, TEACHER, (FRONT,), told, basis=ON_DUTY)


async def opened(exchange: Exchange, child: str) -> None:
    """Refer the child, with the household as it was three days ago."""
    area = exchange.area
    before = area.now - timedelta(days=3)
    told = said(area, before, "concern.what_happened", HOUSEHOLD)
    content = {"concern": "child_in_need", "source": "2A"}
    sealed = area.sealed(
        "referral.submitted", child, TEACHER, (FRONT,), told, basis=ON_DUTY, content=content
    )
    assert (await exchange.decided(sealed)).outcome == "accepted"


async def entry(exchange: Exchange, child: str) -> dict[str, Any]:
    """Give the child's newest journey entry."""
    found = await exchange.last(journey(child))
    assert found is not None
    return orjson.loads(found)  # type: ignore[no-any-return]


async def test_what_is_held_is_refused_only_while_the_story_answers(nats_url: str) -> None:
    """With the story up the question is refused by name; with it down it is asked and counted."""
    up = True
    async with exchange_at(nats_url) as exchange:
        child = new_reference()
        async with working(exchange.worker(story_up=lambda: up)):
            await opened(exchange, child)
            refused = await exchange.decided(added(exchange.area, child, exchange.area.now))
            up = False
            asked = added(exchange.area, child, exchange.area.now)
            accepted = await exchange.decided(asked)
            counted = await entry(exchange, child)
            event = peek(asked)
            answer = await exchange.last(receipt(SCHOOL, event.id))  # type: ignore[union-attr]
            delivered = await exchange.delivery(FRONT, event.id)  # type: ignore[union-attr]

    (ground,) = refused.reasons
    assert ground.code == "story.already-told"
    assert ground.detail.startswith(f"{HOUSEHOLD}, told on ")
    assert refused.story_up
    assert (accepted.outcome, accepted.story_up) == ("accepted", False)
    assert counted["asked_again"] == [NUMBER]
    assert (counted["statements"], counted["carried"]) == (1, 0)
    # Neither who sent it nor who got it learns that it had been told before.
    assert b"asked_again" not in (answer or b"")
    assert "asked_again" not in orjson.dumps(delivered).decode()


async def test_the_storys_health_is_watched_and_a_stale_answer_counts_as_down(
    nats_url: str,
) -> None:
    """Up as soon as it answers, down a moment after it has stopped, and up again."""
    async with exchange_at(nats_url) as exchange:
        client = exchange.client
        watch = StoryWatch(every_s=0.02, stale_s=0.3)
        task = asyncio.create_task(watch.keep(client))

        async def answer(message: Msg) -> None:
            await message.respond(b"{}")

        async def refuse(message: Msg) -> None:
            await client.publish(message.reply, b"", headers={ERROR_HEADER: "internal.error"})

        try:
            assert not watch.up()
            for _ in range(2):
                serving = await client.subscribe(POSITIONS, cb=answer)
                await turned(watch, up=True)
                await serving.unsubscribe()
                failing = await client.subscribe(POSITIONS, cb=refuse)
                await turned(watch, up=False)
                await failing.unsubscribe()
        finally:
            task.cancel()


async def turned(watch: StoryWatch, *, up: bool) -> None:
    """Wait until the watch says so."""
    async with asyncio.timeout(DEADLINE_S):
        while watch.up() != up:
            await asyncio.sleep(0.01)


def test_a_watch_that_has_never_heard_is_down() -> None:
    """Before the first answer nothing is refused for having been told."""
    assert not StoryWatch().up()
