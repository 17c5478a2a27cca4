"""Processes killed, paused, doubled, and started where they must not be."""

import asyncio
import re
import signal
import sys
from contextlib import suppress
from typing import ClassVar

from contracts.errors import HandrailError
from services.runtime.state_lock import StateLock
from tests.faults.fault import Fault, UnmetError
from tests.faults.kept import Kept, run_once
from tests.faults.nodes import Node
from tests.faults.world import World

_REFUSED_S = 60.0
_SUCCESSOR_S = 25.0


class KillService(Fault):
    """SIGKILL to one service."""

    name = "a service killed"

    async def strike(self) -> str:
        """Kill a service; its keeper starts it again."""
        service = self.chance.choice(list(self.world.services.values()))
        await service.kill()
        self.lane = lane_of(service.name)
        return service.name


class KillServices(Fault):
    """SIGKILL to one service after another, each as soon as the one before is back."""

    name = "each service killed in turn"

    async def strike(self) -> str:
        """Kill them in random order."""
        services = list(self.world.services.values())
        self.chance.shuffle(services)
        for service in services:
            await service.kill()
            await service.ready()
        return "all of them"


class KillExchange(Fault):
    """SIGKILL to an exchange again and again, at moments when it has just begun to work."""

    name = "an exchange killed five times in a row"

    async def strike(self) -> str:
        """Kill it soon after each start."""
        service = self.world.services[self.chance.choice(("exchange", "exchange-urgent"))]
        for _ in range(5):
            await service.ready()
            await asyncio.sleep(self.chance.uniform(0, 0.4))
            await service.kill()
        self.lane = lane_of(service.name)
        return service.name


class KillServer(Fault):
    """SIGKILL to a nats-server: the only one, or one of the cluster, its leader too."""

    name = "a nats-server killed"

    async def strike(self) -> str:
        """Kill a node; its keeper starts it again."""
        node = await self.world.any_node(self.chance)
        await node.kill()
        return node.name


class KillServers(KillServer):
    """SIGKILL to each node of the cluster in turn, and to all at once."""

    name = "each nats-server killed in turn, then all at once"

    @staticmethod
    def possible(world: World) -> str | None:
        """Need a cluster."""
        return None if world.replicas > 1 else "there is one server only"

    async def strike(self) -> str:
        """Kill one after another, each once the one before is back; then all."""
        for node in self.world.nodes:
            await node.kill()
            await node.ready()
        await asyncio.gather(*(node.kill() for node in self.world.nodes))
        return "all of them"


class KillMajority(KillServer):
    """Two of three nodes away for a while: nothing may be acknowledged that one node alone has."""

    name = "two nats-servers of three away"
    lasts_s = (3.0, 8.0)

    possible = staticmethod(KillServers.possible)

    async def strike(self) -> str:
        """Keep two nodes away."""
        self._away = self.chance.sample(self.world.nodes, 2)
        for node in self._away:
            await node.away()
        return " ".join(sorted(node.name for node in self._away))

    async def heal(self) -> None:
        """Let them come back."""
        for node in self._away:
            node.begin()


class PauseServer(Fault):
    """SIGSTOP to a nats-server: nobody hears of it, and it wakes believing no time has passed."""

    name = "a nats-server paused and woken"
    lasts_s = (2.0, 9.0)

    async def strike(self) -> str:
        """Stop a node."""
        self._node: Node = await self.world.any_node(self.chance)
        self._node.signal(signal.SIGSTOP)
        return self._node.name

    async def heal(self) -> None:
        """Wake it."""
        self._node.signal(signal.SIGCONT)


class PauseService(Fault):
    """SIGSTOP to a service, a successor started beside it, SIGCONT: both live, then one ends."""

    name = "a service paused, replaced and woken"
    lasts_s = (1.0, 4.0)
    services: ClassVar[tuple[str, ...]] = (
        "exchange",
        "exchange-urgent",
        "story",
        "tracker",
        "first-response",
        "caf-team",
        "universal",
        "social-care",
    )

    async def strike(self) -> str:
        """Pause it, have a successor work, and wake it."""
        name = self.chance.choice(self.services)
        first = self.world.services[name]
        await first.ready()
        first.signal(signal.SIGSTOP)
        self._second = _beside(self.world, name)
        # One that was stopped in the middle of a transaction keeps SQLite's lock: its successor
        # then comes up only once it is woken.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SUCCESSOR_S):
                await self._second.ready()
        at_work = self._second.is_ready
        first.signal(signal.SIGCONT)
        self.lane = lane_of(name)
        return f"{name}, {'its successor at work' if at_work else 'its successor not yet up'}"

    async def heal(self) -> None:
        """Take away the successor."""
        await self.world.dismiss(self._second)


class PauseExchange(PauseService):
    """The same with an exchange, where a second writer would do the most harm."""

    name = "an exchange paused, replaced and woken"
    services = ("exchange", "exchange-urgent")


class TwoExchanges(Fault):
    """Two of each exchange at work at once."""

    name = "two exchanges at once"
    lasts_s = (3.0, 8.0)

    async def strike(self) -> str:
        """Start a second one of each; returns once all four are at work."""
        names = ("exchange", "exchange-urgent")
        self._second = [_beside(self.world, name) for name in names]
        for one in (*self._second, *(self.world.services[name] for name in names)):
            await one.ready()
        return "both lanes"

    async def heal(self) -> None:
        """Kill the second ones."""
        for one in self._second:
            await self.world.dismiss(one)


class SecondServer(Fault):
    """A second server on a store that is in use, while it is up and while it is down.

    nats-server itself locks nothing: whoever starts one for Handrail takes the folder's lock first.
    So that lock is tried, and with one server `handrail up` as well; nothing else starts the nodes
    of a cluster but this campaign, with that lock.
    """

    name = "a second server on a store in use"

    async def strike(self) -> str:
        """Try, and be refused each time."""
        node = self.chance.choice(self.world.nodes)
        self._try_lock(node)
        await node.kill()
        self._try_lock(node)
        await node.ready()
        if self.world.replicas > 1:
            return f"{node.name}: the lock refused it"
        command = [sys.executable, "-m", "services.cli", "up", "--json", "--dir"]
        code = await _refusal([*command, str(self.world.state)])
        if code != "state.locked":
            raise UnmetError(f"`handrail up` was not refused: {code}")
        return f"{node.name}: the lock and `handrail up` refused it"

    def _try_lock(self, node: Node) -> None:
        try:
            StateLock(node.place.folder).acquire(0.1)
        except HandrailError as error:
            if error.code == "state.locked":
                return
            raise
        raise UnmetError(f"the folder of {node.name} is not locked")


def lane_of(service: str) -> str:
    """Return the lane on which a fault of this service shows."""
    return "urgent" if service == "exchange-urgent" else "submit"


def _beside(world: World, name: str) -> Kept:
    """Start a second one of a service."""
    second = world.service(name, "-second")
    world.spares.append(second)
    second.begin()
    return second


async def _refusal(command: list[str]) -> str:
    """Run a command that must be refused, and return the code of its error."""
    try:
        _, said, _ = await run_once(command, _REFUSED_S)
    except TimeoutError:
        return "it ran"
    found = re.search(rb'"code":\s*"([a-z.-]+)"', said)
    return found[1].decode() if found else "nothing was said"
