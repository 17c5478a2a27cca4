"""Evidence out of order is held: never lost, never guessed, decided once (design §1, §5)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from contracts.holding import HeldDone, HeldRecord, WakeUp, read_held
from contracts.identifiers import new_reference
from contracts.kinds import Opened
from contracts.records import Decision, Entry, Outcome
from contracts.roles import Capacity
from contracts.seal import Sealed, peek
from contracts.subjects import held, journey, receipt_bytes, submit, submit_stream
from contracts.submission import digest_of_bytes
from services.exchange import deciding
from services.exchange import held as holding
from services.exchange.decision import decide
from services.exchange.trimming import POSITIONS, trim
from services.exchange.worker import Worker
from tests import messages as m
from tests.area import CAF_WORKER, CARE, DUTY, FRONT, SCHOOL
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = pytest.mark.live

HOUR = timedelta(hours=1)
BRIEF = timedelta(seconds=0.4)
OWN = submit_stream("demo.exchange")


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange of which no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


def identity(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


def pair(exchange: Exchange, child: str) -> tuple[Sealed, Sealed]:
    """The school's referral, and First Response's acknowledgement of it."""
    request = m.referral(exchange.area, child)
    return request, m.acknowledged(exchange.area, child, identity(request))


async def record_of(exchange: Exchange, child: str, sealed: Sealed) -> HeldRecord | HeldDone | None:
    """What the ledger holds of a held message now."""
    found = await exchange.last(held(child, identity(sealed)))
    return None if found is None else read_held(found)


async def journey_of(exchange: Exchange, child: str) -> list[str]:
    """The messages in a child's journey, in order."""
    entries = [Entry.model_validate_json(d) for _, d in await exchange.all(journey(child))]
    return [str(orjson.loads(entry.decision)["message"]) for entry in entries]


async def nothing_open(worker: Worker) -> None:
    """Return when the worker knows of nothing that is held."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await worker.holds.catch_up()
            if not len(worker.holds):
                return
            await asyncio.sleep(0.02)


async def test_an_answer_that_overtakes_its_request_is_held_and_then_accepted_once(
    exchange: Exchange,
) -> None:
    """The sender is told that it is held; when the request comes, both are accepted in order."""
    child = new_reference()
    request, answer = pair(exchange, child)
    async with working(exchange.worker(hold=HOUR)) as worker:
        await exchange.send(answer)
        notice = await exchange.held(answer)
        assert notice.outcome is Outcome.HELD
        assert {r.code for r in notice.reasons} == {"message.unknown-child", "request.unknown"}
        assert notice.until == notice.now + HOUR
        assert await exchange.all(f"receipt.{FRONT}.{identity(answer)}") == []
        assert isinstance(await record_of(exchange, child, answer), HeldRecord)
        assert (await exchange.decided(request)).outcome is Outcome.ACCEPTED
        final = await exchange.final(answer)
        await nothing_open(worker)
    assert final.outcome is Outcome.ACCEPTED
    assert (final.lane, final.sequence) == (submit_stream(FRONT), 1)
    assert final.now > notice.now
    assert await journey_of(exchange, child) == [identity(request), identity(answer)]
    assert len(await exchange.all(f"inbox.{SCHOOL}.{identity(answer)}")) == 1
    assert isinstance(await record_of(exchange, child, answer), HeldDone)


async def test_when_the_time_is_up_it_is_refused_with_its_reasons(exchange: Exchange) -> None:
    """What nobody ever asked is refused for what it waited for, and not before its time."""
    child = new_reference()
    _, answer = pair(exchange, child)
    async with working(exchange.worker(hold=BRIEF)) as worker:
        await exchange.send(answer)
        notice, final = await exchange.held(answer), await exchange.final(answer)
        await nothing_open(worker)
    assert final.outcome is Outcome.REFUSED
    assert final.reasons == notice.reasons
    assert notice.until is not None
    assert final.now >= notice.until
    assert await journey_of(exchange, child) == []


async def test_what_is_against_a_message_beside_lateness_refuses_it_at_once(
    exchange: Exchange,
) -> None:
    """A message is held only when everything against it may pass by itself."""
    sealed = m.step_up(exchange.area, new_reference())
    async with working(exchange.worker(hold=HOUR)):
        decision = await exchange.decided(sealed)
    assert decision.outcome is Outcome.REFUSED
    assert "message.unknown-child" in {r.code for r in decision.reasons}


async def test_what_is_held_turns_out_wrong_when_its_request_comes(exchange: Exchange) -> None:
    """An answer to somebody else's request is refused as soon as the request is known."""
    area, child = exchange.area, new_reference()
    request = m.referral(area, child)
    answer = m.acknowledged(area, child, identity(request), by=CAF_WORKER)
    async with working(exchange.worker(hold=HOUR)):
        await exchange.send(answer)
        await exchange.held(answer)
        await exchange.decided(request)
        final = await exchange.final(answer)
    assert [r.code for r in final.reasons] == ["request.not-recipient"]


