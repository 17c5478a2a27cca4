"""The exchange's worker and its sequencer as processes that a test may kill, stop and wake."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.live.exchanging import Exchange


@asynccontextmanager
async def process(
    exchange: Exchange, group: int = 40, hold_s: float = 0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker process, and kill it at the end if it still lives."""
    given = {
        "intake": exchange.intake.private_bytes_raw().hex(),
        "month": exchange.month,
        "group": group,
        "hold_s": hold_s,
    }
    async with _started("tests.faults.worker_process", exchange, given) as worker:
        yield worker


@asynccontextmanager
async def sequencer(exchange: Exchange, index: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a sequencer process whose index lies in a file, and kill it at the end."""
    given = {"index": str(index)}
    async with _started("tests.faults.sequencer_process", exchange, given) as one:
        yield one


@asynccontextmanager
async def _started(
    module: str, exchange: Exchange, given: Mapping[str, object]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module that is given one line of JSON and then says that it is ready."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdin is not None
    assert started.stdout is not None
    common = {
        "url": exchange.url,
        "directory": exchange.area.signed.decode(),
        "root": exchange.area.root.x,
        "key": exchange.area.services["exchange"].raw.private_bytes_raw().hex(),
    }
    try:
        started.stdin.write(json.dumps({**common, **given}).encode() + b"\n")
        await started.stdin.drain()
        await asyncio.wait_for(started.stdout.readline(), 30)
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGCONT)
            started.kill()
            await started.wait()
