"""One agency's flood, on a real nats-server: it waits or is told to wait, and nobody else does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import nats
import orjson
import pytest
import pytest_asyncio

from contracts.errors import HandrailError
from contracts.event import Event
from contracts.identifiers import new_reference
from contracts.messages.notices import PROTECTION_FAILED
from contracts.records import Cursor, LaneLeaf, Outcome, Receipt
from contracts.seal import Sealed, peek
from contracts.subjects import (
    cursor,
    receipt,
    receipt_bytes,
    submit,
    submit_stream,
    urgent,
    urgent_stream,
)
from contracts.submission import digest_of_bytes
from services.exchange.ledger import Ledger
from services.exchange.rates import BURST_S, SINGLY, LaneRates
from services.runtime.limiting import MOST_AT_ONCE
from services.runtime.nats_plan import ServerPlan
from services.runtime.subscribing import Request, ask, make_broker, request_subscriber
from tests import messages as m
from tests.area import DOCTOR, FRONT, GP, SCHOOL
from tests.live import servers
from tests.live.brokers import started
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

FLOOD = 100
FAILED = PROTECTION_FAILED.name
DEADLINE_S = 30


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """Give an exchange whose worker is yet to be started."""
    plan = ServerPlan("127.0.0.1", 0, tmp_path, ())
    async with (
        servers.running(tmp_path, plan, servers.unguarded) as server,
        exchange_at(server.url) as made,
    ):
        yield made


async def _flood(exchange: Exchange, *, in_urgent: bool = False) -> list[str]:
    """Send garbage from the school, and return the subjects of the receipts that answer it."""
    lane, child = urgent if in_urgent else submit, new_reference()
    garbage = [f"garbage {number}".encode() for number in range(FLOOD)]
    await asyncio.gather(*(exchange.js.publish(lane(SCHOOL, child), one) for one in garbage))
    return [receipt_bytes(SCHOOL, digest_of_bytes(one)) for one in garbage]


async def _answered(exchange: Exchange, subjects: list[str], count: int) -> int:
    """Wait until at least `count` of the subjects have a receipt, and return how many do."""
    ledger = Ledger(exchange.client, exchange.js)
    async with asyncio.timeout(DEADLINE_S):
        while len(found := await ledger.last_of_many(subjects)) < count:
            await asyncio.sleep(0.05)
    return len(found)


async def _delivered(exchange: Exchange, agency: str) -> list[Event]:
    """Return what the inbox of an agency was sent, each delivery of it."""
    records = [orjson.loads(data) for _, data in await exchange.all(f"inbox.{agency}.>")]
    events = [peek(Sealed(one["seal"])) for one in records]
    assert all(isinstance(one, Event) for one in events)
    return [one for one in events if isinstance(one, Event)]


async def test_a_flood_beyond_its_rate_waits_while_another_agency_is_answered(
    exchange: Exchange,
) -> None:
    """What the school sends beyond its rate stays in its lane; the surgery's messages do not wait.

    Nothing of it is lost: once the operator takes the bound away all of it is answered.
    """
    subjects = await _flood(exchange)
    async with working(exchange.worker(rates=LaneRates(1))):
        await _answered(exchange, subjects, int(BURST_S))
        for _ in range(3):
            sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
            assert (await exchange.decided(sealed)).outcome is Outcome.ACCEPTED
        # Garbage counts many times, so what was let through at once is owed for minutes.
        assert await _answered(exchange, subjects, 0) == BURST_S
        record = await exchange.last(cursor(submit_stream(SCHOOL)))
        assert Cursor.model_validate_json(record or b"").sequence == BURST_S
        assert (await exchange.js.stream_info(submit_stream(SCHOOL))).state.messages == FLOOD

    async with working(exchange.worker(rates=LaneRates(0))):
        assert await _answered(exchange, subjects, FLOOD) == FLOOD


async def test_child_protection_is_never_made_to_wait_by_a_flood(exchange: Exchange) -> None:
    """Garbage in a school's urgent lane waits, and what comes behind it is decided and delivered.

    The garbage has not had its turn by then, and another exchange goes on where this one was.
    """
    subjects = await _flood(exchange, in_urgent=True)
    own = m.protection(exchange.area, new_reference())
    other = m.protection(exchange.area, new_reference(), author=DOCTOR)
    for _ in range(2):
        rates = LaneRates(1, waits=False)  # a restart fills its buckets
        async with working(exchange.worker(as_urgent=True, rates=rates)) as worker:
            for sealed in (other, own):
                decision = await exchange.decided(sealed, as_urgent=True)
                assert decision.outcome is Outcome.ACCEPTED
            assert worker.counts.quarantined <= SINGLY
    assert await _answered(exchange, subjects, 0) <= 2 * SINGLY
    decision, event = await exchange.final(own), peek(own)
    assert isinstance(event, Event)
    answer = await exchange.last(receipt(SCHOOL, event.id))
    leaf = LaneLeaf.model_validate_json(Receipt.model_validate_json(answer or b"").lane)
    assert leaf.first <= leaf.waits <= decision.sequence <= leaf.last
    delivered = await _delivered(exchange, FRONT)
    assert len([one for one in delivered if one.kind != FAILED]) == 2


async def test_garbage_in_an_urgent_lane_is_all_decided_and_told_of_once(
    exchange: Exchange,
) -> None:
    """Every piece has its receipt and its quarantine record, and few alerts tell of all of them.

    A worker that is stopped in between neither loses nor doubles what they count.
    """
    subjects = await _flood(exchange, in_urgent=True)
    own = m.protection(exchange.area, new_reference())
    await exchange.send(own, as_urgent=True)
    for count in (SINGLY, FLOOD):
        rates = LaneRates(1, waits=False, together_s=1.0)
        async with working(exchange.worker(as_urgent=True, rates=rates)):
            assert (await exchange.final(own)).outcome is Outcome.ACCEPTED
            await _answered(exchange, subjects, count)
    assert len(await exchange.all(f"quarantine.{SCHOOL}.>")) == FLOOD
    cursor_of = await exchange.last(cursor(urgent_stream(SCHOOL)))
    assert Cursor.model_validate_json(cursor_of or b"").sequence == FLOOD + 1
    alerts = [one for one in await _delivered(exchange, FRONT) if one.kind == FAILED]
    assert sum(int(str(one.data.content["count"])) for one in alerts) == FLOOD
    assert len(alerts) <= 2 * SINGLY + 2
    assert len([one for one in await _delivered(exchange, FRONT) if one.kind != FAILED]) == 1


async def test_what_somebody_signed_never_waits_with_garbage(exchange: Exchange) -> None:
    """Referrals sealed by a clock that is ahead are answered in their turn, with an alert each.

    That is so behind any number of pieces of garbage, and however many such referrals there are.
    """
    area, ahead = exchange.area, exchange.area.now + timedelta(minutes=10)
    garbage = await _flood(exchange, in_urgent=True)
    children = [new_reference() for _ in range(2 * SINGLY)]
    late = [m.protection(area, child, time=ahead) for child in children]
    data = await asyncio.gather(*(exchange.send(one, as_urgent=True) for one in late))
    answers = [receipt_bytes(SCHOOL, digest_of_bytes(one)) for one in data]
    async with working(exchange.worker(as_urgent=True, rates=LaneRates(1, waits=False))):
        assert await _answered(exchange, answers, len(late)) == len(late)
    assert await _answered(exchange, garbage, 0) <= SINGLY
    alerts = [one for one in await _delivered(exchange, FRONT) if one.kind == FAILED]
    about = [one.subject for one in alerts if one.data.content["reasons"] == ["seal.future"]]
    assert sorted(about) == sorted(children)


async def test_child_protection_does_not_wait_for_its_own_agencys_normal_lane(
    exchange: Exchange,
) -> None:
    """While a school's normal lane waits for its rate, its child protection is decided."""
    subjects = await _flood(exchange)
    urgent_worker = exchange.worker(as_urgent=True, rates=LaneRates(1, waits=False))
    async with working(exchange.worker(rates=LaneRates(1))), working(urgent_worker):
        await _answered(exchange, subjects, int(BURST_S))
        sealed = m.protection(exchange.area, new_reference())
        assert (await exchange.decided(sealed, as_urgent=True)).outcome is Outcome.ACCEPTED
        assert await _answered(exchange, subjects, 0) < FLOOD


