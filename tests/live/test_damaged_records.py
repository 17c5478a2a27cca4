"""A record of the ledger that cannot be read stops one lane or one child, on a real nats-server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.subjects import cursor, journey, submit_stream
from services.runtime.nats_plan import ServerPlan
from tests import messages as m
from tests.area import DOCTOR, SCHOOL
from tests.live import servers
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

GARBAGE = (b"", b"{}", b'{"journey": []}', b'{"sequence": -1, "root": "", "at": "now"}')


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """Give an exchange whose worker is yet to be started."""
    plan = ServerPlan("127.0.0.1", 0, tmp_path, ())
    async with (
        servers.running(tmp_path, plan, servers.unguarded) as server,
        exchange_at(server.url) as made,
    ):
        yield made


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_damaged_cursor_stops_its_own_lane_only(exchange: Exchange, garbage: bytes) -> None:
    """With the school's cursor unreadable, the surgery's messages are decided."""
    await exchange.js.publish(cursor(submit_stream(SCHOOL)), garbage)
    await exchange.send(m.referral(exchange.area, new_reference()))

    async with working(exchange.worker()):
        sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed)

    assert decision.outcome is Outcome.ACCEPTED
    assert (await exchange.last(cursor(submit_stream(SCHOOL))) or b"") == garbage


async def test_a_lane_that_is_gone_stops_nobody_else(exchange: Exchange) -> None:
    """With the school's stream deleted, the surgery's messages are decided."""
    await exchange.js.delete_stream(submit_stream(SCHOOL))

    async with working(exchange.worker()):
        sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed)

    assert decision.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_damaged_journey_stops_its_own_child_only(
    exchange: Exchange, garbage: bytes
) -> None:
    """What is about that child is quarantined at once as a fault of ours; others are decided."""
    child = new_reference()
    await exchange.js.publish(journey(child), garbage)
    worker = exchange.worker()

    async with working(worker):
        damaged = await exchange.decided(m.referral(exchange.area, child))
        sound = await exchange.decided(m.referral(exchange.area, new_reference()))

    assert [reason.code for reason in damaged.reasons] == ["exchange.failed"]
    assert sound.outcome is Outcome.ACCEPTED
    assert worker.counts.restarts == 0
    assert (await exchange.last(journey(child)) or b"") == garbage
