"""Whether the check of the log sees what is taken out of a real ledger, and nothing else."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.subjects import LEDGER, submit
from contracts.subjects import urgent as urgent_subject
from services.cli.log_checking import Check, check_all
from services.exchange.streams import ledger_config
from tests import messages as m
from tests.area import SCHOOL, Area
from tests.live.exchanging import Exchange, exchange_at, working
from tests.live.logging_world import answering, sequencing
from tests.logs import EXCHANGE

pytestmark = pytest.mark.live
SORTS = ("witnesses", "heads", "groups", "cursors", "journeys", "receipts", "deliveries")


async def _checked(exchange: Exchange, folder: Path) -> Check:
    """Sign what is new, read every page of the log and check it."""
    rows: dict[str, list[tuple[int, Any]]] = {}
    async with sequencing(exchange, folder / "log.sqlite") as sequencer:
        await sequencer.step()
        answers = answering(exchange, sequencer)
        for what in SORTS:
            rows[what] = []
            while True:
                after = rows[what][-1][0] if rows[what] else 0
                asked = orjson.dumps({"what": what, "after": after})
                page = orjson.loads(await answers.page(asked))["records"]
                if not page:
                    break
                rows[what] += [(sequence, row) for sequence, row in page]

    def pages(what: str) -> Iterator[list[tuple[int, Any]]]:
        yield rows[what]

    return check_all(Check(exchange.area.directory, EXCHANGE, datetime.now(UTC)), pages)


async def _decide(exchange: Exchange) -> list[str]:
    """Have everything decided that leaves a record of its own sort; return the children."""
    children = [new_reference() for _ in range(3)]
    worker = exchange.worker(hold=timedelta(hours=1))
    urgent = exchange.worker(as_urgent=True)
    async with working(worker), working(urgent):
        for child in children:
            first = m.referral(exchange.area, child)
            await exchange.decided(first)
            data = await exchange.send(first)
            await exchange.answer(first, data)
            await exchange.decided(m.referral(exchange.area, child))
        await exchange.decided(m.protection(exchange.area, children[0]), as_urgent=True)
        early = m.acknowledged(exchange.area, children[1], new_reference())
        await exchange.send(early)
        await exchange.held(early)
        for subject in (submit(SCHOOL, children[2]), urgent_subject(SCHOOL, children[2])):
            await exchange.js.publish(subject, b"nothing that opens")
        async with asyncio.timeout(20):
            while len(await exchange.all("quarantine.>")) < 2:
                await asyncio.sleep(0.02)
    return children


async def _without(exchange: Exchange, gone: Callable[[str, bytes], bool]) -> int:
    """Make the ledger again without some records, every other at its place, as a server can."""
    stored = [(s, *one) for s, one in await _records(exchange)]
    await exchange.js.delete_stream(LEDGER)
    await exchange.js.add_stream(ledger_config().evolve(deny_delete=False, deny_purge=False))
    removed = 0
    for sequence, subject, data in stored:
        victim = gone(subject, data)
        made = await exchange.js.publish("held.pad" if victim else subject, data)
        assert made.seq == sequence
        if victim:
            await exchange.js.delete_msg(LEDGER, sequence)
            removed += 1
    return removed


async def _records(exchange: Exchange) -> list[tuple[int, tuple[str, bytes]]]:
    state = (await exchange.js.stream_info(LEDGER)).state
    found: list[tuple[int, tuple[str, bytes]]] = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        one = await exchange.js.get_msg(LEDGER, sequence)
        found.append((sequence, (one.subject or "", one.data or b"")))
    return found


async def test_a_real_ledger_holds_every_leaf_of_its_groups(nats_url: str, tmp_path: Path) -> None:
    """Accepted, repeated, held, unopenable, urgent: each group's tree is made again."""
    async with exchange_at(nats_url) as exchange:
        await _decide(exchange)
        found = await _checked(exchange, tmp_path)
    assert found.wrong == []
    assert found.groups >= 7
    assert found.entries >= 4
    assert found.before == 0


@pytest.mark.parametrize("how", ["all of a child", "an entry", "the last entry", "answers"])
async def test_what_is_taken_out_of_the_ledger_is_told(
    nats_url: str, tmp_path: Path, how: str
) -> None:
    """Records that a server's operator removes are missed, though groups and heads still stand."""
    async with exchange_at(nats_url, Area()) as exchange:
        child = (await _decide(exchange))[0]
        entries = [data for _, (name, data) in await _records(exchange) if name == _of(child)]
        gone = {
            "all of a child": lambda name, data: name == _of(child) or child.encode() in data,
            "an entry": lambda _name, data: data == entries[0],
            "the last entry": lambda _name, data: data == entries[-1],
            "answers": lambda name, _data: name.startswith(("receipt.", "inbox.")),
        }[how]
        assert await _without(exchange, gone) > 0
        codes = {one.code for one in (await _checked(exchange, tmp_path)).wrong}
    assert (
        codes
        == {
            "all of a child": {"log.decision-gone"},
            "an entry": {"log.entry-gone"},
            "the last entry": {"log.entry-gone"},
            "answers": {"log.receipt-gone", "log.delivery-gone", "log.decision-gone"},
        }[how]
    )


def _of(child: str) -> str:
    return f"journey.{child}"
