"""A tracker that starts again carries on where it was, however the ledger grew beside it."""

from dataclasses import replace
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, SequenceInfo

from contracts.identifiers import new_reference
from contracts.subjects import LEDGER
from services.tracker import app
from tests import messages as m
from tests.live import tracking_world
from tests.live.tracking_world import World, running

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world


async def test_records_that_are_not_followed_do_not_have_the_tables_built_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer's acknowledgements pass what it does not deliver; the tables lack none of it.

    On a cluster its floor is the end of the ledger then. Building the tables again reads the whole
    ledger, which a restart must not cost.
    """
    await world.open_lane()
    async with running(world):
        world.ledger.accept(m.referral(world.ledger.area, new_reference()))
        await world.publish()
        await world.caught_up()
    followed = (await world.js.stream_info(LEDGER)).state.last_seq
    await world.js.publish(f"check.demo.hilltop-school.{new_reference()}", b"{}")

    async def rebuilt(*_given: object) -> None:
        pytest.fail("the tables were built again")

    monkeypatch.setattr(app, "rebuild_tables", rebuilt)
    told = _with_floor(JetStreamContext.consumer_info, followed + 1)
    monkeypatch.setattr(JetStreamContext, "consumer_info", told)
    async with running(world):
        await world.ticked()


def _with_floor(asked: Any, floor: int) -> Any:
    """Answer as a cluster's server does, whose consumers pass what they do not deliver."""

    async def consumer_info(js: JetStreamContext, stream: str, consumer: str) -> ConsumerInfo:
        info: ConsumerInfo = await asked(js, stream, consumer)
        return replace(info, ack_floor=SequenceInfo(1, floor))

    return consumer_info