async def test_held_messages_that_wait_for_each_other_are_accepted_in_order(
    exchange: Exchange,
) -> None:
    """Whatever the order of arrival, the journey has the order in which they follow."""
    area, child = exchange.area, new_reference()
    request = m.referral(area, child)
    decided = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=identity(request),
        content={"outcome": "assess"},
    )
    started = m.assessment(area, child)
    async with working(exchange.worker(hold=HOUR)) as worker:
        for late in (started, decided):
            await exchange.send(late)
            await exchange.held(late)
        await exchange.decided(request)
        for late in (decided, started):
            final = await exchange.final(late)
            assert final.outcome is Outcome.ACCEPTED, final.reasons
        await nothing_open(worker)
    assert await journey_of(exchange, child) == [identity(s) for s in (request, decided, started)]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_held_message_sent_again_is_held_once(exchange: Exchange, restarted: bool) -> None:
    """It has one holding and one notice, by whichever worker, and its id is nobody else's."""
    child = new_reference()
    _, answer = pair(exchange, child)
    async with working(exchange.worker(hold=HOUR)) as worker:
        await exchange.send(answer)
        first = await exchange.held(answer)
        if not restarted:
            await _again(exchange, worker, child, answer, first)
    if restarted:
        async with working(exchange.worker(hold=HOUR)) as worker:
            await worker.holds.catch_up()
            await _again(exchange, worker, child, answer, first)


async def _again(
    exchange: Exchange, worker: Worker, child: str, answer: Sealed, first: Decision
) -> None:
    for _ in range(2):
        await exchange.send(answer)
    answers = str(peek(answer).data.answers)  # type: ignore[union-attr]
    earlier = exchange.area.now - timedelta(seconds=5)
    given: dict[str, Any] = {"id": identity(answer), "answers": answers, "time": earlier}
    stolen = exchange.area.sealed("message.acknowledged", child, DUTY, [SCHOOL], **given)
    decision = await exchange.decided(stolen)
    assert [r.code for r in decision.reasons] == ["message.id-reused"]
    assert await exchange.held(answer) == first
    assert len(await exchange.all(f"held.{child}.>")) == 1
    assert worker.counts.repeated == 2


async def test_a_worker_that_knows_nothing_holds_nothing_twice(exchange: Exchange) -> None:
    """Without any memory of what is held the create-only record keeps it from being held again."""
    child = new_reference()
    request, answer = pair(exchange, child)
    async with working(exchange.worker(hold=HOUR)):
        await exchange.send(answer)
        await exchange.held(answer)
    await exchange.send(answer)
    await exchange.send(request)
    async with working(exchange.worker(hold=HOUR)) as worker:
        worker.holds.catch_up = _never  # type: ignore[method-assign]
        assert (await exchange.answer(request, exchange.bytes_of(request))).outcome is (
            Outcome.ACCEPTED
        )
    assert len(await exchange.all(f"held.{child}.>")) == 1


async def _never() -> None:
    await asyncio.Event().wait()


async def test_any_number_of_wake_ups_decides_once(exchange: Exchange) -> None:
    """A wake-up for nothing, too early or repeated changes nothing."""
    child = new_reference()
    request, answer = pair(exchange, child)
    async with working(exchange.worker(hold=HOUR)) as worker:
        await exchange.send(answer)
        await exchange.held(answer)
        for message in (identity(answer), identity(request), new_reference()):
            await _wake(exchange, child, message)
        await exchange.decided(m.referral(exchange.area, new_reference()))
        assert isinstance(await record_of(exchange, child, answer), HeldRecord)
        await exchange.decided(request)
        final = await exchange.final(answer)
        for _ in range(3):
            await _wake(exchange, child, identity(answer))
        await exchange.decided(m.referral(exchange.area, new_reference()))
        await nothing_open(worker)
    assert final.outcome is Outcome.ACCEPTED
    assert await journey_of(exchange, child) == [identity(request), identity(answer)]
    assert len(await exchange.all(f"receipt.{FRONT}.{identity(answer)}")) == 1
    assert await exchange.all("quarantine.>") == []


async def _wake(exchange: Exchange, child: str, message: str) -> None:
    body = WakeUp(wake=message).model_dump_json().encode()
    await exchange.js.publish(submit("demo.exchange", child), body)


async def test_a_request_that_the_urgent_worker_accepts_wakes_the_answer(
    exchange: Exchange,
) -> None:
    """Whichever process accepts what is waited for, the held message is decided."""
    child = new_reference()
    request, answer = pair(exchange, child)
    async with working(exchange.worker(hold=HOUR)), working(exchange.worker(as_urgent=True)):
        await exchange.send(answer)
        await exchange.held(answer)
        await exchange.decided(request, as_urgent=True)
        assert (await exchange.final(answer)).outcome is Outcome.ACCEPTED


async def test_what_was_sent_as_urgent_is_never_held(exchange: Exchange) -> None:
    """Child protection is accepted on its floor; what else is urgent is refused at once."""
    area, child = exchange.area, new_reference()
    _, answer = pair(exchange, child)
    named = {"kind": "consent", "consents": (new_reference(),)}
    concern = m.protection(area, new_reference(), basis=named)
    async with working(exchange.worker(hold=HOUR)), working(exchange.worker(as_urgent=True)):
        assert (await exchange.decided(concern)).outcome is Outcome.ACCEPTED
        decision = await exchange.decided(answer, as_urgent=True)
    assert decision.outcome is Outcome.REFUSED
    assert len(await exchange.all(f"inbox.{FRONT}.>")) == 2
    assert await exchange.all("held.>") == []


