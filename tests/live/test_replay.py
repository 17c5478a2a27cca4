"""A return replayed through every running service: all of it arrives once, and as history."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client

from contracts.codes import ReferralSource
from contracts.directory import Directory
from services.agency.reading import sign_request
from services.agency.sending import Answered, receipt_of
from services.cli.desk import ask_operator, desk
from services.cli.founding import create
from services.cli.replay import sending
from services.cli.replay.prepare import prepared
from services.cli.supervisor import everything
from services.runtime.partnership import Partnership
from tests.unit.cin_returns import (
    ACTION,
    BORN,
    DATED,
    ID,
    MALE,
    NEED,
    SOUND,
    child,
    closed,
    conference,
    died,
    document,
)

pytestmark = [pytest.mark.live, pytest.mark.slow]

FRONT = "demo.first-response"
DUTY = "demo.first-response.claire-dunmore"
KNOWN = 50
"""How many messages the tracker knows of when a replay is broken off."""


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Partnership]:
    """Give a demonstration partnership with the server and every service running."""
    made = create(tmp_path / "state", now=datetime.now(UTC), demonstration=True)
    (made.folder / "logs").mkdir()
    async with everything(made, lambda _: None):
        yield made


def a_return() -> bytes:
    """Write a return with a referral of every source, all that can follow one, and two faults."""
    followed = SOUND + conference("2025-06-10") + closed("2025-07-01")
    children = [
        child(
            DATED + f"<ReferralSource>{source}</ReferralSource>" + NEED + ACTION,
            identifiers=f"<LAchildID>B{number}</LAchildID>{BORN}{MALE}",
        )
        for number, source in enumerate(ReferralSource)
    ]
    return document(
        *children,
        child(followed, identifiers=died("2025-07-02")),
        child(SOUND, SOUND, identifiers=ID.replace("A1", "C1") + BORN + MALE),
        child(DATED + NEED, identifiers=ID.replace("A1", "C2") + BORN + MALE),
    )


async def start(running: Partnership, file: Path) -> Process:
    """Start `handrail replay cin` on `file`."""
    run = ("-m", "services.cli", "replay", "cin", str(file), "--json")
    where = ("--dir", str(running.folder))
    return await asyncio.create_subprocess_exec(
        sys.executable, *run, *where, stdin=DEVNULL, stdout=PIPE
    )


async def replay(running: Partnership, file: Path) -> dict[str, Any]:
    """Replay `file` to its end and give the summary."""
    process = await start(running, file)
    told, _ = await process.communicate()
    summary: dict[str, Any] = json.loads(told)
    assert process.returncode == 0, summary
    counted = ("accepted", "refused", "already_sent")
    assert summary["referrals"] == sum(summary[name] for name in counted)
    return summary


async def tracked(running: Partnership, messages: int) -> dict[str, Any]:
    """Wait until the tracker knows of so many messages, and give its status."""
    async with asyncio.timeout(60):
        while True:
            status = await ask_operator(running, "tracker.status")
            if status["messages"] >= messages:
                return status
            await asyncio.sleep(0.05)


async def inbox(running: Partnership, agency: str, lines: int) -> list[dict[str, Any]]:
    """Wait until an inbox holds so many lines, and give them."""
    async with asyncio.timeout(60), desk(running, agency) as place:
        while True:
            found: list[dict[str, Any]] = (await place.ask("inbox"))["messages"]
            if len(found) >= lines:
                return found
            await asyncio.sleep(0.05)


async def test_replayed_history_starts_no_clock_and_notifies_nobody(
    running: Partnership, tmp_path: Path
) -> None:
    """Every referral is delivered as history: no clock, no alert, nobody named, no work to do."""
    file = tmp_path / "return.xml"
    file.write_bytes(a_return())

    summary = await replay(running, file)

    assert summary["accepted"] == summary["sent"] == len(ReferralSource) + 2
    assert summary["reasons"] == {"referral.repeated": 1, "referral.source-missing": 1}
    assert (summary["events"]["accepted"], summary["events"]["refused"]) == (3, 0)
    status = await tracked(running, summary["accepted"] + 3)
    assert set(status["clocks"].values()) == {0}
    lines = await inbox(running, FRONT, summary["accepted"])
    assert len(lines) == summary["accepted"]
    assert all(line["history"] and not line["alert"] and not line["for"] for line in lines)
    async with desk(running, FRONT) as place:
        assert (await place.ask("desk"))["messages"] == []
    assert len({line["from"] for line in lines}) == 17  # 16 codes name an agency, 6 do not


async def test_a_replayed_referral_is_read_like_any_other(
    running: Partnership, tmp_path: Path
) -> None:
    """First Response opens a replayed referral and reads what the return says, under its codes."""
    file = tmp_path / "return.xml"
    file.write_bytes(document(child(SOUND)))
    await replay(running, file)
    (line,) = await inbox(running, FRONT, 1)
    key = running.practitioner_key(DUTY)

    async with asyncio.timeout(60), desk(running, FRONT) as place:
        shown: list[dict[str, Any]] = []
        while not shown:
            at = datetime.now(UTC)
            request = sign_request(key, line["child"], line["message"], "screening", at)
            shown = (await place.ask("open", request))["statements"]

    said = {one["statement"]["question"]: one["statement"]["value"] for one in shown}
    assert said == {
        "identity.local_reference": "A1",
        "identity.born_on": "2015-05-05",
        "identity.sex": "M",
        "identity.ethnicity": "WBRI",
        "needs.primary": "N4",
    }


async def test_a_message_that_was_sent_but_not_answered_yet_is_not_doubled(
    running: Partnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second sealing of an id is refused by the exchange, and the first one counts."""
    file = tmp_path / "return.xml"
    file.write_bytes(document(child(SOUND + conference("2025-06-10"))))
    await replay(running, file)
    asked: set[str] = set()

    async def late(
        client: Client, made: Partnership, known: Directory, agency: str, message: str
    ) -> Answered | None:
        if message not in asked:
            asked.add(message)
            return None
        return await receipt_of(client, made, known, agency, message)

    monkeypatch.setattr(sending, "receipt_of", late)
    with prepared(running, file) as (plan, memory, front):
        summary = await sending.send_plan(running, plan, memory, front, lambda: None)

    assert len(asked) == 2
    for tally in (summary.referrals, summary.events):
        assert (tally.already_sent, tally.sent, tally.refused) == (1, 0, 0)
    assert (await tracked(running, 2))["messages"] == 2


