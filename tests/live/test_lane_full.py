"""A lane that is full, on a real nats-server: its sender is told, and nobody else waits."""

import asyncio
from pathlib import Path

import pytest
from nats.js.errors import APIError

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.subjects import submit, submit_stream
from services.agency.sending import _publish
from services.exchange import streams
from services.runtime.nats_plan import ServerPlan
from tests import messages as m
from tests.area import DOCTOR, SCHOOL
from tests.live import servers
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

SMALL = 2 * 1024**2
GARBAGE = b"x" * 200 * 1024
NO_ROOM = 10077
"""What the server answers by then: maximum bytes exceeded."""


async def _refusal(exchange: Exchange) -> int:
    """Send a piece from the school; return the code with which the server refuses it, or 0."""
    try:
        await exchange.js.publish(submit(SCHOOL, new_reference()), GARBAGE)
    except APIError as error:
        return int(error.err_code or -1)
    return 0


async def test_a_full_lane_turns_away_its_own_sender_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses what has no room and keeps what it acknowledged; all other lanes go on.

    The same agency's child protection is decided, and so is another agency's referral.
    """
    monkeypatch.setattr(streams, "LANE_BYTES", SMALL)
    plan = ServerPlan("127.0.0.1", 0, tmp_path, ())
    async with (
        servers.running(tmp_path, plan, servers.unguarded) as server,
        exchange_at(server.url) as exchange,
    ):
        told = [await _refusal(exchange) for _ in range(SMALL // len(GARBAGE) + 2)]
        taken = told.count(0)
        assert taken > 0
        assert set(told[taken:]) == {NO_ROOM}
        state = (await exchange.js.stream_info(submit_stream(SCHOOL))).state
        assert (state.messages, state.first_seq) == (taken, 1)
        soon = asyncio.get_running_loop().time() + 0.2
        with pytest.raises(HandrailError, match=r"lane\.full") as said:
            await _publish(exchange.client, submit(SCHOOL, new_reference()), GARBAGE, soon)
        assert said.value.remedy
        async with working(exchange.worker(as_urgent=True)):
            protection = m.protection(exchange.area, new_reference())
            decision = await exchange.decided(protection, as_urgent=True)
            assert decision.outcome is Outcome.ACCEPTED
        async with working(exchange.worker()):
            sealed = m.referral(exchange.area, new_reference(), author=DOCTOR)
            assert (await exchange.decided(sealed)).outcome is Outcome.ACCEPTED
