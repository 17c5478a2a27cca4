"""The order of a lane of child protection, as the exchange attests it while bytes wait there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.evidence.logged import Absent, out_of_order, step_of
from contracts.identifiers import new_reference
from contracts.log import digest_of
from contracts.records import Outcome, Receipt, lane_attested
from contracts.seal import peek
from contracts.subjects import receipt, urgent
from services.exchange.rates import LaneRates
from tests import messages as m
from tests.area import SCHOOL
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange of which no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


@pytest.mark.parametrize("garbage", [0, 20])
async def test_messages_that_overtake_bytes_stand_in_the_log_in_the_order_of_their_lane(
    exchange: Exchange, garbage: int
) -> None:
    """However much waits in a lane, its honest attestations are in order, before a restart too."""
    area, child, steps = exchange.area, new_reference(), []
    for number in range(garbage):
        await exchange.js.publish(urgent(SCHOOL, new_reference()), f"no message {number}".encode())
    for _ in range(2):  # whoever starts anew reads what waits again
        worker = exchange.worker(as_urgent=True, rates=LaneRates(100, waits=False))
        async with working(worker):
            for _ in range(4):
                sealed = m.protection(area, child)
                decision = await exchange.decided(sealed, as_urgent=True)
                assert decision.outcome is Outcome.ACCEPTED
                subject = receipt(SCHOOL, peek(sealed).id)  # type: ignore[union-attr]
                answer = Receipt.model_validate_json(await exchange.last(subject) or b"")
                lane = lane_attested(answer, area.directory, "demo.exchange")
                assert lane is not None
                steps.append(step_of(lane, digest_of(answer.group)))
    groups = [digest_of(data.decode()) for _, data in await exchange.all("tree.group")]
    places = {name: place for place, name in enumerate(groups)}
    assert list(out_of_order(steps, places, Absent())) == []
    assert len({one.group for one in steps}) == len(steps)
    assert len({one.first for one in steps}) < len(steps) or not garbage
