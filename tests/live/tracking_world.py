"""A tracker's surroundings on a real server: its ledger, its lane, its folder of state."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy import Engine

from contracts import subjects, submission
from contracts.directory import Directory, RulesInForce
from contracts.rules import ClockRule, RulePack, shipped_packs
from contracts.seal import Sealed
from contracts.submission import Submission
from contracts.worktime import WorkingCalendar
from services.exchange.streams import ensure_ledger, lane_config
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.runtime.sql import SqlRunner, engine
from services.runtime.subscribing import ask
from services.tracker import app
from services.tracker.outbox import Sealer
from services.tracker.rulebook import Rulebook, rulebook
from services.tracker.store import prepare
from services.tracker.ticking import Ticker
from tests.area import Area
from tests.live.conftest import Hub
from tests.tracking import LedgerWriter, rows

DEADLINE_S = 30.0
LANE = subjects.submit_stream("demo.tracker")


@dataclass
class Clockwork:
    """The instant that the tracker is told, and how often it has asked."""

    now: datetime
    asked: int = 0

    def __call__(self) -> datetime:
        """Tell the time."""
        self.asked += 1
        return self.now


@dataclass
class World:
    """A ledger on a server, written as the exchange would, and a partnership's folder of state."""

    hub: Hub
    exchange: Client
    operator: Client
    partnership: Partnership
    ledger: LedgerWriter
    clock: Clockwork
    published: int = field(default=0)

    @property
    def js(self) -> JetStreamContext:
        """JetStream, as the exchange's user."""
        return self.exchange.jetstream()

    @property
    def database(self) -> Engine:
        """The tracker's database, by a connection of the test's own."""
        return engine(self.partnership.tracker_database)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the tracker's tables."""
        database = self.database
        try:
            return rows(database)
        finally:
            database.dispose()

    async def publish(self) -> None:
        """Put into the ledger what has been written since the last time."""
        for record in self.ledger.records[self.published :]:
            await self.js.publish(record.subject, record.data)
        self.published = len(self.ledger.records)

    async def open_lane(self) -> None:
        """Create the stream of the tracker's lane, as the exchange does."""
        await self.js.add_stream(lane_config(LANE, "submit.demo.tracker.>"))

    async def handed_in(self) -> list[Sealed]:
        """Return what lies in the tracker's lane, in order."""
        state = (await self.js.stream_info(LANE)).state
        found = []
        for sequence in range(1, state.last_seq + 1):
            message = await self.js.get_msg(LANE, sequence)
            read = submission.read(message.data or b"")
            assert isinstance(read, Submission)
            assert read.disclosures is None
            found.append(Sealed(read.seal))
        return found

    async def ask(self, question: str, **body: str) -> Any:
        """Ask the tracker as the operator."""
        answer = await ask(self.operator, f"tracker.{question}", orjson.dumps(body), timeout_s=20)
        return orjson.loads(answer)

    async def caught_up(self) -> None:
        """Wait until the tracker has followed all that has been published."""

        async def is_there() -> bool:
            status = await self.ask("status")
            return bool(status["position"] >= self.published and status["lag"] == 0)

        await until(is_there)

    async def ticked(self, times: int = 3) -> None:
        """Wait until the tracker has looked at its clocks a few more times."""
        seen = self.clock.asked + times

        async def has_asked() -> bool:
            return self.clock.asked >= seen

        await until(has_asked)

    async def until_sent(self, count: int) -> list[Sealed]:
        """Wait until that many notices lie in the lane."""

        async def are_there() -> bool:
            return (await self.js.stream_info(LANE)).state.last_seq >= count

        await until(are_there)
        return await self.handed_in()

    async def accept_notices(self, notices: list[Sealed]) -> None:
        """Decide notices as the exchange does, with their receipts."""
        for notice in notices:
            self.ledger.area.now = self.clock.now
            message = self.ledger.accept(notice)
            await self.js.publish(subjects.receipt("demo.tracker", message), b"{}")
        await self.publish()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `holds` does, or fail."""
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.02)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tracker.sqlite"
    url: str = request.getfixturevalue("postgres_url")
    return url.replace("+psycopg", "")


TIMED = (
    "acknowledge-request",
    "decide-request",
    "start-protection-assessment",
    "answer-lead-proposal",
    "acknowledge-step-down",
    "decide-step-down",
)
"""The clocks of these tests, without warnings; what else the packs time is counted elsewhere."""


def timed(*more: ClockRule) -> RulesInForce:
    """Return rules with the clocks of `TIMED` and `more` alone."""
    usual = shipped_packs().clocks
    clocks = tuple(usual[rule].model_copy(update={"warn": None}) for rule in TIMED)
    own = RulePack(
        format=2, id="board", version="1", title="Ours", source="Board", clocks=(*clocks, *more)
    )
    return RulesInForce(since=datetime(2020, 1, 1, tzinfo=UTC), packs=("devon-plan",), own=(own,))


async def made(hub: Hub, folder: Path, database: str, *more: ClockRule) -> World:
    """Return a world whose folder of state holds the directory and the tracker's own keys."""
    area = Area()
    area.document = area.document.model_copy(update={"rule_changes": (timed(*more),)})
    settings = Settings.load(
        state_dir=folder, nats_url=hub.url, tracker_database_url=database, clock_tick_s=0.05
    )
    partnership = Partnership(folder, "demo", area.root.x, settings)
    folder.mkdir(exist_ok=True)
    partnership.directory_path.write_bytes(area.signed)
    partnership.keys._store("services/tracker", area.services["tracker"].raw)
    (folder / "nkeys").mkdir()
    seed = hub.keys["tracker"].seed  # type: ignore[index]
    (folder / "nkeys" / "tracker.seed").write_text(seed)
    exchange = await hub.connect("exchange")
    operator = await hub.connect("operator")
    clock = Clockwork(datetime.now(UTC))
    return World(hub, exchange, operator, partnership, LedgerWriter(area), clock)


