"""nats-servers for faults: one alone or the three of a cluster, each with a locked store."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nats.errors import Error as NatsError

from contracts.errors import HandrailError
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX, ServerPlan, render
from services.runtime.nkeys import NKey
from services.runtime.server import find_binary
from services.runtime.state_lock import StateLock
from services.runtime.whole_files import write_whole
from tests.faults.enclosure import enclosed
from tests.faults.kept import Kept
from tests.faults.links import CONTROL, between, to_node

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is: its number from 1, its folder with store and lock, its two ports."""

    number: int
    folder: Path
    port: int
    route: int

    @property
    def url(self) -> str:
        """The address at which the campaign itself reaches the node."""
        return self.url_for(CONTROL)

    def url_for(self, who: int) -> str:
        """Return the address at which client `who` reaches the node."""
        return f"nats://{to_node(who, self.number)}:{self.port}"


class Node(Kept):
    """One nats-server that holds the lock of its store's folder for as long as it lives."""

    def __init__(
        self, place: Place, others: Sequence[Place], plan: ServerPlan, logs: Path, probe: NKey
    ) -> None:
        self.place = place
        self._lock = StateLock(place.folder)
        self._plan, self._others, self._probe = plan, others, probe
        name = f"n{place.number}"
        # A single server's configuration is where operators' commands look for it.
        config = logs / f"{name}.conf" if others else place.folder / "nats" / "server.conf"
        config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(config, json.dumps(configuration(place, others, plan)).encode())
        self.server_log = logs / f"{name}.log"
        command = [find_binary(), "-c", str(config), "-l", str(self.server_log)]
        super().__init__(name, command, logs / f"{name}.out", ready=self._answers)

    def begin(self) -> None:
        """Take the lock of the folder, and run from now on; a second owner is refused."""
        self._lock.acquire()
        super().begin()

    async def away(self) -> None:
        """Kill the server, keep it away, and let the folder go."""
        await super().away()
        self._lock.release()

    def descriptors(self) -> tuple[int, ...]:
        """Return the lock, which the server holds as well."""
        return (self._lock.fileno(),)

    async def _answers(self, process: asyncio.subprocess.Process) -> bool:
        """Return True once JetStream answers through this node, False when the process ended."""
        while process.returncode is None:
            try:
                client = await connect(self.place.url, self._probe, name="probe", timeout_s=1)
            except HandrailError:
                await asyncio.sleep(_POLL_S)
                continue
            try:
                await client.jetstream(prefix=HUB_PREFIX, timeout=1).account_info()
            except (NatsError, TimeoutError):
                await asyncio.sleep(_POLL_S)
            else:
                return True
            finally:
                await client.close()
        return False


def configuration(place: Place, others: Sequence[Place], plan: ServerPlan) -> dict[str, Any]:
    """Return the configuration of one node: that of `plan`, and its place in the cluster."""
    store = place.folder / "nats" / "store"
    made: dict[str, Any] = json.loads(render(replace(plan, port=place.port, store_dir=store)))
    host = "0.0.0.0" if enclosed() else "127.0.0.1"  # noqa: S104 - a network of its own
    made["listen"] = f"{host}:{place.port}"
    made["server_name"] = f"n{place.number}"
    if others:
        made["cluster"] = {
            "name": "handrail",
            "listen": f"{host}:{place.route}",
            "routes": [
                f"nats-route://{between(place.number, one.number)}:{one.route}" for one in others
            ],
            "no_advertise": True,
            "pool_size": 3,
        }
    return made