async def test_what_cannot_be_opened_any_more_is_answered_under_its_id(
    exchange: Exchange,
) -> None:
    """A held message whose author the directory has lost gets a final refusal all the same."""
    area, child = exchange.area, new_reference()
    _, answer = pair(exchange, child)
    current = [area.directory]
    worker = exchange.worker(hold=BRIEF, directory=lambda: current[0])
    async with working(worker):
        await exchange.send(answer)
        await exchange.held(answer)
        people = tuple(p for p in area.document.practitioners if p.id != DUTY)
        area.document = area.document.model_copy(update={"practitioners": people})
        current[0] = area.directory
        final = await exchange.final(answer)
        await nothing_open(worker)
    assert final.outcome is Outcome.REFUSED
    assert (final.message, final.child) == (identity(answer), child)
    assert final.reasons
    assert final.sealed == answer.digest


@pytest.mark.parametrize("other_bytes", [False, True])
async def test_what_was_answered_meanwhile_is_only_settled(
    exchange: Exchange, other_bytes: bool
) -> None:
    """A final receipt by a worker that knew of no hold stands; other bytes of that id are told."""
    area, child = exchange.area, new_reference()
    _, answer = pair(exchange, child)
    given = {"id": identity(answer), "answers": new_reference()}
    other = area.sealed("message.acknowledged", child, DUTY, [SCHOOL], **given)
    async with working(exchange.worker(hold=BRIEF), wakes=False):
        data = await exchange.send(answer)
        await exchange.held(answer)
    async with working(exchange.worker()):
        await exchange.send(other if other_bytes else answer)
        first = await exchange.final(answer)
    async with working(exchange.worker(hold=BRIEF)) as worker:
        await nothing_open(worker)
    assert await exchange.final(answer) == first
    told = await exchange.last(receipt_bytes(FRONT, digest_of_bytes(data)))
    assert (told is not None) is other_bytes
    if told is not None:
        assert [r.code for r in exchange.verified(told).reasons] == ["message.id-reused"]


async def test_a_held_message_that_breaks_the_exchange_is_refused_alone(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing can be decided on it any more it gets its answer, and the rest goes on."""
    child = new_reference()
    request, answer = pair(exchange, child)
    waits = True

    def fails(opened: Opened, *rest: Any, **how: Any) -> Any:
        if opened.event.id == identity(answer) and not waits:
            raise ZeroDivisionError
        return decide(opened, *rest, **how)

    monkeypatch.setattr(deciding, "decide", fails)
    async with working(exchange.worker(hold=HOUR)) as worker:
        await exchange.send(answer)
        await exchange.held(answer)
        waits = False
        assert (await exchange.decided(request)).outcome is Outcome.ACCEPTED
        final = await exchange.final(answer)
        await nothing_open(worker)
    assert [r.code for r in final.reasons] == ["exchange.failed"]
    assert await journey_of(exchange, child) == [identity(request)]


async def test_one_agency_cannot_fill_the_ledger_with_what_is_held(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number of held messages an agency's further ones are refused at once."""
    monkeypatch.setattr(holding, "MOST_HELD", 2)
    async with working(exchange.worker(hold=HOUR)) as worker:
        for _ in range(2):
            _, answer = pair(exchange, new_reference())
            await exchange.send(answer)
            await exchange.held(answer)
        await worker.holds.catch_up()
        _, answer = pair(exchange, new_reference())
        assert (await exchange.decided(answer)).outcome is Outcome.REFUSED


async def test_nothing_is_trimmed_that_a_held_message_needs(exchange: Exchange) -> None:
    """The submission stays while it is held, and until the story has read what came of it."""
    child, lane = new_reference(), submit_stream(FRONT)
    request, answer = pair(exchange, child)
    positions: dict[str, int] = {lane: 0, OWN: 0}

    async def tell(message: Any) -> None:
        await message.respond(orjson.dumps(positions))

    await exchange.client.subscribe(POSITIONS, cb=tell)

    async def first_after_trimming(worker: Worker) -> int:
        await trim(exchange.client, exchange.js, worker, datetime.now(UTC))
        return (await exchange.js.stream_info(lane)).state.first_seq

    async with working(exchange.worker(hold=HOUR)) as worker:
        for _ in range(2):
            await exchange.decided(m.referral(exchange.area, new_reference(), author=DUTY))
        await exchange.send(answer)
        await exchange.held(answer)
        await exchange.decided(m.referral(exchange.area, new_reference(), author=DUTY))
        positions[lane] = 4
        assert await first_after_trimming(worker) == 3
        await exchange.decided(request)
        await exchange.final(answer)
        await nothing_open(worker)
        assert await first_after_trimming(worker) == 3
        positions[OWN] = 1
        assert await first_after_trimming(worker) == 5