@pytest_asyncio.fixture
async def bare_world(hub: Hub, tmp_path: Path) -> World:
    """Give a world on SQLite whose ledger is not there yet."""
    return await made(hub, tmp_path / "partnership", f"sqlite:///{tmp_path}/tracker.sqlite")


@pytest_asyncio.fixture
async def world(bare_world: World) -> World:
    """Give a world on SQLite."""
    await ensure_ledger(bare_world.js)
    return bare_world


@pytest_asyncio.fixture
async def each_world(hub: Hub, tmp_path: Path, database_url: str) -> World:
    """Give a world, once on SQLite and once on PostgreSQL."""
    each = await made(hub, tmp_path / "partnership", database_url)
    await ensure_ledger(each.js)
    return each


@asynccontextmanager
async def running(world: World) -> AsyncIterator[None]:
    """Run the tracker, and stop it in good order."""
    stop, is_ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(
        app.run(world.partnership, stop, ready=is_ready.set, clock=world.clock)
    )
    try:
        ready = asyncio.create_task(is_ready.wait())
        await asyncio.wait((task, ready), timeout=DEADLINE_S, return_when="FIRST_COMPLETED")
        assert is_ready.is_set(), task
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, DEADLINE_S)


@dataclass
class Bench:
    """A ticker over tables that the test itself fills."""

    runner: SqlRunner
    database: Engine
    directory: Directory
    ticker: Ticker = field(init=False)
    reads_up_to: int = 0

    def book(self) -> Rulebook:
        """Return the rules as the directory is now."""
        return rulebook(self.directory, WorkingCalendar())


@pytest_asyncio.fixture
async def bench(world: World) -> AsyncIterator[Bench]:
    """Give a ticker on the server's ledger and on a database of its own."""
    database = world.database
    prepare(database)
    runner = SqlRunner(database)
    tracker = await world.hub.connect("tracker")
    area = world.ledger.area
    sealer = Sealer("demo.tracker", area.services["tracker"])
    bench = Bench(runner, database, area.directory)
    bench.ticker = Ticker(runner, tracker.jetstream(prefix=HUB_PREFIX), sealer, bench.book)
    yield bench
    await runner.close()
