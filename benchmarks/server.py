"""A fresh nats-server with `sync_interval: always` for one run, on a folder of its own."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.aio.client import Client

from services.runtime.nats_plan import ServerPlan
from services.runtime.server import EmbeddedServer
from services.runtime.state_lock import StateLock

_PLAIN = """
listen: "127.0.0.1:{port}"
server_name: bench
max_payload: 1048576
jetstream {{ store_dir: "{store}", sync_interval: always, max_mem: 256MB, max_file: 32GB }}
"""


def _configuration(plan: ServerPlan) -> str:
    return _PLAIN.format(port=plan.port, store=plan.store_dir)


@asynccontextmanager
async def fresh_server() -> AsyncIterator[Client]:
    """Give a connection to a server without accounts whose store is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        state = Path(folder)
        lock = StateLock(state)
        lock.acquire()
        plan = ServerPlan("127.0.0.1", 0, state / "js", ())
        async with EmbeddedServer(lock, plan, configuration=_configuration) as server:
            client = await nats.connect(server.url, pending_size=64 * 1024**2)
            try:
                yield client
            finally:
                await client.close()
        lock.release()
