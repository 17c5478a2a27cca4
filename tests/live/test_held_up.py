"""A held message on a whole running system, as the people who send see it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from contracts.identifiers import new_reference
from services.runtime.connection import connect
from tests.live.commands import DUTY, FRONT, SCHOOL, TEACHER, System, referral, running, until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("held")) as started:
        yield started


def status(system: System) -> dict[str, int]:
    """Ask the exchange how it stands, as the operator."""

    async def ask() -> bytes:
        partnership = system.partnership
        client = await connect(partnership.nats_url(), partnership.nkey("operator"), name="test")
        try:
            return (await client.request("exchange.admin.status.exchange", b"", timeout=5)).data
        finally:
            await client.close()

    made: dict[str, int] = orjson.loads(asyncio.run(ask()))
    return made


def test_an_acknowledgement_before_its_request_is_held_and_then_accepted(system: System) -> None:
    """Exit code 5 at first; once the request has come a later look shows that it was accepted."""
    child, request = new_reference(), new_reference()
    answer: dict[str, Any] = {
        "kind": "message.acknowledged",
        "child": child,
        "recipients": [SCHOOL],
        "basis": {"kind": "notice"},
        "answers": request,
    }
    told = system.send(answer, DUTY, code=5).json
    assert told["outcome"] == "held"
    assert {r["code"] for r in told["reasons"]} == {"message.unknown-child", "request.unknown"}
    assert until(lambda: status(system), lambda s: s["held_now"] == 1)["held"] == 1

    system.send(referral(id=request, child=child, recipients=[FRONT]), TEACHER)
    assert until(lambda: status(system), lambda s: s["held_now"] == 0)["accepted"] == 2
    final = system.send(answer, DUTY, "--resend", told["message"]).json
    assert final["outcome"] == "accepted"
    assert [to["agency"] for to in final["to"]] == [SCHOOL]
