"""A record of the ledger that cannot be read stops one lane or one child, on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from contracts.event import Event
from contracts.holding import HeldDone, HeldRecord, read_held
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump
from contracts.kinds import iso
from contracts.messages.notices import PROTECTION_FAILED
from contracts.records import Outcome
from contracts.seal import Sealed, peek
from contracts.subjects import cursor, held, journey, receipt, submit_stream
from services.exchange.quarantine_desk import QuarantineDesk
from services.runtime.nats_plan import ServerPlan
from tests import messages as m
from tests.area import DOCTOR, FRONT, SCHOOL
from tests.live import servers
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

GARBAGE = (b"", b"{}", b'{"journey": []}', b'{"sequence": -1, "root": "", "at": "now"}')


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """Give an exchange whose worker is yet to be started."""
    plan = ServerPlan("127.0.0.1", 0, tmp_path, ())
    async with (
        servers.running(tmp_path, plan, servers.unguarded) as server,
        exchange_at(server.url) as made,
    ):
        yield made


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_damaged_cursor_stops_its_own_lane_only(exchange: Exchange, garbage: bytes) -> None:
    """With the school's cursor unreadable, the surgery's messages are decided."""
    await exchange.js.publish(cursor(submit_stream(SCHOOL)), garbage)
    await exchange.send(m.referral(exchange.area, new_reference()))

    async with working(exchange.worker()):
        sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed)

    assert decision.outcome is Outcome.ACCEPTED
    assert (await exchange.last(cursor(submit_stream(SCHOOL))) or b"") == garbage


async def test_a_lane_that_is_gone_stops_nobody_else(exchange: Exchange) -> None:
    """With the school's stream deleted, the surgery's messages are decided."""
    await exchange.js.delete_stream(submit_stream(SCHOOL))

    async with working(exchange.worker()):
        sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
        decision = await exchange.decided(sealed)

    assert decision.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_damaged_journey_stops_its_own_child_only(
    exchange: Exchange, garbage: bytes
) -> None:
    """What is about that child is quarantined at once as a fault of ours; others are decided."""
    child = new_reference()
    await exchange.js.publish(journey(child), garbage)
    worker = exchange.worker()

    async with working(worker):
        damaged = await exchange.decided(m.referral(exchange.area, child))
        sound = await exchange.decided(m.referral(exchange.area, new_reference()))

    assert [reason.code for reason in damaged.reasons] == ["exchange.failed"]
    assert sound.outcome is Outcome.ACCEPTED
    assert worker.counts.restarts == 0
    assert (await exchange.last(journey(child)) or b"") == garbage


async def test_a_damaged_journey_tells_of_its_child_protection(exchange: Exchange) -> None:
    """What raises protection alerts people in the normal lane too, where it cannot be decided."""
    child, other = new_reference(), new_reference()
    for each in (child, other):
        await exchange.js.publish(journey(each), b"{}")

    async with working(exchange.worker()):
        await exchange.decided(m.referral(exchange.area, other))
        damaged = await exchange.decided(m.protection(exchange.area, child))

    assert [reason.code for reason in damaged.reasons] == ["exchange.failed"]
    (alert,) = await _alerts(exchange)
    assert alert.subject == child
    assert alert.data.content["reasons"] == ["exchange.failed"]


async def test_many_about_one_damaged_journey_are_set_aside_together(exchange: Exchange) -> None:
    """What lies in the lanes about that child does not hold up the group that it is decided in."""
    child = new_reference()
    await exchange.js.publish(journey(child), b"{}")
    about = [m.referral(exchange.area, child) for _ in range(3)]
    sent = [(sealed, await exchange.send(sealed)) for sealed in about]
    sound = m.referral(exchange.area, new_reference())
    data = await exchange.send(sound)
    worker = exchange.worker()

    async with working(worker):
        for sealed, each in sent:
            damaged = await exchange.answer(sealed, each)
            assert [reason.code for reason in damaged.reasons] == ["exchange.failed"]
        assert (await exchange.answer(sound, data)).outcome is Outcome.ACCEPTED

    assert (worker.counts.groups, worker.counts.restarts) == (1, 0)


async def test_what_was_quarantined_is_released_once_its_journey_is_mended(
    exchange: Exchange,
) -> None:
    """The exchange that set it aside sees by itself that the record can be read again."""
    child = new_reference()
    sealed = m.referral(exchange.area, child)
    await exchange.js.publish(journey(child), b"{}")
    desk = QuarantineDesk(exchange.client, exchange.js, "demo.exchange")

    async with working(exchange.worker()):
        await exchange.decided(sealed)
        await exchange.js.publish(journey(child), _mended(child))
        (item,) = orjson.loads(await desk.listing(b""))["items"]
        wanted = {name: item[name] for name in ("lane", "sequence", "digest")}
        order = {"items": [wanted], "because": "fault-mended", "reference": ""}
        (result,) = orjson.loads(await desk.release(orjson.dumps(order)))["results"]

    assert result["outcome"] == "accepted"
    assert (await exchange.final(sealed)).outcome is Outcome.ACCEPTED


async def test_a_held_message_outlives_the_damage_to_its_childs_journey(
    exchange: Exchange,
) -> None:
    """It goes to quarantine and stays held, past its time too, and is decided once that is mended.

    It is looked at again by the hour, and not as fast as wake-ups come.
    """
    child = new_reference()
    request = m.referral(exchange.area, child)
    answer = m.acknowledged(exchange.area, child, _event(request).id)

    async with working(exchange.worker(hold=timedelta(seconds=6))):
        data = await exchange.send(answer)
        await exchange.held(answer)
        await exchange.js.publish(journey(child), b"{}")
        told = await exchange.answer(answer, data)
        longer = await _held_for_longer(exchange, child, answer)
        assert [reason.code for reason in told.reasons] == ["exchange.failed"]
        assert 1 <= len(await exchange.all(f"quarantine.{FRONT}.>")) <= 2
        assert await exchange.last(receipt(FRONT, _event(answer).id)) is None
        await exchange.js.publish(journey(child), _mended(child))
        assert (await exchange.decided(request)).outcome is Outcome.ACCEPTED
        final = await exchange.final(answer)

    assert final.outcome is Outcome.ACCEPTED
    assert final.now < longer.until
    stored = await exchange.last(held(child, _event(answer).id))
    assert isinstance(read_held(stored or b""), HeldDone)


def _event(sealed: Sealed) -> Event:
    event = peek(sealed)
    assert isinstance(event, Event)
    return event


def _mended(child: str) -> bytes:
    """Return a record of a child's journey in which nothing has happened yet."""
    nothing = Journey(child=child, now=iso(datetime.now(UTC)))
    return orjson.dumps({"journey": orjson.Fragment(dump(nothing))})


async def _held_for_longer(exchange: Exchange, child: str, sealed: Sealed) -> HeldRecord:
    """Wait until a message is held for an hour at least, and return the record of that."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            stored = await exchange.last(held(child, _event(sealed).id))
            record = read_held(stored or b"")
            assert isinstance(record, HeldRecord)
            if record.until - record.arrived_at >= timedelta(hours=1):
                return record
            await asyncio.sleep(0.05)


async def _alerts(exchange: Exchange) -> list[Event]:
    """Return what First Response was told that failed."""
    seals = [orjson.loads(data)["seal"] for _, data in await exchange.all(f"inbox.{FRONT}.>")]
    events = [_event(Sealed(one)) for one in seals]
    return [one for one in events if one.kind == PROTECTION_FAILED.name]