async def test_a_whole_return_killed_on_the_way_is_completed_and_nothing_is_doubled(
    running: Partnership, shared_data: Path
) -> None:
    """A run after a kill sends the rest; what the file shows is all that is refused."""
    file = shared_data / "cin" / "fake_CIN_data.xml"
    broken_off = await start(running, file)
    await tracked(running, KNOWN)
    broken_off.send_signal(signal.SIGKILL)
    assert await broken_off.wait() == -signal.SIGKILL

    second = await replay(running, file)
    third = await replay(running, file)

    assert second["referrals"] == third["referrals"] == third["already_sent"] == 402
    assert second["refused"] == 0  # the run that was killed had turned the faulty ones away
    assert 30 < second["already_sent"] < 402
    events = third["events"]
    assert (events["refused"], events["already_sent"]) == (0, 560)
    status = await tracked(running, 372 + 560)
    assert status["messages"] == 372 + 560
    assert set(status["clocks"].values()) == {0}
    assert status["quarantined"] == 0
    assert len(await inbox(running, FRONT, 372)) == 372


async def test_a_whole_return_is_refused_only_where_the_file_is_at_fault(
    running: Partnership, shared_data: Path
) -> None:
    """Of 402 referrals all are accepted but 30 that are dated after the child's death."""
    file = shared_data / "cin" / "fake_CIN_data.xml"

    first = await replay(running, file)
    again = await replay(running, file)

    assert (first["referrals"], first["accepted"], first["refused"]) == (402, 372, 30)
    assert first["reasons"] == {"referral.after-death": 30, "referral.after-reference-date": 8}
    assert first["events"]["accepted"] == 560
    assert (again["already_sent"], again["sent"], again["reasons"]) == (402, 0, {})
