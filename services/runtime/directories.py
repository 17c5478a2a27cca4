"""The newest verified directory, from a file or the exchange; never an older or another one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from nats.aio.client import Client

from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from services.runtime.known import digest, newest
from services.runtime.log import error_keys, get
from services.runtime.nats_permissions import SERVICE_DIRECTORY
from services.runtime.seen import Seen, refuse_other, remember, seen_in, seen_of
from services.runtime.subscribing import ask

Read = Callable[[], Awaitable[bytes]]
Check = Callable[[Directory], None]
_log = get(__name__)


class DirectoryHolder:
    """Give the newest directory that the partnership root signed; refuse older or expired ones."""

    def __init__(self, read: Read, root_x: str, seen: Path, check: Check | None = None) -> None:
        """Read through `read`; `seen` is the file that remembers what was newest (`Seen`).

        A directory for which `check` raises is not taken; what was held stays in force.
        """
        self._read = read
        self._check = check
        self._root_x = root_x
        self._path = seen
        self._raw = b""
        self._directory: Directory | None = None
        self._seen: Seen | None = None
        self._reading, self._order = asyncio.Lock(), count(1)
        self._begun = 0
        self._told: bool | Exception = False

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
        """Return the signed directory as it was read, for handing on: each reader judges it."""
        return self._raw

    async def refresh(self) -> bool:
        """Read again and return whether a newer version was taken.

        Those who ask while it is being read wait, and then share one further reading. Raises as
        `open_directory`, `seen_in`, `refuse_other` and the check do.
        """
        asked = next(self._order)
        async with self._reading:
            if self._begun < asked:
                begun = next(self._order)
                try:
                    self._told = await self._take()
                except Exception as error:  # noqa: BLE001 - raised below, to all who share it
                    self._told = error
                self._begun = begun
            if isinstance(self._told, Exception):
                raise self._told
            return self._told

    async def _take(self) -> bool:
        data = await self._read()
        if data == self._raw and self._directory is not None:
            return False
        seen = self._seen
        if seen is None:
            seen = await asyncio.to_thread(seen_in, self._path)
        pinned = seen.root_x or self._root_x
        directory = open_directory(data, pinned, newest_seen=seen.version)
        found = seen_of(directory.document.version, directory.root_x, data)
        refuse_other(found, seen)
        if self._check is not None:
            self._check(directory)
        newer = directory.document.version > seen.version or self._directory is None
        if found != seen:
            # Remembered before it is used: what was believed once is never forgotten.
            await asyncio.to_thread(remember, self._path, found)
        elif self._seen is None:
            # Somebody beside has remembered it; the own file tells what is in force here.
            with suppress(OSError):
                await asyncio.to_thread(remember, self._path, found)
        self._directory, self._raw, self._seen = directory, data, found
        return newer

    async def keep_fresh(self, every_s: float = 1.0) -> None:
        """Refresh until cancelled; a failed refresh is logged and what is held stays in force."""
        while True:
            await asyncio.sleep(every_s)
            try:
                if await self.refresh():
                    _log.info("directory.refreshed", version=self.current.document.version)
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
    """Return the holder of an agency's service, which asks the exchange for the signed directory.

    Where that is away or lets one wait, a refresh raises `service.*` or `busy.try-again`.
    """

    async def read() -> bytes:
        raw = holder.raw
        return newest(raw, await ask(client, SERVICE_DIRECTORY, digest(raw)))

    holder = DirectoryHolder(read, root_x, seen)
    return holder
