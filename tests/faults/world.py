"""A whole installation that faults are made in: servers, services, and the disk they store on."""

import asyncio
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from contracts.errors import HandrailError
from contracts.subjects import LEDGER
from services.cli.founding import create
from services.cli.messages import current_directory
from services.cli.output import now
from services.cli.running import SERVICES
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.planning import server_plan
from services.runtime.settings import PREFIX, Settings
from tests.faults.disks import Disk
from tests.faults.enclosure import no_disk
from tests.faults.kept import Kept
from tests.faults.links import SENDERS
from tests.faults.nodes import Node, Place
from tests.live.servers import free_port

_DISK_MIB: Final = 6 * 1024
_HOLD_S: Final = 14 * 24 * 3600
"""The longest: a clock that jumps by hours may not decide what evidence was waited for."""


class World:
    """Everything that runs, and the handles by which it is hurt."""

    def __init__(self, work: Path, nodes: int) -> None:
        """Prepare a world in the folder `work` with one server or a cluster of `nodes`."""
        self.work, self.logs, self.sent = work, work / "logs", work / "sent"
        self.replicas = nodes
        self.disks = self._disks(nodes)
        self.services: dict[str, Kept] = {}
        self.nodes: list[Node] = []
        self.spares: list[Kept] = []
        self._gone: list[Kept] = []
        self.partnership: Partnership
        self._control: Client | None = None
        self._numbers = {name: number for number, name in enumerate(SERVICES, 1)}

    @property
    def state(self) -> Path:
        """The folder of state."""
        return self.work / "disk-0" / "state"

    def prepare(self) -> None:
        """Make the disks, found the partnership and plan the servers; nothing runs yet."""
        for folder in (self.logs, self.sent):
            folder.mkdir(parents=True)
        for disk in self.disks:
            disk.make()
        create(self.state, now=now(), demonstration=True)
        self.partnership = Partnership.load(Settings.load(state_dir=self.state))
        plan = server_plan(self.partnership, current_directory(self.partnership), now())
        places = [
            Place(number, self._folder_of(number), free_port(), free_port())
            for number in range(1, self.replicas + 1)
        ]
        probe = self.partnership.nkey("probe")
        for place in places:
            others = [one for one in places if one is not place]
            self.nodes.append(Node(place, others, plan, self.logs, probe))
        self.services = {name: self.service(name) for name in SERVICES}

    async def start(self) -> None:
        """Start the servers, then every service; returns when all are ready."""
        await asyncio.gather(*(node.start() for node in self.nodes))
        await asyncio.gather(*(service.start() for service in self.services.values()))

    def everyone(self) -> list[Kept]:
        """Return every program that is kept running."""
        return [*self.spares, *self.services.values(), *self.nodes]

    async def dismiss(self, spare: Kept) -> None:
        """Take away a program that ran beside another; how it ended meanwhile stays known."""
        await spare.away()
        self.spares.remove(spare)
        self._gone.append(spare)

    def ended(self) -> dict[str, list[str]]:
        """Return who ended by itself and why, each time, of all that ever ran here."""
        found: dict[str, list[str]] = {}
        for one in (*self.everyone(), *self._gone):
            if one.endings:
                found[one.name] = [*found.get(one.name, []), *one.endings]
        return found

    async def kill_all(self) -> None:
        """Kill everything that runs here, as a power cut does, and keep it away."""
        if self._control is not None:
            await self._control.close()
            self._control = None
        await asyncio.gather(*(one.away() for one in self.everyone()))
        self._gone += self.spares
        self.spares.clear()

    async def close(self) -> None:
        """End everything and take the disks away."""
        await self.kill_all()
        for disk in self.disks:
            await disk.unmount()

    def service(self, name: str, suffix: str = "") -> Kept:
        """Return a program that runs the service `name`; with `suffix`, one beside the first."""
        command = [sys.executable, "-m", "services.cli", "run", name, "--dir", str(self.state)]
        environment = self.environment(self._numbers[name])
        log = self.logs / f"{name}{suffix}.log"
        return Kept(f"{name}{suffix}", command, log, environment=environment)

    def environment(self, who: int = SENDERS) -> dict[str, str]:
        """Return the settings of client `who`: a service by its number, or a sender."""
        return {
            f"{PREFIX}NATS_URL": self.url_for(who),
            f"{PREFIX}REPLICAS": str(self.replicas),
            f"{PREFIX}HOLD_S": str(_HOLD_S),
        }

    def url_for(self, who: int) -> str:
        """Return the addresses by which client `who` reaches the servers."""
        return ",".join(node.place.url_for(who) for node in self.nodes)

    def number_of(self, service: str) -> int:
        """Return the number under which a service has its addresses."""
        return self._numbers[service]

    async def control(self) -> JetStreamContext:
        """Return JetStream as the exchange may use it, on a connection of the campaign's own."""
        if self._control is None or self._control.is_closed:
            key = self.partnership.nkey("exchange")
            url = ",".join(node.place.url for node in self.nodes)
            self._control = await connect(url, key, name="campaign")
        return self._control.jetstream(timeout=5)

    async def leader(self) -> Node:
        """Return the node that leads the ledger; of one server, that."""
        if len(self.nodes) > 1:
            info = await (await self.control()).stream_info(LEDGER)
            for node in self.nodes:
                if info.cluster is not None and node.name == info.cluster.leader:
                    return node
        return self.nodes[0]

    async def any_node(self, chance: random.Random) -> Node:
        """Return a node, more often than not the one that leads."""
        if chance.random() < 0.5:
            with suppress(NatsError, HandrailError, TimeoutError):
                return await self.leader()
        return chance.choice(self.nodes)

    def _folder_of(self, number: int) -> Path:
        return self.state if self.replicas == 1 else self.work / f"disk-{number}"

    def _disks(self, nodes: int) -> Sequence[Disk]:
        numbers = [0] if nodes == 1 else range(nodes + 1)
        folders = [self.work / f"disk-{number}" for number in numbers]
        if no_disk() is not None:
            for folder in folders:
                folder.mkdir(parents=True)
            return []
        return [Disk(one.with_suffix(".img"), one, _DISK_MIB) for one in folders]
