"""A disk of its own for what must survive: it can be filled, and its power can be cut.

An ext4 file system in a file, mounted through a loop device. Cutting the power is
EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from then on nothing that was not synced reaches
the disk, and the next mount replays the journal as after a real one.
"""

import asyncio
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from tests.faults.enclosure import run_tool

_SHUTDOWN: Final = 0x8004587D
_NO_LOG_FLUSH: Final = 2
_MIB: Final = 1024**2
_UMOUNT_S: Final = 20.0


class Disk:
    """A folder with a file system of its own, `size_mib` large."""

    def __init__(self, image: Path, folder: Path, size_mib: int) -> None:
        self.folder = folder
        self._image = image
        self._size = size_mib * _MIB

    def make(self) -> None:
        """Make the file system and mount it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._image.open("wb") as image:
            image.truncate(self._size)
        run_tool("mkfs.ext4", "-q", "-m", "0", self._image)
        self.mount()

    def mount(self) -> None:
        """Mount the file system; after a power cut its journal is replayed."""
        run_tool("mount", "-o", "loop", self._image, self.folder)

    def cut_power(self) -> None:
        """Let nothing reach the disk any more; whoever uses it is to be killed next.

        Raises RuntimeError for anything but a loop device: this would lose what others store.
        """
        device = _device_of(self.folder)
        if not device.startswith("/dev/loop"):
            raise RuntimeError("power is only ever cut to a loop device")
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    async def unmount(self) -> None:
        """Unmount, once those who used it are gone."""
        async with asyncio.timeout(_UMOUNT_S):
            while _device_of(self.folder):
                run_tool("umount", self.folder, must=False)
                await asyncio.sleep(0.05)

    def fill(self) -> int:
        """Take all the room there is with one file, and return how many bytes that was."""
        descriptor = os.open(self._filler, os.O_CREAT | os.O_WRONLY, 0o600)
        taken, step = 0, 64 * _MIB
        try:
            while step >= 4096:
                try:
                    os.posix_fallocate(descriptor, taken, step)
                    taken += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
        finally:
            os.close(descriptor)
        return taken

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


def _device_of(folder: Path) -> str:
    """Return the device that is mounted on `folder` itself, or nothing."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, place = line.split()[:2]
        if place.encode().decode("unicode_escape") == str(folder.resolve()):
            return device
    return ""
