"""The story follows the ledger: nothing is lost, doubled or passed over, whatever happens to it."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from contracts import subjects
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.subjects import LEDGER
from services.exchange.trimming import trim
from services.exchange.worker import Worker
from services.story import following, keeping
from services.story.app import open_store
from tests.area import DUTY, FRONT, SCHOOL
from tests.live.conftest import ServerFactory
from tests.live.exchanging import working
from tests.live.story_world import World, positions, refused, until, words, world_on
from tests.unit.story_cases import LANE, WORDS

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no service runs yet."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def test_what_the_exchange_itself_accepts_is_stored(world: World) -> None:
    """What a running exchange decides and commits is read; what it refuses is never stored."""
    child = new_reference()
    area, exchange = world.exchange.area, world.clients["exchange"]
    worker = Worker(
        exchange,
        exchange.jetstream(timeout=10),
        exchange="demo.exchange",
        key=area.services["exchange"],
        directory=lambda: area.directory,
        intake=lambda: {world.exchange.month: world.exchange.intake},
        lanes=lambda: (LANE,),
    )
    turned_away = await world.submit(world.exchange.referral(words=()))
    accepted = await world.submit(world.exchange.referral(child))

    async with working(worker), world.service():
        await positions(world, {LANE: 2})
        found = await world.read(FRONT, child, accepted.id)
        status = await world.admin("status")
        asked = world.request(DUTY, turned_away.child, turned_away.id)
        code, *_ = await refused(world, FRONT, asked)
        trimmed = await trim(exchange, world.ledger, worker, datetime.now(UTC))

    assert words(found) == [WORDS]
    assert (status["messages"], status["statements"]) == (1, 1)
    assert code == "story.not-found"
    assert trimmed == 1
    assert (await world.ledger.stream_info(LANE)).state.messages == 0


async def test_a_cursor_never_overtakes_an_entry_that_is_not_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane stands still below words that cannot be stored yet, and moves on once they are."""
    settled: list[int] = []

    def settle(connection: Connection, floor: int) -> int:
        settled.append(floor)
        return keeping.settle(connection, floor)

    monkeypatch.setattr(following, "settle", settle)
    key_file = next((world.partnership.folder / "keys/intake").iterdir())
    hidden = key_file.with_suffix(".away")
    child = new_reference()
    silent = world.exchange.referral(child, words=())
    await world.tell(silent)

    key_file.rename(hidden)
    async with world.service():
        await positions(world, {LANE: 1})
        stuck = await world.submit(world.exchange.referral(child))
        place = await world.decide(stuck)
        await world.advance(stuck)
        for _ in range(3):
            await world.tell(world.exchange.referral(child, words=()))
        await world.tell(world.exchange.referral(child, author=DUTY, to=(SCHOOL,), words=()))
        await until(lambda: _messages(world, 5))
        await until(lambda: _outstanding(world, 1))
        info = await world.ledger.consumer_info(LEDGER, "story")
        assert info.ack_floor is not None
        assert info.ack_floor.stream_seq < place
        rounds = len(settled)
        await until(lambda: _longer(settled, rounds + 2))
        assert await world.admin("positions") == {LANE: 1}

        hidden.rename(key_file)
        await positions(world, {LANE: 5, subjects.submit_stream(FRONT): 1})
        assert words(await world.read(FRONT, child, stuck.id)) == [WORDS]


async def _longer(things: list[int], count: int) -> bool:
    return len(things) >= count


async def _outstanding(world: World, count: int) -> bool:
    info = await world.ledger.consumer_info(LEDGER, "story")
    return bool(info.num_ack_pending == count)


async def _messages(world: World, count: int) -> bool:
    return bool((await world.admin("status"))["messages"] == count)


