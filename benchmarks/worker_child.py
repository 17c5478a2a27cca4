"""An exchange's worker in a process of its own, as it runs in earnest: `python -m` reads one line.

The line is JSON: url, the directory's document, the exchange's key, intake key and month, and the
lanes to work. It prints `ready` when the lanes are open.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.workload import EXCHANGE, Workload
from contracts.directory import Directory, DirectoryDocument
from contracts.jws import PrivateKey
from services.exchange.rates import LaneRates
from services.exchange.worker import Worker
from services.runtime.collecting import calm_collector

_RAW = (Encoding.Raw, PrivateFormat.Raw, NoEncryption())
_START_S = 30.0


@asynccontextmanager
async def worker_process(
    url: str, workload: Workload, lanes: tuple[str, ...], rate: float = 0.0, *, waits: bool = True
) -> AsyncIterator[None]:
    """Run a worker over `lanes` of the server at `url` during the body.

    `rate` bounds each lane, 0 not at all; a lane beyond it `waits`, or goes after the others.
    """
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.worker_child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if started.stdin is None or started.stdout is None:
        raise RuntimeError(started)
    given = {
        "url": url,
        "document": workload.directory.document.model_dump(mode="json"),
        "key": workload.exchange.raw.private_bytes(*_RAW).hex(),
        "intake": workload.intake.private_bytes(*_RAW).hex(),
        "month": workload.month,
        "lanes": lanes,
        "rate": rate,
        "waits": waits,
    }
    started.stdin.write(json.dumps(given).encode() + b"\n")
    started.stdin.write_eof()
    await started.stdin.drain()
    await asyncio.wait_for(started.stdout.readline(), _START_S)
    try:
        yield
    finally:
        started.kill()
        await started.wait()


def _ready() -> None:
    print("ready", flush=True)


async def _main() -> None:
    given = json.loads(sys.stdin.readline())
    directory = Directory(DirectoryDocument.model_validate(given["document"]))
    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["key"])))
    intake = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["intake"]))
    client = await nats.connect(given["url"], pending_size=64 * 1024**2)
    worker = Worker(
        client,
        client.jetstream(timeout=10),
        exchange=EXCHANGE,
        key=key,
        directory=lambda: directory,
        intake=lambda: {given["month"]: intake},
        lanes=lambda: tuple(given["lanes"]),
        rates=LaneRates(given["rate"], waits=given["waits"]),
    )
    calm_collector()
    await worker.run(asyncio.Event(), _ready)


if __name__ == "__main__":
    asyncio.run(_main())
