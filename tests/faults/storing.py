"""The disk: full, and without power."""

import asyncio
import re
from pathlib import Path
from typing import Final

from tests.faults.disks import Disk
from tests.faults.enclosure import no_disk
from tests.faults.fault import Fault, UnmetError
from tests.faults.world import World

_NO_ROOM: Final = re.compile(
    rb"no space left|out of space|insufficient (storage )?resources", re.IGNORECASE
)
_TOLD_WITHIN_S: Final = 15.0


class _OnDisk(Fault):
    @staticmethod
    def possible(world: World) -> str | None:
        """Need a file system of one's own."""
        return no_disk()


class PowerCut(_OnDisk):
    """Power off for the whole machine: what was not synced is gone, everything starts again."""

    name = "power cut of everything"

    async def strike(self) -> str:
        """Cut the power to every disk, then end every process."""
        for disk in self.world.disks:
            disk.cut_power()
        await self.world.kill_all()
        for disk in self.world.disks:
            await disk.unmount()
        return "every disk"

    async def heal(self) -> None:
        """Replay the journals, and start everything again."""
        for disk in self.world.disks:
            disk.mount()
        for one in self.world.everyone():
            one.begin()


class NodePowerCut(_OnDisk):
    """Power off for one node of the cluster."""

    name = "power cut of one node"
    lasts_s = (0.0, 5.0)

    @staticmethod
    def possible(world: World) -> str | None:
        """Need a cluster, too."""
        return no_disk() if world.replicas > 1 else "there is one server only"

    async def strike(self) -> str:
        """Cut the power to the node's disk, then end the node."""
        self._node = await self.world.any_node(self.chance)
        self._disk: Disk = self.world.disks[self._node.place.number]
        self._disk.cut_power()
        await self._node.away()
        await self._disk.unmount()
        return self._node.name

    async def heal(self) -> None:
        """Start it again on what the disk kept."""
        self._disk.mount()
        self._node.begin()


class DiskFull(_OnDisk):
    """No room on a server's disk; of one server, on that of the services too."""

    name = "disk full"
    lasts_s = (2.0, 6.0)

    async def strike(self) -> str:
        """Take all room."""
        node = await self.world.any_node(self.chance)
        self._node = node
        self._disk = self.world.disks[0 if self.world.replicas == 1 else node.place.number]
        self._told = _size_of(node.server_log)
        self._disk.fill()
        return node.name

    async def heal(self) -> None:
        """Give the room back, and start the server again, which stops storing once it had none.

        Raises `UnmetError` when the server never came to know that its disk was full.
        """
        known = await _tells_of_no_room(self._node.server_log, self._told)
        self._disk.free()
        await self._node.kill()
        if not known:
            raise UnmetError(f"{self._node.name} never met the full disk")


class ServicesDiskFull(_OnDisk):
    """No room on the services' disk, while the servers have theirs."""

    name = "disk full at the services"
    lasts_s = (2.0, 6.0)

    @staticmethod
    def possible(world: World) -> str | None:
        """Need a cluster, whose nodes have disks apart from that of the services."""
        return no_disk() if world.replicas > 1 else "the services share the server's disk"

    async def strike(self) -> str:
        """Take all room."""
        self.world.disks[0].fill()
        return "state"

    async def heal(self) -> None:
        """Give the room back."""
        self.world.disks[0].free()


def _size_of(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


async def _tells_of_no_room(log: Path, since: int) -> bool:
    """Wait until a server's log says, after so many bytes, that nothing can be stored."""
    for _ in range(int(_TOLD_WITHIN_S / 0.25)):
        with log.open("rb") as lines:
            lines.seek(since)
            if _NO_ROOM.search(lines.read()):
                return True
        await asyncio.sleep(0.25)
    return False
