"""Killing the exchange at any moment, or running two of it, loses and doubles nothing."""

import asyncio
import random
import signal
from collections import Counter

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.records import Entry, entry_hash
from contracts.seal import Sealed, peek
from tests import messages as m
from tests.area import SCHOOL
from tests.faults.processes import process
from tests.live.exchanging import Exchange, exchange_at

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

CHILDREN = 60
REFERRALS = 8
DEADLINE_S = 90.0


def workload(exchange: Exchange) -> list[Sealed]:
    """Several referrals of each of many children, in order, one in ten of them sent twice."""
    sent: list[Sealed] = []
    for _ in range(CHILDREN):
        child = new_reference()
        sent += [m.referral(exchange.area, child) for _ in range(REFERRALS)]
    return sent + sent[::10]


def identity(sealed: Sealed) -> tuple[str, str]:
    """The child and the id of a sealed message."""
    event = peek(sealed)
    return event.subject, event.id  # type: ignore[union-attr]


async def settled(exchange: Exchange, expected: set[str]) -> None:
    """Return when every expected message has a receipt."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            subjects = {s for s, _ in await exchange.all(f"receipt.{SCHOOL}.*")}
            if {f"receipt.{SCHOOL}.{one}" for one in expected} <= subjects:
                return
            await asyncio.sleep(0.1)


async def check(exchange: Exchange, sent: list[Sealed]) -> None:
    """Assert that each message was decided once, in the order of sending, in unbroken journeys."""
    order: dict[str, list[str]] = {}
    for child, message in dict.fromkeys(identity(s) for s in sent):
        order.setdefault(child, []).append(message)
    receipts = Counter(subject for subject, _ in await exchange.all(f"receipt.{SCHOOL}.*"))
    assert set(receipts.values()) == {1}
    assert len(receipts) == CHILDREN * REFERRALS
    for child, messages in order.items():
        decided: list[str] = []
        before = ""
        for _, data in await exchange.all(f"journey.{child}"):
            entry = Entry.model_validate_json(data)
            decided.append(orjson.loads(entry.decision)["message"])
            assert entry.before == before
            before = entry_hash(data)
        assert decided == messages


async def test_sigkill_at_any_moment_loses_and_doubles_nothing(nats_url: str) -> None:
    """However often the worker is killed, every submission is decided exactly once, in order."""
    chance = random.Random(20261122)
    async with exchange_at(nats_url) as exchange:
        sent = workload(exchange)
        sending = asyncio.create_task(_send_all(exchange, sent))
        for _ in range(8):
            async with process(exchange) as worker:
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                worker.kill()
                await worker.wait()
        await sending
        async with process(exchange):
            await settled(exchange, {identity(s)[1] for s in sent})
        await check(exchange, sent)


async def test_two_workers_and_one_woken_after_it_was_replaced_double_nothing(
    nats_url: str,
) -> None:
    """A worker that is stopped, replaced and woken again is fenced off by the cursor."""
    async with exchange_at(nats_url) as exchange:
        sent = workload(exchange)
        half = len(sent) // 2
        async with process(exchange) as first:
            sending = asyncio.create_task(_send_all(exchange, sent[:half]))
            await asyncio.sleep(0.1)
            first.send_signal(signal.SIGSTOP)
            async with process(exchange):
                await sending
                await asyncio.sleep(0.1)
                first.send_signal(signal.SIGCONT)
                await _send_all(exchange, sent[half:])
                await settled(exchange, {identity(s)[1] for s in sent})
        await check(exchange, sent)


async def _send_all(exchange: Exchange, sent: list[Sealed]) -> None:
    for sealed in sent:
        await exchange.send(sealed)
