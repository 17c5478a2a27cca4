"""The tracker on a real server, with the permissions that its user really has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Engine
from structlog.testing import capture_logs

from contracts import subjects, submission
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.seal import Sealed
from contracts.submission import Submission
from contracts.worktime import WorkingCalendar
from services.exchange.streams import ensure_ledger, lane_config
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.runtime.sql import SqlRunner, engine
from services.runtime.subscribing import Record, ask
from services.tracker import app
from services.tracker import rebuild as rebuilding
from services.tracker.outbox import Sealer
from services.tracker.reading import last_sequence, records
from services.tracker.rebuild import rebuild, rebuild_tables
from services.tracker.rulebook import Rulebook, rulebook
from services.tracker.store import prepare
from services.tracker.ticking import Ticked, Ticker
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, DUTY_MANAGER, FRONT, SCHOOL, TEACHER, Area
from tests.live.conftest import Hub
from tests.tracking import LedgerWriter, rows

pytestmark = pytest.mark.live

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
        return engine(self.partnership.settings.tracker_database.get_secret_value())

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


async def made(hub: Hub, folder: Path, database: str) -> World:
    """Return a world whose folder of state holds the directory and the tracker's own keys."""
    area = Area()
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
    bench.ticker = Ticker(runner, tracker.jetstream(), sealer, bench.book)
    yield bench
    await runner.close()


async def test_a_missed_clock_tells_the_named_manager_once(each_world: World) -> None:
    """One notice per clock, accepted as it is, and none more after a rebuild or a restart."""
    world, child = each_world, new_reference()
    await world.open_lane()
    world.ledger.accept(m.protection(world.ledger.area, child))
    await world.publish()
    async with running(world):
        await world.caught_up()
        await world.ticked()
        assert await world.handed_in() == []

        world.clock.now += timedelta(days=10)
        notices = await world.until_sent(3)
        await world.accept_notices(notices)
        await world.caught_up()
        track = await world.ask("track", child=child)
        before = world.rows()
        await world.ask("rebuild")
        after = world.rows()
        await world.ticked()
    async with running(world):
        await world.ticked()

    assert len(await world.handed_in()) == 3
    assert after == before
    assert {(c["rule"], c["state"], c["manager"]) for c in track["clocks"]} == {
        ("acknowledge-request", "missed", DUTY_MANAGER),
        ("decide-request", "missed", DUTY_MANAGER),
        ("start-protection-assessment", "missed", DUTY_MANAGER),
    }
    assert [told["agency"] for told in track["told"]] == [FRONT] * 4


async def test_a_proposal_left_unanswered_tells_the_line_manager(world: World) -> None:
    """The fourth clock tells the manager of the person proposed."""
    child = new_reference()
    await world.open_lane()
    world.ledger.accept(m.opened_before(world.ledger.area, child))
    world.ledger.accept(
        m.lead_proposed(world.ledger.area, child, CAF_WORKER, CAF_WORKER, (SCHOOL, CAF))
    )
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=30)
        (notice,) = await world.until_sent(1)

    opened = world.ledger.area.open(notice, world.clock.now)
    assert opened.content.manager == f"{CAF}.manager"
    assert opened.content.clock == "answer-lead-proposal"


async def test_what_is_answered_in_time_tells_nobody(world: World) -> None:
    """A step up and a step down answered in time leave the lane empty for ever."""
    await world.open_lane()
    child = world.ledger.stepped_up()
    world.ledger.stepped_down(child)
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=400)
        await world.ticked()
        track = await world.ask("track", child=child)

    assert await world.handed_in() == []
    assert {clock["state"] for clock in track["clocks"]} == {"met"}
    assert len(track["clocks"]) == 6
    chain = track["custody"]
    assert [one["to"] for one in chain[:-1]] == [one["from"] for one in chain[1:]]
    assert [one["agency"] for one in chain] == [SCHOOL, CARE, SCHOOL]


async def test_replayed_history_tells_nobody(world: World) -> None:
    """History starts no clock, so no manager hears of it however late it is."""
    await world.open_lane()
    history = {"occurred_on": "2019-05-01", "source": "cin"}
    child = new_reference()
    world.ledger.accept(m.referral(world.ledger.area, child, history=history))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=400)
        await world.ticked()
        track = await world.ask("track", child=child)

    assert await world.handed_in() == []
    assert track["clocks"] == []


