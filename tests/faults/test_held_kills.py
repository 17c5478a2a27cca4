"""Killing the exchange while messages are held loses none of them and decides none twice."""

import asyncio
import random
from datetime import timedelta

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.records import Entry, Outcome
from contracts.seal import Sealed, peek
from contracts.subjects import submit_stream
from tests import messages as m
from tests.area import FRONT, SCHOOL
from tests.faults.processes import process
from tests.live.exchanging import Exchange, exchange_at

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

CHILDREN = 40
HOUR_S = timedelta(hours=1).total_seconds()
BRIEF_S = 3.0


def identity(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


async def decided(exchange: Exchange, child: str) -> list[str]:
    """The messages in a child's journey, in order."""
    entries = [Entry.model_validate_json(d) for _, d in await exchange.all(f"journey.{child}")]
    return [str(orjson.loads(entry.decision)["message"]) for entry in entries]


async def test_a_worker_killed_between_holding_and_waking_decides_each_message_once(
    nats_url: str,
) -> None:
    """Whatever moment a kill hits, every held answer follows its request, exactly once."""
    chance = random.Random(20261123)
    async with exchange_at(nats_url) as exchange:
        pairs = []
        for _ in range(CHILDREN):
            child = new_reference()
            request = m.referral(exchange.area, child)
            answer = m.acknowledged(exchange.area, child, identity(request))
            pairs.append((child, request, answer))
        for _, _, answer in pairs:
            await exchange.send(answer)
        async with process(exchange, 7, HOUR_S) as worker:
            for _, _, answer in pairs[: CHILDREN // 2]:
                await exchange.held(answer)
            worker.kill()
            await worker.wait()
        requests = [request for _, request, _ in pairs]
        sending = asyncio.create_task(_send(exchange, requests))
        for _ in range(6):
            async with process(exchange, 7, HOUR_S) as worker:
                await asyncio.sleep(chance.uniform(0.0, 0.2))
                worker.kill()
                await worker.wait()
        await sending
        async with process(exchange, 7, HOUR_S):
            for child, request, answer in pairs:
                assert (await exchange.final(answer)).outcome is Outcome.ACCEPTED
                assert await decided(exchange, child) == [identity(request), identity(answer)]
                assert len(await exchange.all(f"receipt.{FRONT}.{identity(answer)}")) == 1
                assert len(await exchange.all(f"inbox.{SCHOOL}.{identity(answer)}")) == 1
        assert await exchange.all("quarantine.>") == []


async def test_a_time_that_ran_out_while_nobody_worked_is_told_after_the_start(
    nats_url: str,
) -> None:
    """A held message whose time is up while the exchange is away is refused when it is back."""
    async with exchange_at(nats_url) as exchange:
        child = new_reference()
        never_sent = m.referral(exchange.area, child)
        answer = m.acknowledged(exchange.area, child, identity(never_sent))
        await exchange.send(answer)
        async with process(exchange, 7, BRIEF_S) as worker:
            notice = await exchange.held(answer)
            worker.kill()
            await worker.wait()
        async with process(exchange, 7, BRIEF_S):
            final = await exchange.final(answer)
        assert final.outcome is Outcome.REFUSED
        assert notice.until is not None
        assert final.now >= notice.until
        assert (final.lane, final.sequence) == (submit_stream(FRONT), 1)


async def _send(exchange: Exchange, sent: list[Sealed]) -> None:
    for sealed in sent:
        await exchange.send(sealed)
