"""Joining two references through a real exchange: one lead whatever is cut short or overtaken."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts.custody import Piece, prove_custody
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import load
from contracts.records import Decision, Entry, Outcome
from contracts.seal import Sealed
from services.exchange.refolding import refold
from services.exchange.worker import Worker
from tests import messages as m
from tests.area import CAF_MANAGER, CAF_WORKER, DOCTOR, FRONT, GP, SCHOOL, TEACHER
from tests.live.exchanging import Exchange, exchange_at, working
from tests.unit.test_kinds_linking import SIGNS

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange whose streams are there and whose workers do not run yet."""
    async with exchange_at(nats_url) as made:
        yield made


def joining(exchange: Exchange, child: str, other: str, survivor: str, **changes: object) -> Sealed:
    """The CAF team joins two references; the teacher goes on leading."""
    to = (SCHOOL,) if child == survivor else (GP,)
    content = {"other": other, "survivor": survivor, "lead": TEACHER, "because": "same_identifier"}
    made = {"countersigners": SIGNS, "content": content, **changes}
    return exchange.area.sealed("child.linked", child, CAF_WORKER, made.pop("to", to), **made)


async def entries(exchange: Exchange, child: str) -> list[Entry]:
    """The entries of a journey."""
    found = await exchange.all(f"journey.{child}")
    return [Entry.model_validate_json(data) for _, data in found]


async def journey(exchange: Exchange, child: str) -> Journey:
    """The journey as its last entry has it."""
    return load(dict((await entries(exchange, child))[-1].journey))


async def leads(exchange: Exchange, *children: str) -> list[str]:
    """Who leads any of these references."""
    found = [await journey(exchange, child) for child in children]
    return [one.lead.practitioner for one in found if one.lead]


async def led_twice(exchange: Exchange) -> tuple[str, str]:
    """A child under two references: a doctor leads the one, a teacher the other."""
    retired, survivor = new_reference(), new_reference()
    for child, lead in ((retired, DOCTOR), (survivor, TEACHER)):
        opened = m.opened_before(exchange.area, child, lead=lead)
        assert (await exchange.decided(opened)).outcome is Outcome.ACCEPTED
    return retired, survivor


def codes(decision: Decision) -> set[tuple[str, str]]:
    """The grounds of a refusal."""
    assert decision.outcome is Outcome.REFUSED
    return {(ground.code, ground.detail) for ground in decision.reasons}


async def test_a_join_cut_short_leaves_one_lead_and_is_completed_by_another_worker(
    exchange: Exchange,
) -> None:
    """A worker that ends between the two messages leaves one lead; the next one completes."""
    async with working(exchange.worker()):
        retired, survivor = await led_twice(exchange)
        assert sorted(await leads(exchange, retired, survivor)) == sorted([DOCTOR, TEACHER])
        first = await exchange.decided(joining(exchange, retired, survivor, survivor))
        assert first.outcome is Outcome.ACCEPTED
    assert await leads(exchange, retired, survivor) == [TEACHER]
    assert (await journey(exchange, survivor)).linked == ()

    async with working(exchange.worker()):
        refused = await exchange.decided(m.referral(exchange.area, retired))
        assert codes(refused) == {("child.linked-to", survivor)}
        second = joining(exchange, survivor, retired, survivor, answers=first.message)
        assert (await exchange.decided(second)).outcome is Outcome.ACCEPTED
    assert await leads(exchange, retired, survivor) == [TEACHER]
    assert (await journey(exchange, survivor)).linked == (retired,)


async def test_what_happened_to_the_other_reference_meanwhile_is_seen(exchange: Exchange) -> None:
    """A join decided beside an outdated journey of the other child is decided anew."""
    worker: Worker = exchange.worker()
    async with working(worker), working(exchange.worker(as_urgent=True)):
        retired, survivor = await led_twice(exchange)
        urgent = await exchange.decided(m.protection(exchange.area, survivor), as_urgent=True)
        assert urgent.outcome is Outcome.ACCEPTED
        before = worker.counts.restarts
        joined = await exchange.decided(joining(exchange, retired, survivor, survivor))
        assert joined.outcome is Outcome.ACCEPTED
        assert worker.counts.restarts > before


async def test_both_messages_in_one_group_join_at_once(exchange: Exchange) -> None:
    """Sent together before the worker runs, they are stored in one batch, each on its journey."""
    async with working(exchange.worker()):
        retired, survivor = await led_twice(exchange)
    first = joining(exchange, retired, survivor, survivor, id=new_reference())
    name = exchange.area.open(first).event.id
    second = joining(exchange, survivor, retired, survivor, answers=name)
    sent = [await exchange.send(one) for one in (first, second)]
    async with working(exchange.worker()):
        for one, data in zip((first, second), sent, strict=True):
            assert (await exchange.answer(one, data)).outcome is Outcome.ACCEPTED
    assert await leads(exchange, retired, survivor) == [TEACHER]


async def test_child_protection_about_a_retired_reference_is_delivered(exchange: Exchange) -> None:
    """The join never stands in the way of a concern (003 §2.2)."""
    async with working(exchange.worker()), working(exchange.worker(as_urgent=True)):
        retired, survivor = await led_twice(exchange)
        await exchange.decided(joining(exchange, retired, survivor, survivor))
        concern = m.protection(exchange.area, retired)
        decision = await exchange.decided(concern, as_urgent=True)
    assert decision.outcome is Outcome.ACCEPTED
    assert [to.agency for to in decision.to] == [FRONT]
    assert (await exchange.delivery(FRONT, decision.message or ""))["seal"] == concern.text


async def test_the_chain_and_the_refolded_journeys_agree(exchange: Exchange) -> None:
    """From the signed messages alone both chains hold, and folding them again gives the same."""
    async with working(exchange.worker()):
        retired, survivor = await led_twice(exchange)
        first = await exchange.decided(joining(exchange, retired, survivor, survivor))
        second = joining(exchange, survivor, retired, survivor, answers=first.message)
        await exchange.decided(second)
        parting = exchange.area.sealed(
            "child.unlinked",
            retired,
            CAF_WORKER,
            (GP,),
            countersigners=SIGNS,
            content={"other": survivor, "because": "different_children"},
        )
        assert (await exchange.decided(parting)).outcome is Outcome.ACCEPTED
    open_leads: list[str] = []
    for child in (retired, survivor):
        held = await entries(exchange, child)
        assert refold(held) == load(dict(held[-1].journey))
        pieces = [Piece(e.sealed, Decision.model_validate_json(e.decision).now) for e in held]
        chain = prove_custody(child, pieces, exchange.area.directory)
        assert chain.holds, chain.findings
        open_leads += [led.practitioner for led in chain.led if led.until is None]
    assert open_leads == [TEACHER]
    assert CAF_MANAGER in {s.id for s in SIGNS}
