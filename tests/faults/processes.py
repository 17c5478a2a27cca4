"""The exchange's worker as a process that a test may kill, stop and wake."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.live.exchanging import Exchange

_RAW = (Encoding.Raw, PrivateFormat.Raw, NoEncryption())


@asynccontextmanager
async def process(
    exchange: Exchange, group: int = 40, hold_s: float = 0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker process, and kill it at the end if it still lives."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.worker_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdin is not None
    assert started.stdout is not None
    given = {
        "url": exchange.url,
        "directory": exchange.area.signed.decode(),
        "root": exchange.area.root.x,
        "key": exchange.area.services["exchange"].raw.private_bytes(*_RAW).hex(),
        "intake": exchange.intake.private_bytes(*_RAW).hex(),
        "month": exchange.month,
        "group": group,
        "hold_s": hold_s,
    }
    started.stdin.write(json.dumps(given).encode() + b"\n")
    await started.stdin.drain()
    await asyncio.wait_for(started.stdout.readline(), 30)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGCONT)
            started.kill()
            await started.wait()
