"""Evidence after the ledger has let go of every receipt: what entries attest themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from contracts.errors import HandrailError
from contracts.evidence import Evidence, dump
from contracts.identifiers import new_reference
from contracts.records import Entry, Outcome
from contracts.seal import peek
from contracts.subjects import LEDGER
from services.cli import evidence_gathering as gathering
from services.exchange import drafts
from services.exchange.streams import ensure_lanes, ensure_ledger
from services.runtime.nats_plan import ServiceRole
from services.runtime.nkeys import NKey
from tests import messages as m
from tests.area import TEACHER
from tests.live import tracking_world
from tests.live.commands import say
from tests.live.conftest import Hub, ServerFactory
from tests.live.exchanging import Exchange, working
from tests.live.logging_world import answering, sequencing
from tests.live.tracking_world import World, running, until

pytestmark = pytest.mark.live

_AT_ONCE = "1s"


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a tracker's surroundings on a server where one connection may also send."""
    hub = Hub(await server_factory(), {role: NKey.generate() for role in ServiceRole})
    made = await tracking_world.made(hub, tmp_path / "state", f"sqlite:///{tmp_path}/db.sqlite")
    operator = made.partnership.folder / "nkeys" / "operator.seed"
    operator.write_text(hub.keys[ServiceRole.OPERATOR].seed)
    yield made
    await hub.close()


async def decided(exchange: Exchange, child: str) -> tuple[str, str]:
    """Have three messages about `child` decided; give an accepted one and the refused one."""
    area = exchange.area
    wrong = m.acknowledged(area, child, new_reference())
    await exchange.decided(m.opened_before(area, child))
    asked = m.step_up(area, child)
    assert (await exchange.decided(asked)).outcome is Outcome.ACCEPTED
    assert (await exchange.decided(wrong)).outcome is Outcome.REFUSED
    events = [peek(one) for one in (asked, wrong)]
    return events[0].id, events[1].id  # type: ignore[union-attr]


@asynccontextmanager
async def proving(exchange: Exchange, file: Path) -> AsyncIterator[None]:
    """Answer for the log as the exchange does, under one head over all that was decided."""
    async with sequencing(exchange, file) as sequencer:
        await sequencer.step()
        await sequencer.step()
        answers = answering(exchange, sequencer)

        async def prove(message: Msg) -> None:
            await message.respond(await answers.prove(message.data))

        there = await exchange.client.subscribe("exchange.admin.log.prove", cb=prove)
        try:
            yield
        finally:
            await there.unsubscribe()


async def expired(exchange: Exchange) -> None:
    """Wait until the server holds no answer and no delivery any more."""

    async def is_gone() -> bool:
        return not [*await exchange.all("receipt.>"), *await exchange.all("inbox.>")]

    await until(is_gone)


async def gathered(world: World, about: str) -> Evidence:
    """Gather evidence as `handrail evidence` does."""
    return await gathering.gather(
        world.partnership, world.ledger.area.directory, about, datetime.now(UTC)
    )


async def test_evidence_holds_when_every_receipt_has_expired(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a child, and of one message, entries prove their decisions when no receipt is kept."""
    monkeypatch.setattr(drafts, "_TTL", _AT_ONCE)
    exchange = Exchange(world.hub.url, world.exchange, world.js, world.ledger.area)
    await ensure_ledger(exchange.js)
    await ensure_lanes(exchange.js, exchange.area.directory)
    child = new_reference()
    async with running(world):
        async with working(exchange.worker()):
            accepted, refused = await decided(exchange, child)
        entries = [Entry.model_validate_json(d) for _, d in await exchange.all(f"journey.{child}")]
        last = await exchange.js.get_last_msg(LEDGER, f"journey.{child}")
        world.published = int(last.seq or 0)
        await world.caught_up()
        await expired(exchange)
        async with proving(exchange, tmp_path / "log.sqlite"):
            of_child, of_message = await gathered(world, child), await gathered(world, accepted)
            with pytest.raises(HandrailError, match=r"evidence\.unknown"):
                await gathered(world, refused)

    assert (of_child.answers, of_message.answers) == ((), ())
    assert set(of_child.groups) == {entry.group for entry in entries}
    root = exchange.area.root.x
    for made, numbers in ((of_child, [1, 2]), (of_message, [2])):
        file = tmp_path / "evidence.json"
        file.write_bytes(dump(made))
        told = say("verify", file, "--root", root).json
        assert told["holds"]
        assert [one["number"] for one in told["messages"]] == numbers
        assert any("stand in the log" in line for line in told["proved"])
    assert any(TEACHER in str(one) for one in told["messages"])
    assert orjson.loads(dump(of_message))["log"]["missing"] == []
