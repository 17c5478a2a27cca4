"""Killing the exchange and its sequencer at any moment leaves nothing decided out of the log."""

import asyncio
import random
from pathlib import Path

import pytest

from contracts.identifiers import new_reference
from services.exchange.tree_heads import State
from tests import messages as m
from tests.faults.processes import process, sequencer
from tests.live.exchanging import exchange_at
from tests.live.logging_world import check, sequencing

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES, KILLS = 120, 8


async def test_sigkill_between_batch_and_head_loses_nothing(nats_url: str, tmp_path: Path) -> None:
    """Whenever worker and sequencer are killed, every batch is one leaf and every head holds."""
    chance = random.Random(20261123)
    index = tmp_path / "log.sqlite"
    async with exchange_at(nats_url) as exchange:
        sent = [m.referral(exchange.area, new_reference()) for _ in range(MESSAGES)]
        for sealed in sent:
            await exchange.send(sealed)
        for _ in range(KILLS):
            async with process(exchange, group=3) as worker, sequencer(exchange, index) as one:
                await asyncio.sleep(chance.uniform(0.0, 0.15))
                for dying in chance.sample((worker, one), 2):
                    dying.kill()
                    await dying.wait()
        async with process(exchange, group=3):
            for sealed in sent:
                await exchange.final(sealed)
        async with sequencing(exchange, index) as last:
            await last.step()
            assert last.state is State.FOLLOWING
        made, _ = await check(exchange)
        assert made >= MESSAGES // 3
