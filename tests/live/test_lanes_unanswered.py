"""A lane whose stream does not answer, and two workers over the same lanes, on a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import ServiceUnavailableError

from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.subjects import cursor, urgent, urgent_stream
from services.exchange.rates import LaneRates
from services.exchange.worker import Worker
from services.runtime.nats_plan import ServerPlan
from tests import messages as m
from tests.area import DOCTOR, SCHOOL
from tests.live import servers
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = [pytest.mark.live, pytest.mark.asyncio]
LANE = urgent_stream(SCHOOL)


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """Give an exchange whose worker is yet to be started."""
    plan = ServerPlan("127.0.0.1", 0, tmp_path, ())
    async with (
        servers.running(tmp_path, plan, servers.unguarded) as server,
        exchange_at(server.url) as made,
    ):
        yield made


class Unanswered:
    """Asks of one lane's stream that get no answer until it is `mended`; all others get theirs.

    A `silent` stream says nothing, as long as it is asked; another has no leader.
    """

    def __init__(self, worker: Worker, ask: str, *, silent: bool) -> None:
        """Stand before `ask` of the worker's JetStream."""
        self._js, self._ask, self._silent = worker.ledger.js, ask, silent
        self._real: Any = getattr(self._js, ask)
        self._mended = asyncio.Event()
        self.asked = asyncio.Event()
        setattr(self._js, ask, self._instead)

    async def _instead(self, stream: str, *args: Any, **how: Any) -> Any:
        if stream == LANE:
            self.asked.set()
            if not self._silent:
                raise ServiceUnavailableError(code=503, err_code=10008, description="no leader")
            await self._mended.wait()
            raise NatsTimeoutError
        return await self._real(stream, *args, **how)

    def mend(self) -> None:
        """Let everything be answered from now on."""
        self._mended.set()
        setattr(self._js, self._ask, self._real)


def urgent_worker(exchange: Exchange, rates: LaneRates | None = None, **how: Any) -> Worker:
    """Return a worker of the lanes of child protection."""
    rates = rates or LaneRates(100, waits=False)
    return exchange.worker(as_urgent=True, rates=rates, **how)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds` does, or fail."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_lane_that_does_not_answer_stops_its_own_agency_only(
    exchange: Exchange, silent: bool
) -> None:
    """While the school's lane has no leader, the surgery's child protection is decided."""
    worker = urgent_worker(exchange)
    lane = Unanswered(worker, "add_consumer", silent=silent)
    theirs = m.protection(exchange.area, new_reference())
    data = await exchange.send(theirs, as_urgent=True)

    async with working(worker):
        sealed = m.protection(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed, as_urgent=True)
        assert lane.asked.is_set()
        assert await exchange.last(cursor(LANE)) is None
        assert worker.counts.restarts == 0
        lane.mend()
        caught_up = await exchange.answer(theirs, data)

    assert decision.outcome is Outcome.ACCEPTED
    assert caught_up.outcome is Outcome.ACCEPTED


async def test_a_lane_that_answers_late_is_opened_with_the_answer(exchange: Exchange) -> None:
    """Nobody waits for it a second time, and nothing that lies in it is lost."""
    worker, answers, asked = urgent_worker(exchange), asyncio.Event(), list[str]()
    real = worker.ledger.js.add_consumer

    async def late(stream: str, *args: Any, **how: Any) -> Any:
        if stream == LANE:
            asked.append(stream)
            await answers.wait()
        return await real(stream, *args, **how)

    worker.ledger.js.add_consumer = late  # type: ignore[method-assign]
    theirs = m.protection(exchange.area, new_reference())
    data = await exchange.send(theirs, as_urgent=True)
    async with working(worker):
        assert await exchange.last(cursor(LANE)) is None
        answers.set()
        assert (await exchange.answer(theirs, data)).outcome is Outcome.ACCEPTED

    assert asked == [LANE]
    assert worker.counts.restarts == 0


async def test_a_ledger_that_does_not_answer_is_no_lanes_fault(exchange: Exchange) -> None:
    """The worker starts again from its cursors, and decides as soon as the ledger answers."""
    worker = urgent_worker(exchange)
    real, asked = worker.ledger.js.get_last_msg, 0

    async def unanswered(*args: Any, **how: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked <= 2:
            raise ServiceUnavailableError
        return await real(*args, **how)

    worker.ledger.js.get_last_msg = unanswered  # type: ignore[method-assign]
    async with working(worker):
        sealed = m.protection(exchange.area, new_reference())
        decision = await exchange.decided(sealed, as_urgent=True)

    assert decision.outcome is Outcome.ACCEPTED
    assert worker.counts.restarts == 1


@pytest.mark.parametrize("silent", [False, True])
async def test_what_waits_in_a_lane_that_does_not_answer_holds_up_nobody(
    exchange: Exchange, silent: bool
) -> None:
    """Garbage whose turn has come and that cannot be read again waits on; messages are decided."""
    worker = urgent_worker(exchange, LaneRates(100, waits=False, together_s=0.2))
    for number in range(20):
        await exchange.js.publish(urgent(SCHOOL, new_reference()), b"%d" % number)

    lane = Unanswered(worker, "get_msg", silent=silent)
    async with working(worker):
        async with asyncio.timeout(DEADLINE_S):
            await lane.asked.wait()
        sealed = m.protection(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed, as_urgent=True)

    assert decision.outcome is Outcome.ACCEPTED
    assert worker.counts.restarts == 0


@pytest.mark.parametrize("garbage", [0, 20])
async def test_of_two_workers_the_one_that_was_second_leaves_the_lane(
    exchange: Exchange, garbage: int
) -> None:
    """Also while garbage waits and the cursor's place in the lane stands still."""
    for number in range(garbage):
        await exchange.js.publish(urgent(SCHOOL, new_reference()), b"%d" % number)
    other = await nats.connect(exchange.url)
    first, second = urgent_worker(exchange), urgent_worker(exchange, client=other)
    try:
        async with working(first):
            await exchange.decided(m.protection(exchange.area, new_reference()), as_urgent=True)
            await until(lambda: first.counts.quarantined >= min(garbage, 4))
            async with working(second):
                await exchange.decided(m.protection(exchange.area, new_reference()), as_urgent=True)
                lanes = (first._lanes[LANE], second._lanes[LANE])
                await until(lambda: any(lane.paused_until for lane in lanes))
    finally:
        await other.close()
