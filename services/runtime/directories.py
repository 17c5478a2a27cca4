"""The newest verified directory, from a file or from the exchange, and never an older one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client

from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.subjects import DIRECTORY
from services.runtime.log import error_keys, get

Read = Callable[[], Awaitable[bytes]]
Check = Callable[[Directory], None]
_log = get(__name__)


class DirectoryHolder:
    """Give the newest directory that the partnership root signed; refuse older or expired ones."""

    def __init__(self, read: Read, root_x: str, seen: Path, check: Check | None = None) -> None:
        """Read through `read`; `seen` is the file that remembers the newest version seen.

        A directory for which `check` raises is not taken; what was held stays in force.
        """
        self._read = read
        self._check = check
        self._root_x = root_x
        self._seen = seen
        self._raw = b""
        self._directory: Directory | None = None
        self._newest = _version_in(seen)

    @property
    def current(self) -> Directory:
        """Return the directory in force.

        Raises `directory.missing` before the first refresh and `directory.expired` past its grace:
        a service that has lost its directory refuses rather than trusts.
        """
        if self._directory is None:
            raise HandrailError(
                "directory.missing",
                "no directory of the partnership is at hand",
                "start the exchange, which hands out the directory, and try again",
            )
        self._directory.must_be_fresh(datetime.now(UTC))
        return self._directory

    @property
    def raw(self) -> bytes:
        """Return the signed directory as it was read, for handing on."""
        return self._raw

    async def refresh(self) -> bool:
        """Read again and return whether a newer version was taken.

        Raises as `open_directory` and the check do.
        """
        data = await self._read()
        if data == self._raw:
            return False
        directory = open_directory(data, self._root_x, newest_seen=self._newest)
        if self._check is not None:
            self._check(directory)
        newer = directory.document.version > self._newest or self._directory is None
        self._directory, self._raw = directory, data
        if directory.document.version > self._newest:
            self._newest = directory.document.version
            self._seen.parent.mkdir(parents=True, exist_ok=True)
            self._seen.write_text(str(self._newest), encoding="ascii")
        return newer

    async def keep_fresh(self, every_s: float = 1.0) -> None:
        """Refresh until cancelled; a failed refresh is logged and what is held stays in force."""
        while True:
            await asyncio.sleep(every_s)
            try:
                if await self.refresh():
                    _log.info("directory.refreshed", version=self._newest)
            except Exception as error:  # noqa: BLE001 - tried again, whatever it was
                _log.warning("directory.not-refreshed", **error_keys(error))


def from_file(path: Path, root_x: str, seen: Path, check: Check | None = None) -> DirectoryHolder:
    """Return a holder that reads the signed directory from `path`, and takes what `check` lets."""

    async def read() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError:
            raise HandrailError(
                "directory.missing",
                "the partnership's directory cannot be read",
                "make the partnership again, or restore its directory file",
            ) from None

    return DirectoryHolder(read, root_x, seen, check)


def over_nats(client: Client, root_x: str, seen: Path) -> DirectoryHolder:
    """Return a holder that asks the exchange for the signed directory."""

    async def read() -> bytes:
        return (await client.request(DIRECTORY, b"", timeout=5)).data

    return DirectoryHolder(read, root_x, seen)


def _version_in(seen: Path) -> int:
    try:
        return int(seen.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