async def test_one_agencys_requests_leave_room_for_anothers(nats_url: str) -> None:
    """Requests that hold a service up fill one agency's share; it is told to try again.

    The other agency is answered meanwhile, and what was being answered is answered in the end.
    """
    client = await nats.connect(nats_url)
    broker, done = make_broker(nats_url, None, name="test"), asyncio.Event()

    @request_subscriber(broker, "story.*.*.read")
    async def answer(request: Request) -> bytes:
        if SCHOOL in request.subject:
            await done.wait()
        return b"read"

    async with started(broker):
        asked = [
            asyncio.create_task(ask(client, f"story.{SCHOOL}.read", b"", timeout_s=DEADLINE_S))
            for _ in range(MOST_AT_ONCE * 2)
        ]
        told = await _first_refused(asked, MOST_AT_ONCE)
        assert {error.code for error in told} == {"busy.try-again"}
        assert all(error.remedy for error in told)
        assert await ask(client, f"story.{GP}.read", b"") == b"read"
        done.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert answers.count(b"read") == MOST_AT_ONCE
    await client.close()


async def _first_refused(asked: list["asyncio.Task[bytes]"], count: int) -> list[HandrailError]:
    """Wait until `count` of the requests were refused, and return with what."""
    async with asyncio.timeout(DEADLINE_S):
        while sum(one.done() for one in asked) < count:
            await asyncio.sleep(0.01)
    found = [one.exception() for one in asked if one.done()]
    assert all(isinstance(one, HandrailError) for one in found)
    return [one for one in found if isinstance(one, HandrailError)]
