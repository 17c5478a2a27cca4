"""A cursor that cannot be read stops neither trimming nor the doctor's look, on a real server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from nats.js.errors import ServiceUnavailableError

from contracts.identifiers import new_reference
from contracts.subjects import cursor, submit_stream
from services.cli.doctor import streams
from services.cli.doctor.finding import State
from services.exchange import ledger as ledgers
from services.exchange.health import gather
from services.exchange.trimming import POSITIONS, trim
from services.exchange.worker import Worker
from tests import messages as m
from tests.area import DOCTOR, GP, SCHOOL
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = pytest.mark.live
THEIRS, OTHER = submit_stream(SCHOOL), submit_stream(GP)
GARBAGE = pytest.mark.parametrize(
    "garbage", [b"", b"{}", b"[]", b'{"sequence": -1, "root": "", "at": "now"}']
)


async def trimmed(exchange: Exchange, worker: Worker, positions: dict[str, int]) -> list[int]:
    """Trim with the story at `positions`; return the first sequence of each lane, theirs first."""

    async def tell(message: Any) -> None:
        await message.respond(orjson.dumps(positions))

    told = await exchange.client.subscribe(POSITIONS, cb=tell)
    await trim(exchange.client, exchange.js, worker, datetime.now(UTC))
    await told.unsubscribe()
    return [(await exchange.js.stream_info(lane)).state.first_seq for lane in (THEIRS, OTHER)]


async def both(exchange: Exchange) -> None:
    """Have a referral of the school and one of the surgery decided."""
    await exchange.decided(m.referral(exchange.area, new_reference()))
    await exchange.decided(m.referral(exchange.area, new_reference(), author=DOCTOR))


@GARBAGE
async def test_a_damaged_cursor_keeps_no_other_lane_from_being_trimmed(
    nats_url: str, garbage: bytes
) -> None:
    """The school's lane stays as it is; the surgery's is trimmed."""
    async with exchange_at(nats_url) as exchange, working(exchange.worker()) as worker:
        await both(exchange)
        await exchange.js.publish(cursor(THEIRS), garbage)
        assert await trimmed(exchange, worker, {THEIRS: 1, OTHER: 1}) == [1, 2]


async def test_a_lane_that_does_not_answer_keeps_no_other_from_being_trimmed(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the school's stream has no leader, the surgery's lane is trimmed."""
    async with exchange_at(nats_url) as exchange, working(exchange.worker()) as worker:
        await both(exchange)
        purge = exchange.js.purge_stream

        async def unanswered(name: str, **how: Any) -> bool:
            if name == THEIRS:
                raise ServiceUnavailableError
            return await purge(name, **how)

        monkeypatch.setattr(exchange.js, "purge_stream", unanswered)
        assert await trimmed(exchange, worker, {THEIRS: 1, OTHER: 1}) == [1, 2]


async def test_nothing_in_quarantine_is_trimmed_however_many_there_are(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of several pages that is still kept holds its lane; what is too old holds none."""
    monkeypatch.setattr(ledgers, "_MOST_SUBJECTS", 2)
    now = datetime.now(UTC)
    async with exchange_at(nats_url) as exchange, working(exchange.worker()) as worker:
        for _ in range(4):
            await both(exchange)
        for number, days in ((1, 31), (4, 1), (3, 29), (2, 31), (4, 2)):
            digest = f"{number:064x}"
            body = {
                "lane": THEIRS,
                "sequence": number,
                "digest": digest,
                "reasons": [],
                "at": (now - timedelta(days=days)).isoformat(),
            }
            await exchange.js.publish(f"quarantine.{SCHOOL}.{digest}", orjson.dumps(body))
        await exchange.js.publish(f"quarantine.{SCHOOL}.{9:064x}", b"{}")
        assert await trimmed(exchange, worker, {THEIRS: 4, OTHER: 4}) == [3, 5]


@GARBAGE
async def test_the_doctor_names_the_lane_whose_cursor_cannot_be_read(
    nats_url: str, garbage: bytes
) -> None:
    """The exchange's health tells of it beside all others, and it is judged to be wrong."""
    async with exchange_at(nats_url) as exchange:
        async with working(exchange.worker()):
            await both(exchange)
        await exchange.js.publish(cursor(THEIRS), garbage)
        told = orjson.loads(await gather(exchange.client, exchange.js, exchange.area.directory, 1))

    assert told["damaged"] == [THEIRS]
    assert told["cursors"][OTHER]["sequence"] == 1
    found = {one.check: one for one in streams.judge_lanes(told, told)}
    assert found["lanes.damaged"].state is State.WRONG
    assert THEIRS in found["lanes.damaged"].what
