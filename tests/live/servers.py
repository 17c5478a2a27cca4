"""A nats-server for live tests: the official image where Docker answers, else the embedded one.

HANDRAIL_TEST_DOCKER=1 insists on the container, 0 on the embedded server.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.runtime.nats_config import HUB_PREFIX, ServerPlan, render
from services.runtime.server import EmbeddedServer, StateLock
from tests import postgres

IMAGE = "nats:2.15.1"
CONFIG_IN_CONTAINER = "/etc/nats/handrail.conf"
PORT_IN_CONTAINER = 4222
READY_S = 60
PORTS = range(20_000, 32_000)
_given: set[int] = set()

Configuration = Callable[[ServerPlan], str]


class NatsServer(Protocol):
    """Say what a test may do to a server, wherever it runs; its store outlives stop and kill."""

    @property
    def url(self) -> str:
        """The address to connect to."""

    async def start(self) -> None:
        """Return when the server answers."""

    async def stop(self) -> None:
        """End the server in good order."""

    async def kill(self) -> None:
        """End the server as a crash would."""


class LockedServer(EmbeddedServer):
    """The embedded server together with the lock of its folder."""

    def __init__(self, folder: Path, plan: ServerPlan, configuration: Configuration) -> None:
        self._own_lock = StateLock(folder)
        self._own_lock.acquire()
        super().__init__(self._own_lock, plan, configuration=configuration)

    async def close(self) -> None:
        """End the server and let the folder go."""
        await self.stop()
        self._own_lock.release()


class ContainerServer:
    """The official image with the configuration mounted, on one port of the host throughout."""

    def __init__(self, folder: Path, plan: ServerPlan, configuration: Configuration) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "server.conf"
        inside = replace(plan, port=PORT_IN_CONTAINER, store_dir=Path("/data"))
        path.write_text(everywhere(configuration(inside)))
        self._port = free_port()
        self._container = (
            DockerContainer(IMAGE)
            .with_command(["-c", CONFIG_IN_CONTAINER])
            .with_volume_mapping(str(path), CONFIG_IN_CONTAINER, "ro")
            .with_bind_ports(PORT_IN_CONTAINER, self._port)
            .waiting_for(LogMessageWaitStrategy("Server is ready"))
        )
        self._created = False

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"nats://{self._container.get_container_host_ip()}:{self._port}"

    async def start(self) -> None:
        """Create the container, or start it again with the store it had."""
        if self._created:
            await asyncio.to_thread(self._container.get_wrapped_container().start)
            await self._wait_for_greeting()
        else:
            await asyncio.to_thread(self._container.start)
            self._created = True

    async def stop(self) -> None:
        """End the server in good order and keep its store."""
        await asyncio.to_thread(self._container.get_wrapped_container().stop)

    async def kill(self) -> None:
        """Send SIGKILL and keep the store."""
        await asyncio.to_thread(self._container.get_wrapped_container().kill)

    async def close(self) -> None:
        """Remove the container."""
        if self._created:
            await asyncio.to_thread(self._container.stop)

    async def _wait_for_greeting(self) -> None:
        host = self._container.get_container_host_ip()
        async with asyncio.timeout(READY_S):
            while not await _greets(host, self._port):
                await asyncio.sleep(0.05)


async def _greets(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer):
            return (await reader.readline()).startswith(b"INFO ")
    except OSError:
        return False


@contextlib.asynccontextmanager
async def running(
    folder: Path, plan: ServerPlan, configuration: Configuration = render
) -> AsyncIterator[NatsServer]:
    """Start a server of `plan` that keeps its state in `folder`, and end it afterwards."""
    kind = ContainerServer if use_container() else LockedServer
    server = kind(folder, plan, configuration)
    try:
        await server.start()
        yield server
    finally:
        await server.close()


def use_container() -> bool:
    """Tell whether servers come from Docker in this run."""
    return _WANTED == "1" or (_WANTED != "0" and postgres.docker_answers())


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and that nobody is given by chance.

    It lies below what systems give to whoever asks for any port or connects to somebody, so that
    nothing takes it before the server that it is for.
    """
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port in _given:
            continue
        _given.add(port)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def everywhere(configuration: str) -> str:
    """Return the configuration of a server in a container, so that its port can be published.

    Docker leads a port of the host to the container's own network, never to its loopback. No plan
    says so, because none may listen to a network without TLS: here it is the container's alone.
    """
    host = "0.0.0.0"  # noqa: S104 - inside the container; one port of the host leads there
    return json.dumps(json.loads(configuration) | {"listen": f"{host}:{PORT_IN_CONTAINER}"})


def unguarded(plan: ServerPlan) -> str:
    """Return a configuration with JetStream and without accounts: anyone may do anything.

    Services that call JetStream by the prefix of another account find it by that, too.
    """
    jetstream = {"store_dir": str(plan.store_dir), "sync_interval": "always"}
    listen = f"{plan.listen_host}:{plan.port}"
    made = {"listen": listen, "max_payload": plan.max_payload, "jetstream": jetstream}
    return json.dumps(made | {"mappings": {f"{HUB_PREFIX}.>": "$JS.API.>"}})


# Read when the module is imported: the tests themselves run without HANDRAIL_ variables.
_WANTED = os.environ.get("HANDRAIL_TEST_DOCKER", "")
