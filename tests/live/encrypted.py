"""Servers with TLS as `handrail partnership server` writes them, each a process of its own."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client

from contracts.errors import HandrailError
from services.cli.server_files import CONFIG, Node, plan_of
from services.runtime.connection import connect
from services.runtime.nats_config import ServerPlan, ServiceUser
from services.runtime.nkeys import NKey
from services.runtime.server import find_binary
from tests.live.servers import free_port

READY_S = 30
HOST = "127.0.0.1"


@dataclass
class Servers:
    """One server or a cluster on this machine, its keys, and the folder of its files."""

    folder: Path
    nodes: tuple[Node, ...]
    keys: dict[str, NKey]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The addresses of all servers."""
        return ",".join(node.url for node in self.nodes)

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.folder / self.nodes[0].name / "ca.pem"

    def plan(self, node: Node) -> ServerPlan:
        """Return the plan of one server."""
        users = tuple(ServiceUser(f"demo.{name}", key.public) for name, key in self.keys.items())
        plain = ServerPlan(HOST, 0, self.folder, users)
        return plan_of(plain, self.nodes, node, self.folder / node.name)

    def start(self, node: Node) -> None:
        """Start one server; it says nothing to anybody here."""
        config = self.folder / node.name / CONFIG
        with (self.folder / f"{node.name}.log").open("ab") as log:
            self.processes[node.name] = subprocess.Popen(
                [find_binary(), "-c", str(config)], stdout=log, stderr=log
            )

    async def client(self, name: str = "exchange") -> Client:
        """Connect as one of the users, as soon as a server is there."""
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    return await connect(
                        self.url, self.keys[name], name=name, ca=self.ca, timeout_s=2
                    )
                except HandrailError as error:
                    if error.code != "nats.unreachable":
                        raise
                    await asyncio.sleep(0.05)


def nodes(count: int) -> tuple[Node, ...]:
    """Return servers on free ports."""
    free = [free_port() for _ in range(2 * count)]
    names = ["handrail"] if count == 1 else [f"handrail-{number}" for number in range(1, count + 1)]
    return tuple(
        Node(name, (HOST,), free[2 * place], free[2 * place + 1])
        for place, name in enumerate(names)
    )


@contextmanager
def started(made: Servers) -> Iterator[Servers]:
    """Start every server, and end all of them."""
    try:
        for node in made.nodes:
            made.start(node)
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()


@asynccontextmanager
async def connected(made: Servers, name: str = "exchange") -> AsyncIterator[Client]:
    """Give a connection of one of the users."""
    client = await made.client(name)
    try:
        yield client
    finally:
        await client.close()
