"""A sequencer in a process of its own, so that a test can kill it.

Reads from standard input one JSON line: url, exchange's key, directory, root and the index's file.
"""

import asyncio
import json
import sys

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.directory import open_directory
from contracts.jws import PrivateKey
from services.exchange.ledger import Ledger
from services.exchange.tree_heads import Sequencer
from services.exchange.tree_store import TreeStore
from tests.logs import EXCHANGE


async def _main() -> None:
    given = json.loads(sys.stdin.readline())
    directory = open_directory(given["directory"].encode(), given["root"])
    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["key"])))
    client = await nats.connect(given["url"], max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    ledger = Ledger(client, client.jetstream(timeout=10))
    store = TreeStore(f"sqlite:///{given['index']}")
    sequencer = Sequencer(ledger, store, exchange=EXCHANGE, key=key, directory=lambda: directory)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await sequencer.run(every_s=0.001)


if __name__ == "__main__":
    asyncio.run(_main())
