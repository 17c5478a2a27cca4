"""`handrail up` killed under load: the same command at once carries on, and nothing is lost."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.cli.demo.checking import tracked
from services.cli.demo.stage import Sent, Stage
from services.cli.founding import create
from services.cli.output import now
from services.runtime.partnership import Partnership
from services.runtime.state_lock import StateLock

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

CHILDREN = 12
MESSAGES = 5
READY_S = 60.0
TEACHER = "demo.hilltop-school.jo-marsh"


@asynccontextmanager
async def up(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `handrail up` until it is ready, and interrupt it at the end if it still runs."""
    command = [sys.executable, "-m", "services.cli", "up", "--dir", str(folder), "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            async for line in process.stdout:
                if json.loads(line)["state"] == "ready":
                    break
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), READY_S)


def referral(child: str) -> dict[str, Any]:
    """A school's referral on the basis of statutory duty."""
    return {
        "kind": "referral.submitted",
        "child": child,
        "recipients": ["demo.first-response"],
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "data": {"concern": "child_in_need", "source": "2A"},
        "statements": [
            {"question": "concern.what_happened", "value": "as told", "said_by": "teacher"}
        ],
    }


async def _family(stage: Stage, child: str) -> list[Sent]:
    return [await stage.send(TEACHER, referral(child)) for _ in range(MESSAGES)]


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    """A demonstration partnership in a folder of its own."""
    return create(tmp_path / "state", now=now(), demonstration=True)


async def test_after_kill_9_under_load_up_at_once_carries_on_and_nothing_is_lost(
    partnership: Partnership,
) -> None:
    """Every message sent before, during and after the kill is decided exactly once."""
    children = [new_reference() for _ in range(CHILDREN)]
    async with Stage(partnership) as stage:
        async with up(partnership.folder) as first:
            await stage.desk("demo.hilltop-school")
            sending = [asyncio.create_task(_family(stage, child)) for child in children]
            while len(stage.sent) < CHILDREN:
                await asyncio.sleep(0.01)
            first.kill()
            await first.wait()
        async with up(partnership.folder):
            sent = [one for family in await asyncio.gather(*sending) for one in family]
            tracks = [await tracked(stage, child, MESSAGES, settle_s=90) for child in children]
    assert len(sent) == CHILDREN * MESSAGES
    assert all(one.accepted for one in sent)
    for child, track in zip(children, tracks, strict=True):
        expected = [one.message for one in sent if one.child == child]
        assert [row["id"] for row in track["messages"]] == expected


async def test_no_second_server_ever_runs_on_one_folder_of_state(
    partnership: Partnership,
) -> None:
    """While one is up, and while a killed one's server lives, the folder stays locked."""
    async with up(partnership.folder) as running:
        with pytest.raises(HandrailError, match=r"state\.locked"):
            StateLock(partnership.folder).acquire(0.2)
        running.kill()
        await running.wait()
        lock = StateLock(partnership.folder)
        await asyncio.to_thread(lock.acquire, 15)
        lock.release()
        assert not _servers(partnership.folder)


async def test_up_ends_with_the_reason_when_its_server_cannot_be_started_again(
    partnership: Partnership,
) -> None:
    """The exit code is 1, the error has code and remedy, and no process is left."""
    async with up(partnership.folder) as running:
        (server,) = _servers(partnership.folder)
        # The server's configuration cannot take its place any more.
        (partnership.folder / "nats" / "server.conf").unlink()
        (partnership.folder / "nats" / "server.conf").mkdir()
        os.kill(server, signal.SIGKILL)
        said = await asyncio.wait_for(_said(running), READY_S)
    assert running.returncode == 1
    assert said["error"]["code"] == "system.failed"
    assert said["error"]["remedy"]
    assert not _servers(partnership.folder)
    with StateLock(partnership.folder):
        pass


async def _said(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the error in what a process still prints, once it has ended."""
    assert process.stdout is not None
    told = (await process.stdout.read()).decode()
    await process.wait()
    made: dict[str, Any] = json.loads(told[told.index("{\n") :])
    return made


def _servers(folder: Path) -> list[int]:
    """The process ids of nats-servers that run on the configuration in `folder`."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"nats-server" in command and str(folder).encode() in command:
                found.append(int(entry.name))
    return found
