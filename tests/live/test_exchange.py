"""The exchange on a real nats-server: decisions, receipts, deliveries, guards and cursors."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from nats.errors import Error as NatsError

from contracts.identifiers import new_reference
from contracts.journey_json import load
from contracts.kinds import Opened
from contracts.records import Entry, Outcome
from contracts.seal import Sealed, peek
from services.exchange import deciding
from services.exchange.decision import decide
from services.exchange.refolding import refold
from tests import messages as m
from tests.area import FRONT, PACK, SCHOOL, TEACHER
from tests.live.conftest import ServerFactory
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange whose normal and urgent workers run."""
    async with (
        exchange_at(nats_url) as made,
        working(made.worker()),
        working(made.worker(as_urgent=True)),
    ):
        yield made


def message_id(sealed: Sealed) -> str:
    """The id of a sealed message."""
    event = peek(sealed)
    return event.id  # type: ignore[union-attr]


async def test_a_referral_is_accepted_delivered_and_receipted(exchange: Exchange) -> None:
    """An accepted message gives one journey entry, one delivery and one attested receipt."""
    child = new_reference()
    sealed = m.referral(exchange.area, child)
    decision = await exchange.decided(sealed)
    assert decision.outcome is Outcome.ACCEPTED
    assert decision.sealed == sealed.digest
    assert [to.agency for to in decision.to] == [FRONT]
    assert (await exchange.delivery(FRONT, message_id(sealed)))["seal"] == sealed.text
    assert len(await exchange.all(f"journey.{child}")) == 1


async def test_a_refusal_gives_every_reason_and_moves_no_journey(exchange: Exchange) -> None:
    """A refused message is answered under its id with all its reasons, and nothing is delivered."""
    child = new_reference()
    sealed = m.step_up(exchange.area, child, without=PACK[1])
    decision = await exchange.decided(sealed)
    assert decision.outcome is Outcome.REFUSED
    assert {r.code for r in decision.reasons} >= {"pack.part-missing", "message.unknown-child"}
    assert await exchange.all(f"journey.{child}") == []
    assert await exchange.all(f"inbox.{FRONT}.>") == []


async def test_the_whole_path_of_a_step_up(exchange: Exchange) -> None:
    """Messages about one child sent together are decided in order, each on top of the last."""
    area, child = exchange.area, new_reference()
    request = m.step_up(area, child)
    sent = [
        m.opened_before(area, child),
        request,
        m.acknowledged(area, child, message_id(request)),
        m.step_up_decided(area, child, message_id(request), "not_accepted"),
        m.step_up(area, child),
    ]
    for sealed in sent[:2]:
        assert (await exchange.decided(sealed)).outcome is Outcome.ACCEPTED
    for sealed in sent[2:]:
        decision = await exchange.decided(sealed)
        assert decision.outcome is Outcome.ACCEPTED, decision.reasons
    assert len(await exchange.all(f"journey.{child}")) == 5


async def test_a_message_sent_twice_gets_its_first_receipt(exchange: Exchange) -> None:
    """The same sealed message, sent again, changes nothing and is answered by the first receipt."""
    child = new_reference()
    sealed = m.referral(exchange.area, child)
    first = await exchange.decided(sealed)
    again = await exchange.decided(sealed)
    await exchange.decided(m.referral(exchange.area, new_reference()))
    assert again == first
    assert len(await exchange.all(f"journey.{child}")) == 1
    assert len(await exchange.all(f"receipt.{SCHOOL}.{message_id(sealed)}")) == 1


async def test_a_message_repeated_to_a_new_worker_gets_its_first_receipt(nats_url: str) -> None:
    """A worker that remembers nothing still answers a repeated message by its first receipt."""
    async with exchange_at(nats_url) as exchange:
        sealed = m.referral(exchange.area, new_reference())
        async with working(exchange.worker()):
            first = await exchange.decided(sealed)
        others = [m.referral(exchange.area, new_reference()) for _ in range(5)]
        for one in (others[0], sealed, *others[1:]):
            await exchange.send(one)
        async with working(exchange.worker()) as worker:
            for one in others:
                decision = await exchange.answer(one, exchange.bytes_of(one))
                assert decision.outcome is Outcome.ACCEPTED
            assert (await exchange.decided(sealed)) == first
        assert worker.counts.repeated >= 1
        assert len(await exchange.all("journey.>")) == 6


async def test_the_same_id_with_other_bytes_is_refused(exchange: Exchange) -> None:
    """An id that was decided cannot be used for another message, and keeps its first receipt."""
    sealed = m.referral(exchange.area, new_reference())
    first = await exchange.decided(sealed)
    other = m.referral(exchange.area, new_reference(), id=message_id(sealed))
    decision = await exchange.decided(other)
    assert [r.code for r in decision.reasons] == ["message.id-reused"]
    assert await exchange.decided(sealed) == first


