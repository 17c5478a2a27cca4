"""Killing the exchange while things are released loses no release and decides nothing twice."""

import asyncio
import random

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.quarantine import Released, ReleaseOutcome, read_record
from contracts.records import Outcome
from contracts.seal import Sealed, peek
from contracts.subjects import submit_stream
from services.exchange import quarantine_desk
from services.exchange.quarantine_desk import QuarantineDesk
from tests import messages as m
from tests.area import FRONT, SCHOOL, TEACHER
from tests.faults.processes import process
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working
from tests.live.test_releasing import without

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES = 40
LANE = submit_stream(SCHOOL)


async def set_aside(exchange: Exchange) -> list[Sealed]:
    """Have messages refused because the directory does not know their author yet."""
    sent = [m.referral(exchange.area, new_reference()) for _ in range(MESSAGES)]
    lacking = without(exchange, TEACHER)
    async with working(exchange.worker(directory=lambda: lacking)):
        for sealed in sent:
            await exchange.send(sealed)
        async with asyncio.timeout(DEADLINE_S):
            while len(await exchange.all("quarantine.>")) < MESSAGES:
                await asyncio.sleep(0.05)
    return sent


async def ordered(desk: QuarantineDesk) -> list[str]:
    """Release everything that lies in quarantine; give what came of it so far."""
    items = orjson.loads(await desk.listing(b""))["items"]
    wanted = [{name: one[name] for name in ("lane", "sequence", "digest")} for one in items]
    body = {"items": wanted, "because": "directory-corrected"}
    results = orjson.loads(await desk.release(orjson.dumps(body)))["results"]
    return [str(one["outcome"]) for one in results]


async def test_orders_outlive_every_kill_and_each_message_is_delivered_once(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ordered while nobody works, twice, and worked through kills: accepted and delivered once."""
    chance = random.Random(20261123)
    monkeypatch.setattr(quarantine_desk, "_DECIDED_WITHIN_S", 0.1)
    async with exchange_at(nats_url) as exchange:
        sent = await set_aside(exchange)
        desk = QuarantineDesk(exchange.client, exchange.js, "demo.exchange")
        assert await ordered(desk) == ["pending"] * MESSAGES
        assert await ordered(desk) == ["pending"] * MESSAGES
        for _ in range(6):
            async with process(exchange, 7) as worker:
                await asyncio.sleep(chance.uniform(0.0, 0.2))
                worker.kill()
                await worker.wait()
        async with process(exchange, 7):
            for sealed in sent:
                assert (await exchange.final(sealed)).outcome is Outcome.ACCEPTED
            async with asyncio.timeout(DEADLINE_S):
                while set(await ordered(desk)) != {ReleaseOutcome.ACCEPTED.value}:
                    await asyncio.sleep(0.05)
        await _each_once(exchange, sent)


async def _each_once(exchange: Exchange, sent: list[Sealed]) -> None:
    for sealed in sent:
        event = peek(sealed)
        assert len(await exchange.all(f"journey.{event.subject}")) == 1  # type: ignore[union-attr]
        assert len(await exchange.all(f"inbox.{FRONT}.{event.id}")) == 1  # type: ignore[union-attr]
        assert len(await exchange.all(f"receipt.{SCHOOL}.{event.id}")) == 1  # type: ignore[union-attr]
    records = [read_record(data) for _, data in await exchange.all("quarantine.>")]
    accepted = [
        (one.lane, one.sequence)
        for one in records
        if isinstance(one, Released) and one.outcome is ReleaseOutcome.ACCEPTED
    ]
    assert sorted(accepted) == [(LANE, place) for place in range(1, MESSAGES + 1)]