async def test_what_can_never_be_stored_is_set_aside_and_holds_nothing_up(world: World) -> None:
    """A submission that is gone, or is not the one decided, is written down; the lane moves on."""
    child = new_reference()
    gone = await world.submit(world.exchange.referral(child))
    await world.tell(world.exchange.referral(child, words=()))
    await world.ledger.purge_stream(gone.lane, seq=gone.sequence + 1)
    await world.decide(gone)
    await world.ledger.publish(subjects.journey(child), b"not json")
    last = await world.tell(world.exchange.referral(child))

    async with world.service():
        await positions(world, {LANE: last.sequence})
        status = await world.admin("status")
        found = await world.read(FRONT, child)

    assert (status["set_aside"], status["messages"]) == (2, 2)
    assert words(found) == [WORDS]


async def test_a_restored_database_catches_up_from_the_ledger(world: World, tmp_path: Path) -> None:
    """A story put back from a backup reads again what it lacks, and stores nothing twice."""
    child = new_reference()
    await world.tell(world.exchange.referral(child))
    async with world.service():
        await positions(world, {LANE: 1})
    shutil.copytree(world.partnership.folder / "db", tmp_path / "backup")
    for _ in range(3):
        await world.tell(world.exchange.referral(child))
    async with world.service():
        await positions(world, {LANE: 4})

    shutil.rmtree(world.partnership.folder / "db")
    shutil.copytree(tmp_path / "backup", world.partnership.folder / "db")
    async with world.service():
        await positions(world, {LANE: 4})
        assert words(await world.read(FRONT, child)) == [WORDS] * 4

    assert await world.stored() == [(SCHOOL, n) for n in (1, 2, 3, 4)]


async def test_a_ledger_older_than_the_story_is_refused(world: World) -> None:
    """A ledger that ends before what is stored stops the service instead of being followed."""
    await world.tell(world.exchange.referral())
    async with world.service():
        await positions(world, {LANE: 1})
    store = open_store(world.partnership)
    await store.run(lambda c: c.exec_driver_sql("UPDATE positions SET sequence = 10000"))
    await store.close()

    with pytest.raises(HandrailError) as caught:
        async with world.service():
            pass
    assert caught.value.code == "story.ledger-behind"


@pytest.mark.slow
async def test_nothing_is_lost_or_doubled_when_the_service_is_killed(world: World) -> None:
    """Killed again and again while it stores, the service ends up with every message once."""
    total = 90
    child = new_reference()
    sealed = [world.exchange.referral(child) for _ in range(total)]

    async def telling() -> None:
        for one in sealed:
            await world.tell(one)

    teller = asyncio.create_task(telling())
    for at_least in (10, 35, 60):
        process = await world.service_alone()
        await until(lambda: _stored(world, at_least))  # noqa: B023 - awaited at once
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await teller
    async with world.service():
        await positions(world, {LANE: total})
        found = await world.read(FRONT, child)

    assert words(found) == [WORDS] * total
    assert await world.stored() == [(SCHOOL, n) for n in range(1, total + 1)]


async def _stored(world: World, count: int) -> bool:
    try:
        return bool((await world.admin("status"))["messages"] >= count)
    except HandrailError:
        return False


async def test_the_consumer_takes_entries_and_cursors_only(world: World) -> None:
    """Receipts and deliveries, the bulk of the ledger, are never sent to the story."""
    await world.tell(world.exchange.referral())

    async with world.service():
        await positions(world, {LANE: 1})
        info = await world.ledger.consumer_info(LEDGER, "story")

    assert info.config.filter_subjects == ["journey.>", "cursor.>"]
    assert info.delivered.consumer_seq == 2


async def test_the_story_writes_nothing_to_the_ledger(world: World) -> None:
    """Following and reading leave the ledger as it was."""
    written = await world.tell(world.exchange.referral())
    before = (await world.ledger.stream_info(LEDGER)).state.last_seq

    async with world.service():
        await world.read(FRONT, written.child, written.id)

    assert (await world.ledger.stream_info(LEDGER)).state.last_seq == before
