"""The tracker's tables built again, and records delivered again, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from contracts import subjects
from contracts.identifiers import new_reference
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.subscribing import Record
from services.tracker import rebuild as rebuilding
from services.tracker.reading import last_sequence, records
from services.tracker.rebuild import rebuild, rebuild_tables
from tests import messages as m
from tests.live import tracking_world
from tests.live.tracking_world import Bench, World, running

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
bench = tracking_world.bench
database_url = tracking_world.database_url
each_world = tracking_world.each_world


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

    tracker = await world.hub.connect("tracker")
    await tracker.jetstream(prefix=HUB_PREFIX).delete_consumer(subjects.LEDGER, "tracker")
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


async def test_tables_of_another_layout_are_built_again_at_the_start(world: World) -> None:
    """A tracker that finds tables of another release fills new ones and tells nobody again."""
    await world.open_lane()
    world.ledger.stepped_up()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now += timedelta(days=10)
        await world.until_sent(2)
        await world.ticked()
    before = world.rows()
    database = world.database
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE clocks DROP COLUMN original_due_at")
        connection.exec_driver_sql(
            "UPDATE positions SET sequence = 1 WHERE name = 'tracker-layout'"
        )
    database.dispose()

    async with running(world):
        await world.ticked()

    assert world.rows() == before
    assert len(await world.handed_in()) == 2
