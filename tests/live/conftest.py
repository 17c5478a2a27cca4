"""Real nats-servers for tests: `server_factory`, `nats_url` and `hub`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest_asyncio
from nats.aio.client import Client

from services.runtime.connection import connect
from services.runtime.nats_config import ServerPlan, ServiceRole, ServiceUser, render
from services.runtime.nkeys import NKey
from tests.live import servers

ServerFactory = Callable[..., Awaitable[servers.NatsServer]]


@dataclass
class Hub:
    """A server with our services' users and no gateway, and the key of each role."""

    server: servers.NatsServer
    keys: dict[ServiceRole, NKey]
    _clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address to connect to."""
        return self.server.url

    async def connect(self, role: str) -> Client:
        """Return a new connection with the real permissions of `role`; the fixture closes it."""
        key = self.keys[ServiceRole(role)]
        client = await connect(self.url, key, name=f"test-{role}")
        self._clients.append(client)
        return client

    async def close(self) -> None:
        """Close every connection that `connect` gave."""
        for client in self._clients:
            await client.close()


@pytest_asyncio.fixture
async def server_factory(tmp_path: Path) -> AsyncIterator[ServerFactory]:
    """Give what starts a server from a plan and, for hostile variants, another `configuration`.

    Without a plan the server has JetStream and no accounts. All are ended after the test.
    """
    async with AsyncExitStack() as stack:
        started = 0

        async def start(
            plan: ServerPlan | None = None, configuration: servers.Configuration = render
        ) -> servers.NatsServer:
            nonlocal started
            started += 1
            folder = tmp_path / f"state-{started}"
            return await stack.enter_async_context(
                servers.running(
                    folder,
                    plan or ServerPlan("127.0.0.1", 0, folder, ()),
                    configuration if plan else servers.unguarded,
                )
            )

        yield start


@pytest_asyncio.fixture
async def nats_url(server_factory: ServerFactory) -> str:
    """Give the address of a server with JetStream where anyone may do anything."""
    return (await server_factory()).url


@pytest_asyncio.fixture
async def hub(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[Hub]:
    """Give a server with a user of every role, ids `demo.<role>`, and the real permissions."""
    keys = {role: NKey.generate() for role in ServiceRole}
    users = tuple(ServiceUser(f"demo.{role}", key.public) for role, key in keys.items())
    hub = Hub(await server_factory(ServerPlan("127.0.0.1", 0, tmp_path, users)), keys)
    yield hub
    await hub.close()
