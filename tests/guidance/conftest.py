"""A real exchange for a whole module of the guidance's tests, and a child of its own for each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.runtime.nats_config import ServerPlan
from tests.guidance.playing import RealPlay
from tests.live import servers
from tests.live.exchanging import Exchange, exchange_at, working


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    """An exchange whose normal and urgent workers run as long as the module's tests."""
    folder = tmp_path_factory.mktemp("guidance")
    plan = ServerPlan("127.0.0.1", 0, folder, ())
    async with (
        servers.running(folder, plan, servers.unguarded) as server,
        exchange_at(server.url) as made,
        working(made.worker()),
        working(made.worker(as_urgent=True)),
    ):
        yield made


@pytest.fixture
def play(exchange: Exchange) -> RealPlay:
    """A new child about whom nothing has been sent."""
    return RealPlay(exchange)
