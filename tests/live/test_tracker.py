"""The tracker on a real server, with the permissions that its user really has."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.exchange.streams import ensure_ledger
from services.runtime.subscribing import ask
from services.tracker.ticking import Ticked
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, DUTY_MANAGER, FRONT, SCHOOL, TEACHER
from tests.live import tracking_world
from tests.live.tracking_world import Bench, World, running, until

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
bench = tracking_world.bench
database_url = tracking_world.database_url
each_world = tracking_world.each_world


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
        return any(line["event"] == "start.waiting" for line in lines)

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


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"journey": []}', b'{"journey": {"entries": 0}'])
async def test_a_journey_that_cannot_be_read_stops_no_other_childs_clocks(
    world: World, bench: Bench, garbage: bytes
) -> None:
    """Its own clocks wait until it can be read; what others missed is told."""
    await world.open_lane()
    ledger, child = world.ledger, new_reference()
    ledger.accept(m.referral(ledger.area, child))
    ledger.accept(m.referral(ledger.area, new_reference()))
    await world.publish()
    ledger.follow(bench.database)
    whole = ledger.records[0]
    await world.js.publish(whole.subject, garbage)
    late = world.clock.now + timedelta(days=10)

    damaged = await bench.ticker.tick(late)
    await world.js.publish(whole.subject, whole.data)
    mended = await bench.ticker.tick(late)

    assert damaged == Ticked(missed=2, told=2)
    assert mended == Ticked(missed=2, told=2)


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