async def test_a_notice_counts_only_once_the_lane_has_acknowledged_it(world: World) -> None:
    """Without its lane the tracker keeps trying, shows what is overdue, and sends once."""
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        await world.ticked()
        waiting = await world.ask("status")
        await world.open_lane()
        await world.until_sent(2)
        await world.ticked()
        sent = await world.ask("status")

    assert (waiting["overdue"], waiting["unconfirmed"]) == (2, 0)
    assert (sent["overdue"], sent["unconfirmed"]) == (0, 2)
    assert len(await world.handed_in()) == 2


async def test_everything_delivered_again_changes_nothing(each_world: World) -> None:
    """A consumer that begins anew hands over every record again; rows and notices stay."""
    world = each_world
    await world.open_lane()
    world.ledger.stepped_up()
    world.ledger.quarantine()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        await world.accept_notices(await world.until_sent(2))
        await world.caught_up()
    before = world.rows()

    await world.js.delete_consumer(subjects.LEDGER, "tracker")
    async with running(world):
        await world.caught_up()
        await world.ticked()

    assert world.rows() == before
    assert len(await world.handed_in()) == 2


async def test_a_lost_database_is_built_again_at_the_start(world: World, tmp_path: Path) -> None:
    """What was acknowledged is never delivered again, so an empty database is filled at once.

    Notices that the exchange has answered are not sent a second time.
    """
    await world.open_lane()
    world.ledger.stepped_up()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        await world.accept_notices(await world.until_sent(2))
        await world.caught_up()
    before = world.rows()
    for left in tmp_path.glob("tracker.sqlite*"):
        left.unlink()

    async with running(world):
        await world.ticked()

    after = world.rows()
    assert before.pop("notices")
    assert after.pop("notices") == []
    assert after == before
    assert len(await world.handed_in()) == 2


async def test_an_answered_notice_is_not_sent_by_tables_that_forgot_it(
    world: World, tmp_path: Path
) -> None:
    """A refused notice has no entry in the journey; its receipt alone keeps it from being sent."""
    await world.open_lane()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        notices = await world.until_sent(2)
    for notice in notices:
        message = world.ledger.area.open(notice, world.clock.now).event.id
        await world.js.publish(subjects.receipt("demo.tracker", message), b"{}")
    for left in tmp_path.glob("tracker.sqlite*"):
        left.unlink()

    async with running(world):
        await world.ticked()
        status = await world.ask("status")

    assert len(await world.handed_in()) == 2
    assert (status["overdue"], status["unconfirmed"]) == (0, 2)


async def test_a_notice_on_its_way_is_not_sent_again_by_a_rebuild(world: World) -> None:
    """What the lane holds and the exchange has not decided yet stays told over a rebuild."""
    await world.open_lane()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        await world.until_sent(2)
        await world.ticked()
        before = world.rows()
        await world.ask("rebuild")
        after = world.rows()
        await world.ticked()

    assert after == before
    assert len(await world.handed_in()) == 2


async def test_tables_are_rebuilt_while_the_ledger_grows(each_world: World) -> None:
    """Rebuilding over and over while entries come in loses none of them and doubles none."""
    world = each_world
    for _ in range(12):
        world.ledger.stepped_down(world.ledger.stepped_up())
        for _ in range(25):
            world.ledger.quarantine()
    async with running(world):
        growing = asyncio.create_task(world.publish())
        built = [await world.ask("rebuild") for _ in range(3)]
        await growing
        await world.caught_up()
        live = world.rows()
        last = await world.ask("rebuild")

    assert world.rows() == live
    assert last["messages"] == len(live["messages"]) == 12 * 14
    assert (last["journeys"], last["quarantined"]) == (12, 300)
    assert built[0]["position"] <= built[-1]["position"] <= last["position"]