async def test_child_protection_opens_without_the_story(exchange: Exchange) -> None:
    """A child-protection delivery carries its statements, encrypted to the recipient agency."""
    sealed = m.protection(exchange.area, new_reference())
    decision = await exchange.decided(sealed, as_urgent=True)
    assert decision.outcome is Outcome.ACCEPTED
    assert decision.protection
    assert "disclosures" in await exchange.delivery(FRONT, message_id(sealed))


async def test_the_lane_is_never_a_ground_for_refusal(exchange: Exchange) -> None:
    """Child protection in the normal lane, and another matter in the urgent one, are accepted."""
    one = m.protection(exchange.area, new_reference())
    other = m.referral(exchange.area, new_reference())
    assert (await exchange.decided(one)).outcome is Outcome.ACCEPTED
    assert (await exchange.decided(other, as_urgent=True)).outcome is Outcome.ACCEPTED


async def test_failed_child_protection_alerts_the_duty_desk_and_the_sender(
    exchange: Exchange,
) -> None:
    """What cannot be accepted in a child-protection lane is told at once, without content."""
    sealed = m.protection(exchange.area, new_reference(), author=TEACHER)
    broken = Sealed(sealed.text[:-20] + "A" * 20, sealed.disclosures)
    data = exchange.bytes_of(broken)
    event = peek(sealed)
    await exchange.js.publish(f"urgent.{SCHOOL}.{event.subject}", data)  # type: ignore[union-attr]
    decision = await exchange.answer(sealed, data, SCHOOL)
    assert decision.outcome is Outcome.REFUSED
    for agency in (FRONT, SCHOOL):
        alerts = await exchange.all(f"inbox.{agency}.>")
        assert len(alerts) == 1
        assert b"protection.failed" in alerts[0][1]


async def test_a_message_that_breaks_the_exchange_is_set_aside_alone(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no decision can be made on goes to quarantine alone; its neighbours are decided."""
    async with exchange_at(nats_url) as exchange:
        area = exchange.area
        sent = [m.referral(area, new_reference()) for _ in range(9)]
        bad = message_id(sent[4])

        def fails(opened: Opened, *rest: Any, **how: Any) -> Any:
            if opened.event.id == bad:
                raise ZeroDivisionError
            return decide(opened, *rest, **how)

        monkeypatch.setattr(deciding, "decide", fails)
        for one in sent:
            await exchange.send(one)
        async with working(exchange.worker()):
            for one in sent:
                data = exchange.bytes_of(one)
                if one is sent[4]:
                    continue
                assert (await exchange.answer(one, data)).outcome is Outcome.ACCEPTED
            quarantined = await exchange.all("quarantine.>")
        assert len(quarantined) == 1
        assert b"exchange.failed" in quarantined[0][1]
        assert len(await exchange.all("journey.>")) == 8


async def test_a_journey_is_rebuilt_from_its_entries_without_a_disclosure(
    exchange: Exchange,
) -> None:
    """Folding the sealed cores of a journey again gives the journey that the ledger holds."""
    area, child = exchange.area, new_reference()
    request = m.step_up(area, child)
    for sealed in (
        m.opened_before(area, child),
        request,
        m.acknowledged(area, child, message_id(request)),
        m.step_up_decided(area, child, message_id(request)),
    ):
        assert (await exchange.decided(sealed)).outcome is Outcome.ACCEPTED
    entries = [
        Entry.model_validate_json(data) for _, data in await exchange.all(f"journey.{child}")
    ]
    assert refold(entries) == load(entries[-1].journey)


@pytest.mark.parametrize("fault", [TimeoutError, ZeroDivisionError])
async def test_a_passing_fault_refuses_nobody(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """A message that met a fault of the exchange's surroundings is decided when that is over."""
    async with exchange_at(nats_url) as exchange:
        sealed = m.referral(exchange.area, new_reference())
        faults = iter([fault])

        def fails_once(*given: Any, **how: Any) -> Any:
            for one in faults:
                raise one
            return decide(*given, **how)

        monkeypatch.setattr(deciding, "decide", fails_once)
        async with working(exchange.worker()) as worker:
            assert (await exchange.decided(sealed)).outcome is Outcome.ACCEPTED
            assert worker.counts.quarantined == 0


async def test_a_restarted_server_is_worked_on_at_once(server_factory: ServerFactory) -> None:
    """After the server was killed and started again the worker goes on by itself."""
    server = await server_factory()
    async with exchange_at(server.url) as exchange, working(exchange.worker()):
        first = m.referral(exchange.area, new_reference())
        assert (await exchange.decided(first)).outcome is Outcome.ACCEPTED
        await server.kill()
        await server.start()
        second = m.referral(exchange.area, new_reference())
        async with asyncio.timeout(15):
            while True:
                try:
                    decision = await exchange.decided(second)
                except (TimeoutError, NatsError):
                    continue
                break
        assert decision.outcome is Outcome.ACCEPTED
