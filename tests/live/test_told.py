"""Who was told and what is reported of it, by a tracker on a real server."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import insert, select

from contracts import subjects
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.worktime import LONDON
from services.tracker.report.period import quarter_of
from services.tracker.store import LIVE
from tests import messages as m
from tests.area import CARE
from tests.live import tracking_world
from tests.live.tracking_world import World, running

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
database_url = tracking_world.database_url
each_world = tracking_world.each_world


def refused(at: datetime) -> bytes:
    """Return the receipt of a step down that the exchange refused."""
    decision = {
        "exchange": "demo.exchange",
        "outcome": "refused",
        "agency": CARE,
        "lane": subjects.submit_stream(CARE),
        "sequence": 1,
        "submission": "0" * 64,
        "message": new_reference(),
        "kind": "stepdown.requested",
        "reasons": [{"code": "stepdown.too-soon"}],
        "now": iso(at),
    }
    place = {"index": 0, "path": []}
    body = {
        "decision": orjson.dumps(decision).decode(),
        "group": "",
        "place": place,
        "lane": "",
        "lane_place": place,
    }
    return orjson.dumps(body)


async def test_telling_and_refusals_are_built_again_the_same(each_world: World) -> None:
    """Every row stays, and so does a refusal whose receipt the ledger has let go meanwhile."""
    world = each_world
    world.ledger.stepped_down(world.ledger.stepped_up())
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    receipt = subjects.receipt(CARE, new_reference())
    await world.js.publish(receipt, refused(world.clock.now))
    let_go = {
        "agency": CARE,
        "message": new_reference(),
        "kind": "stepdown.requested",
        "codes": ["stepdown.too-soon"],
        "at": world.clock.now - timedelta(days=401),
    }
    async with running(world):
        await world.caught_up()
        database = world.database
        with database.begin() as connection:
            connection.execute(insert(LIVE.refusals).values(**let_go))
        before = world.rows()
        await world.ask("rebuild")
        after = world.rows()
        with database.begin() as connection:
            kept = connection.scalars(select(LIVE.refusals.c.message)).all()
        database.dispose()

    assert after == before
    assert before["telling"]
    assert let_go["message"] in kept
    assert len(kept) == 2


async def test_a_public_reader_gets_no_small_number(world: World) -> None:
    """No count of 1 to 5 and no child leaves the tracker for a reader who is not entitled."""
    children = [world.ledger.stepped_up() for _ in range(3)]
    await world.publish()
    days = quarter_of(world.ledger.area.now.astimezone(LONDON).date())
    asked = {"first": days.first.isoformat(), "last": days.last.isoformat(), "seed": "s"}
    world.clock.now = days.ends
    async with running(world):
        await world.caught_up()
        public = await world.ask("report", **asked, reader="public")
        full = await world.ask("report", **asked)

    assert counts(full) & {1, 2, 3, 4, 5}
    assert not counts(public) & {1, 2, 3, 4, 5}
    assert public["sample"] is None
    assert not any(child in orjson.dumps(public).decode() for child in children)
    assert set(full["sample"]["children"]) == set(children)


async def test_a_question_that_is_none_is_refused(world: World) -> None:
    """No days, no seed or an unknown reader have one code; days that are none another."""
    days = {"first": "2026-07-01", "last": "2026-09-30", "seed": "s"}
    async with running(world):
        for wrong in ({**days, "reader": "press"}, {"first": "2026-07-01"}, {**days, "seed": ""}):
            with pytest.raises(HandrailError, match=r"report\.invalid"):
                await world.ask("report", **wrong)
        with pytest.raises(HandrailError, match=r"report\.period"):
            await world.ask("report", **{**days, "last": "2026-06-30"})


def counts(report: dict[str, Any]) -> set[int | None]:
    """Return every count of a report."""
    return {
        row["values"][measure["name"]]
        for table in report["tables"]
        for row in table["rows"]
        for measure in table["measures"]
        if measure["unit"] == "count"
    }
