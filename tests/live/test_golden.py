"""Today's exchange on the ledger of an earlier release: opened, brought up to date, and gone on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import nats
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nats.js import JetStreamContext

from contracts import jws
from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.subjects import LEDGER, LEDGER_SUBJECTS, submit_stream
from services.exchange.health import differing
from services.exchange.streams import ensure_lanes, ensure_ledger, ledger_config
from tests import messages as m
from tests.area import CAF, SCHOOL, Area
from tests.golden.making import HOLD
from tests.golden.reading import GoldenSet, load
from tests.live.exchanging import Exchange, working

pytestmark = pytest.mark.live

_BEFORE_THE_LOG = tuple(one for one in LEDGER_SUBJECTS if one != "tree.>")


def area_of(golden: GoldenSet) -> Area:
    """The area that a set was recorded in, its directory renewed: the keys are the same."""
    about, area = golden.about, Area()
    area.root = _key(about["root_key"])
    area.keys = _keys(about["people"])
    area.services = _keys(about["services"])
    renewed = {"version": 2, "expires_at": datetime.now(UTC) + timedelta(days=30)}
    area.document = golden.directory.document.model_copy(update=renewed)
    return area


def _key(raw: str) -> jws.PrivateKey:
    return jws.PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(raw)))


def _keys(raw: Mapping[str, str]) -> dict[str, jws.PrivateKey]:
    return {name: _key(one) for name, one in raw.items()}


@asynccontextmanager
async def installed(url: str, golden: GoldenSet) -> AsyncIterator[Exchange]:
    """Put a set's streams onto a server as the release of their time had made them."""
    client = await nats.connect(url)
    try:
        js, area = client.jetstream(timeout=10), area_of(golden)
        await js.add_stream(ledger_config().evolve(subjects=list(_BEFORE_THE_LOG)))
        await ensure_lanes(js, area.directory)
        await _fill(js, golden)
        intake = next(iter(golden.about["intake"].values()))
        key = X25519PrivateKey.from_private_bytes(bytes.fromhex(intake))
        yield Exchange(url, client, js, area, key)
    finally:
        await client.close()


async def _fill(js: JetStreamContext, golden: GoldenSet) -> None:
    kept = ("Nats-TTL",)
    for record in golden.records:
        headers = {name: value for name, value in record.headers.items() if name in kept}
        done = await js.publish(record.subject, record.data, headers=headers or None)
        assert done.seq == record.sequence


async def test_a_ledger_from_before_the_log_is_brought_up_to_date_and_keeps_everything(
    nats_url: str,
) -> None:
    """Its subjects gain the log's and nothing else changes; every record is still there."""
    golden = load("1")
    async with installed(nats_url, golden) as exchange:
        before = await exchange.js.stream_info(LEDGER)
        await ensure_ledger(exchange.js)
        after = await exchange.js.stream_info(LEDGER)
        assert set(after.config.subjects or ()) == set(LEDGER_SUBJECTS)
        assert after.config.evolve(subjects=before.config.subjects) == before.config
        assert differing(after.config.as_dict(), ledger_config()) == []
        assert after.state.last_seq == len(golden.ledger)
        held = await exchange.all(">")
        assert held == [(one.subject, one.data) for one in golden.ledger]


async def test_todays_exchange_goes_on_where_an_earlier_one_stood(nats_url: str) -> None:
    """It repeats nothing, adds to the journeys that it finds, and starts to keep the log."""
    golden = load("1")
    child = golden.about["children"]["up_and_down"]
    async with installed(nats_url, golden) as exchange:
        await ensure_ledger(exchange.js)
        entries = len(await exchange.all(f"journey.{child}"))
        receipts = len(await exchange.all("receipt.>"))
        async with (
            working(exchange.worker(hold=HOLD)) as worker,
            working(exchange.worker(as_urgent=True)),
        ):
            closed = m.closed(exchange.area, child, to=(SCHOOL, CAF))
            decision = await exchange.decided(closed)
            assert decision.outcome is Outcome.ACCEPTED, decision.reasons
            assert decision.entry == entries + 1
        assert worker.counts.repeated == 0
        assert len(await exchange.all(f"journey.{child}")) == entries + 1
        assert len(await exchange.all("receipt.>")) == receipts + 1
        assert await exchange.all("tree.group")
        held = (await exchange.all(f"journey.{child}"))[-1][1]
        assert orjson.loads(held)["journey"]["level"]


async def test_what_was_sent_then_is_answered_now_by_its_first_receipt(nats_url: str) -> None:
    """The bytes of an accepted submission, sent once more, change nothing."""
    golden = load("1")
    async with installed(nats_url, golden) as exchange:
        await ensure_ledger(exchange.js)
        first = golden.lanes[submit_stream(SCHOOL), 1]
        before = await exchange.all("journey.>")
        async with working(exchange.worker(hold=HOLD)) as worker:
            await exchange.js.publish(first.subject, first.data)
            await exchange.decided(m.referral(exchange.area, new_reference()))
        # Counted only when the worker hears that its batch is stored, which is after the receipt.
        assert worker.counts.accepted + worker.counts.refused == 1
        known = [pair for pair in await exchange.all("journey.>") if pair in before]
        assert known == before