async def test_what_is_followed_during_a_rebuild_is_in_its_result(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that the live tables take between reading and replacing is read as well."""
    ledger = world.ledger
    ledger.stepped_up()
    await world.publish()
    late = ledger.accept(m.referral(ledger.area, new_reference()))
    reached = last_sequence

    async def overtaken(client: Client) -> int:
        complete = await reached(client)
        if world.published < len(ledger.records):
            await world.publish()
            ledger.follow(bench.database)
        return complete

    async def reads_nothing_new(
        client: Client, subject: str, first: int
    ) -> AsyncIterator[tuple[Record, ...]]:
        async for batch in records(client, subject, first):
            kept = tuple(one for one in batch if one.sequence <= bench.reads_up_to)
            if kept:
                yield kept
        bench.reads_up_to = len(ledger.records)

    bench.reads_up_to = world.published
    monkeypatch.setattr(rebuilding, "last_sequence", overtaken)
    monkeypatch.setattr(rebuilding, "records", reads_nothing_new)
    tracker = await world.hub.connect("tracker")
    done = await rebuild_tables(bench.runner, tracker, bench.book(), world.clock.now)

    assert done.messages == len(ledger.records) == 9
    assert late in repr(world.rows()["messages"])


async def test_the_tables_are_rebuilt_without_a_running_tracker(world: World) -> None:
    """The function behind the command needs the server and the folder of state alone."""
    child = world.ledger.stepped_up()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    world.clock.now += timedelta(days=10)

    done = await rebuild(world.partnership, clock=world.clock)
    first = world.rows()
    again = await rebuild(world.partnership, clock=world.clock)

    assert (done.journeys, done.messages, done.clocks) == (2, 9, 5)
    assert again == done
    assert world.rows() == first
    assert sum(row[0] == child for row in first["custody"]) == 2
    with pytest.raises(NotFoundError):
        await world.js.consumer_info(subjects.LEDGER, "tracker")


async def test_the_operator_sees_what_was_set_aside(world: World) -> None:
    """Quarantine records come through the same consumer and are listed."""
    world.ledger.quarantine(CARE, "seal.bad-encoding")
    await world.publish()
    async with running(world):
        await world.caught_up()
        listed = await world.ask("quarantine")

    assert [(one["agency"], one["reasons"][0]["code"]) for one in listed] == [
        (CARE, "seal.bad-encoding")
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"child":"CHILD000000000000001"}', "track.unknown-child"),
        (b'{"child":"no reference"}', "track.invalid"),
        (b'{"child":"CHILD000000000000001","more":1}', "track.invalid"),
        (b"[" * 10_000, "track.invalid"),
        (b"", "track.invalid"),
    ],
)
async def test_a_question_that_has_no_answer_is_told_why(
    world: World, body: bytes, code: str
) -> None:
    """Whatever is asked, the answer is a code of ours with a remedy."""
    async with running(world):
        with pytest.raises(HandrailError) as refused:
            await ask(world.operator, "tracker.track", body)

    assert refused.value.code == code
    assert refused.value.remedy


async def test_the_tracker_waits_for_its_ledger(bare_world: World) -> None:
    """A tracker started before the exchange has made the streams begins once they are there."""
    world = bare_world

    async def is_waiting() -> bool:
        return any(line["event"] == "ledger.waiting" for line in lines)

    with capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            begun = tasks.create_task(begin_and_end(world))
            await until(is_waiting)
            assert not begun.done()
            await ensure_ledger(world.js)

    assert begun.result()


async def begin_and_end(world: World) -> bool:
    """Run the tracker until it is ready, and tell that it was."""
    async with running(world):
        return True


async def test_nothing_is_judged_before_it_has_been_followed(world: World, bench: Bench) -> None:
    """An acknowledgement that the ledger holds and the tables do not is no missed clock."""
    await world.open_lane()
    ledger, child = world.ledger, new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.accept(m.acknowledged(ledger.area, child, request))
    ledger.accept(m.referral(ledger.area, new_reference(), author=TEACHER))
    await world.publish()
    ledger.follow(bench.database, ledger.records[:1])
    late = world.clock.now + timedelta(days=10)

    behind = await bench.ticker.tick(late)
    ledger.follow(bench.database)
    followed = await bench.ticker.tick(late)

    assert behind == Ticked()
    assert followed == Ticked(missed=3, told=3)


async def test_a_clock_without_a_manager_stays_visible(world: World, bench: Bench) -> None:
    """Where nobody can be told nothing is sent; as soon as there is somebody they are told."""
    await world.open_lane()
    ledger = world.ledger
    ledger.accept(m.referral(ledger.area, new_reference()))
    await world.publish()
    ledger.follow(bench.database)
    late = world.clock.now + timedelta(days=10)
    whole = bench.directory
    bench.directory = without_people(whole, FRONT)

    nobody = await bench.ticker.tick(late)
    still = await bench.ticker.tick(late)
    bench.directory = whole
    found = await bench.ticker.tick(late)

    assert nobody == Ticked(missed=2, nobody=2)
    assert still == Ticked(nobody=2)
    assert found == Ticked(told=2)
    assert await bench.ticker.tick(late) == Ticked()


def without_people(directory: Directory, agency: str) -> Directory:
    """Return the directory as if everyone at `agency` had left."""
    people = tuple(p for p in directory.document.practitioners if not p.id.startswith(agency))
    return Directory(directory.document.model_copy(update={"practitioners": people}))
