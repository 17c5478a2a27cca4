"""The sender of the faults: what it wrote down as acknowledged is there, whatever was killed."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

import orjson
import pytest

from tests.faults import checker
from tests.faults.sender import send
from tests.faults.sender_log import Lines
from tests.live.commands import System, running

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES: Final = 300


async def test_a_server_killed_while_a_workload_is_sent_costs_nothing(tmp_path: Path) -> None:
    """Every line that the sender wrote is answered, delivered and kept, once and in order."""
    with running(tmp_path) as system:
        out = tmp_path / "sent" / "one.jsonl"
        sending = asyncio.create_task(send(system.folder, out, MESSAGES, "killed", 0))
        for share in (MESSAGES // 10, MESSAGES // 2):
            await _sent(out, share)
            _kill(system)
        count = await sending
        url = system.partnership.nats_url()
        report = await checker.check(system.folder, out.parent, url, settle_s=60)
    assert report.clean, list(report.lines())
    assert report.counts["acknowledged"] == count >= MESSAGES


async def _sent(out: Path, count: int) -> None:
    """Return when so many lines are written."""
    async with asyncio.timeout(120):
        while not out.exists() or out.read_bytes().count(b"\n") < count:
            await asyncio.sleep(0.01)


def _kill(system: System) -> None:
    for server in system.servers():
        os.kill(server, signal.SIGKILL)


async def test_a_line_counts_once_it_is_on_disk(tmp_path: Path) -> None:
    """Lines are counted after they were written and synced, and none is left behind at the end."""
    path = tmp_path / "sent" / "one.jsonl"
    async with Lines(path) as lines:
        for number in range(100):
            lines.add({"number": number})
        assert lines.durable == 0
        async with asyncio.timeout(20):
            while lines.durable < 100:
                await asyncio.sleep(0.01)
        assert path.read_bytes().count(b"\n") == 100
        lines.add({"number": 100})
    assert lines.durable == 101
    assert orjson.loads(path.read_bytes().splitlines()[-1]) == {"number": 100}
