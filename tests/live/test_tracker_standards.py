"""A standard on a real server: warned, extended, missed and explained; and a lead who left."""

from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.identifiers import new_reference
from contracts.kinds import Opened
from services.exchange.streams import ensure_ledger
from services.tracker.ticking import Ticked
from tests import clocks as c
from tests import messages as m
from tests import messages_real_life as r
from tests.area import DUTY, DUTY_MANAGER, FRONT, HEAD, SCHOOL, TEACHER
from tests.live import tracking_world
from tests.live.conftest import Hub
from tests.live.tracking_world import Bench, World, made, running, until

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
bench = tracking_world.bench

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANSWER = c.rule(
    id="test-answer",
    starts_on=["referral.submitted"],
    stops_on=["referral.decided"],
    length=30,
    unit="calendar_days",
    warn={"length": 1, "unit": "calendar_days"},
    extendable_by=["team_manager"],
)


@pytest_asyncio.fixture
async def timed_world(hub: Hub, tmp_path: Path) -> World:
    """Give a world in which one more standard is warned of and may be extended."""
    url = f"sqlite:///{tmp_path}/tracker.sqlite"
    each = await made(hub, tmp_path / "partnership", url, ANSWER)
    await ensure_ledger(each.js)
    await each.open_lane()
    return each


async def notices(world: World, count: int) -> list[Opened]:
    """Wait for that many notices about the standard of this test, and return them opened."""
    found: list[Opened] = []

    async def are_there() -> bool:
        sealed = await world.handed_in()
        opened = [world.ledger.area.open(one, world.clock.now) for one in sealed]
        found[:] = [one for one in opened if one.content.clock == ANSWER.id]
        return len(found) >= count

    await until(are_there)
    return found


async def accepted(world: World, notice: Opened) -> None:
    """Have the exchange accept a notice, and the tracker follow it."""
    sealed = next(s for s in await world.handed_in() if s.text == notice.sealed)
    await world.accept_notices([sealed])
    await world.caught_up()


async def test_a_standard_is_warned_extended_missed_and_explained(timed_world: World) -> None:
    """Who owes is warned, a manager moves the end, the miss asks both, the reason stays with it."""
    world, child = timed_world, new_reference()
    area, began = world.ledger.area, world.clock.now
    request = world.ledger.accept(m.referral(area, child))
    await world.publish()
    async with running(world):
        await world.caught_up()
        world.clock.now = began + 30 * DAY - 6 * HOUR
        (warning,) = await notices(world, 1)
        await accepted(world, warning)
        area.now = world.clock.now
        until_then = began + 35 * DAY
        content = r.clock(request, ANSWER.id, until=until_then, because="information_awaited")
        world.ledger.accept(r.standard(area, child, "extended", content))
        await world.publish()
        await world.caught_up()
        world.clock.now = began + 32 * DAY
        await world.ticked()
        assert len(await notices(world, 1)) == 1

        world.clock.now = began + 36 * DAY
        _, missed = await notices(world, 2)
        await accepted(world, missed)
        area.now = world.clock.now
        world.ledger.accept(r.explained(area, child, r.clock(request, ANSWER.id)))
        await world.publish()
        await world.caught_up()
        await world.ticked()
        track = await world.ask("track", child=child)
        before = world.rows()
        await world.ask("rebuild")
        after = world.rows()
        await world.ticked()
    async with running(world):
        await world.ticked()

    assert len(await notices(world, 2)) == 2
    assert after == before
    assert (warning.event.kind, missed.event.kind) == ("standard.warned", "standard.missed")
    assert [x.practitioner for x in warning.event.data.recipients] == [DUTY]
    assert [x.practitioner for x in missed.event.data.recipients] == [DUTY_MANAGER, DUTY]
    (clock,) = (one for one in track["clocks"] if one["rule"] == ANSWER.id)
    assert (clock["agency"], clock["state"]) == (FRONT, "missed")
    assert clock["due_at"] > clock["original_due_at"]
    assert "workload" in str(clock)


async def test_a_lead_who_left_is_told_of_once(world: World, bench: Bench) -> None:
    """The manager at the lead's agency hears once that a child's lead is gone."""
    await world.open_lane()
    ledger, area, child = world.ledger, world.ledger.area, new_reference()
    ledger.accept(m.opened_before(area, child))
    await world.publish()
    ledger.follow(bench.database)
    left = world.clock.now + DAY
    people = tuple(
        p.model_copy(update={"left_at": left}) if p.id == TEACHER else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})
    bench.directory = area.directory

    before = await bench.ticker.tick(left - HOUR)
    told = await bench.ticker.tick(left + HOUR)
    again = await bench.ticker.tick(left + 2 * HOUR)

    assert (before, told, again) == (Ticked(), Ticked(left=1), Ticked())
    (notice,) = await world.handed_in()
    opened = area.open(notice, left + HOUR)
    assert (opened.event.kind, opened.event.subject) == ("lead.left", child)
    assert [(x.agency, x.practitioner) for x in opened.event.data.recipients] == [(SCHOOL, HEAD)]
