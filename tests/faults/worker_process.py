"""A worker in a process of its own, so that a test can kill it, stop it and wake it again.

Reads from standard input one JSON line: url, exchange's key, intake key, month, directory, root,
how many it decides together and for how many seconds it holds what is out of order.
"""

import asyncio
import json
import sys
from datetime import timedelta

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.directory import open_directory
from contracts.jws import PrivateKey
from contracts.subjects import submit_stream
from services.exchange.streams import lane_owners
from services.exchange.waking import Waker
from services.exchange.worker import Worker


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def _main() -> None:
    given = json.loads(sys.stdin.readline())
    directory = open_directory(given["directory"].encode(), given["root"])
    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["key"])))
    intake = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["intake"]))
    client = await nats.connect(given["url"], max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    worker = Worker(
        client,
        client.jetstream(timeout=10),
        exchange="demo.exchange",
        key=key,
        directory=lambda: directory,
        intake=lambda: {given["month"]: intake},
        lanes=lambda: tuple(submit_stream(owner) for owner in lane_owners(directory)),
        group=given["group"],
        hold=timedelta(seconds=given["hold_s"]),
    )
    waker = Waker(worker.ledger.js, worker, "demo.exchange")
    async with asyncio.TaskGroup() as together:
        together.create_task(waker.run())
        together.create_task(worker.run(asyncio.Event(), _ready))


if __name__ == "__main__":
    asyncio.run(_main())
