"""The worker when the server cannot store, and when a group is more than one batch holds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
import pytest_asyncio

from contracts.identifiers import new_reference
from contracts.records import Entry, Outcome
from contracts.subjects import journey
from services.exchange import worker as working_module
from services.exchange.streams import ledger_config
from tests import messages as m
from tests.area import CAF, CARE, FRONT
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange of which no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


async def test_a_server_that_cannot_store_is_waited_for_and_nobody_is_refused(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the ledger is full the worker pauses between attempts; then it decides everything."""
    rests: list[float] = []
    pause = working_module._pause

    async def noted(stop: asyncio.Event, seconds: float) -> None:
        rests.append(seconds)
        await pause(stop, min(seconds, 0.05))

    monkeypatch.setattr(working_module, "_pause", noted)
    full = replace(ledger_config(), max_bytes=1)
    await exchange.js.update_stream(full)
    sent = [m.referral(exchange.area, new_reference()) for _ in range(3)]
    async with working(exchange.worker()) as worker:
        for one in sent:
            await exchange.send(one)
        async with asyncio.timeout(DEADLINE_S):
            while worker.counts.restarts < 5:
                await asyncio.sleep(0.01)
        assert await exchange.all("receipt.>") == []
        assert len([s for s in rests if s > 0]) >= worker.counts.restarts - 1
        await exchange.js.update_stream(replace(ledger_config(), max_bytes=-1))
        for one in sent:
            assert (await exchange.answer(one, b"")).outcome is Outcome.ACCEPTED
        assert worker.counts.quarantined == 0


async def test_what_one_batch_does_not_hold_is_decided_in_the_next_in_order(
    exchange: Exchange,
) -> None:
    """A group whose deliveries are more than a batch's records is cut, and nothing is swapped."""
    sent = [m.referral(exchange.area, new_reference(), to=[FRONT, CARE, CAF]) for _ in range(200)]
    for one in sent:
        await exchange.send(one)
    async with working(exchange.worker()) as worker:
        async with asyncio.timeout(DEADLINE_S):
            while worker.counts.accepted < len(sent):
                await asyncio.sleep(0.01)
        assert worker.counts.groups >= 2
        assert worker.counts.restarts == 0
    entries = [Entry.model_validate_json(d) for _, d in await exchange.all(journey(">"))]
    decided = [orjson.loads(entry.decision)["sequence"] for entry in entries]
    assert decided == list(range(1, len(sent) + 1))
