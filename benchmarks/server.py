"""A fresh nats-server, or three of them, with `sync_interval: always` for one run."""

import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.runtime.nats_plan import ServerPlan
from services.runtime.server import EmbeddedServer, find_binary
from services.runtime.state_lock import StateLock

_PLAIN = """
listen: "127.0.0.1:{port}"
server_name: bench
max_payload: 1048576
jetstream {{ store_dir: "{store}", sync_interval: always, max_mem: 256MB, max_file: 32GB }}
mappings {{ "HUB.API.>": "$JS.API.>" }}
"""

_NODE = (
    _PLAIN.replace("server_name: bench", "server_name: bench-{number}")
    + """
cluster {{
  name: bench, listen: "127.0.0.1:{route}", no_advertise: true, pool_size: 3
  routes: [{routes}]
}}
"""
)
NODES = 3
_FORMS_S = 30.0


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


@asynccontextmanager
async def fresh_cluster() -> AsyncIterator[Client]:
    """Give a connection to three servers on this machine that hold their streams together."""
    ports, routes = _free(NODES), _free(NODES)
    joined = ", ".join(f'"nats-route://127.0.0.1:{route}"' for route in routes)
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        texts = [
            _NODE.format(port=port, store=f"{folder}/{n}", number=n, route=route, routes=joined)
            for n, (port, route) in enumerate(zip(ports, routes, strict=True))
        ]
        with _running(Path(folder), texts):
            client = await _formed([f"nats://127.0.0.1:{port}" for port in ports])
            try:
                yield client
            finally:
                await client.close()


def _free(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def _running(folder: Path, texts: Sequence[str]) -> Iterator[None]:
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        for number, text in enumerate(texts):
            config = folder / f"{number}.conf"
            config.write_text(text, encoding="utf-8")
            quiet = subprocess.DEVNULL
            nodes.append(
                subprocess.Popen([find_binary(), "-c", str(config)], stdout=quiet, stderr=quiet)
            )
        yield
    finally:
        for node in nodes:
            node.kill()
            node.wait()


async def _formed(urls: list[str]) -> Client:
    """Return a connection once the cluster answers for JetStream."""
    client = await nats.connect(
        urls, pending_size=64 * 1024**2, max_reconnect_attempts=-1, error_cb=_starting
    )
    until = time.monotonic() + _FORMS_S
    while time.monotonic() < until:
        with suppress(NatsError, TimeoutError):
            await client.jetstream(timeout=1).account_info()
            return client
    raise RuntimeError(urls)


async def _starting(_error: Exception) -> None:
    """Say nothing while the servers come up; who needs one fails by itself."""
