"""The gateways of one role, each served on its own: they join, leave and fail without the others.

Which there are is read from the directory in the folder of state. A gateway is served here when the
folder holds its identity; others are served elsewhere, from their own folders.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Final

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.roles import Role
from services.runtime import log
from services.runtime.directories import DirectoryHolder, from_file
from services.runtime.partnership import Partnership
from services.runtime.tasks import end

Serve = Callable[[str, Callable[[], None]], Coroutine[Any, Any, None]]
"""Serves the gateway of a name until cancelled, and calls back whenever every agency is served."""

_LOOK_EVERY_S: Final = 0.25
_AGAIN_S: Final = (0.2, 1.0, 5.0)
_log = log.get(__name__)


class Gateways:
    """Runs one task for each gateway of a role, started again when it ends unasked."""

    def __init__(self, role: Role, partnership: Partnership, serve: Serve) -> None:
        """Prepare to serve the gateways of `role` through `serve`."""
        self._role, self._partnership, self._serve = role, partnership, serve
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._served: set[str] = set()
        self._started = False

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` is called once when every gateway's agencies are served.

        Until then what keeps a gateway from being served is raised, as `nats.*` or `directory.*`,
        `key.unreadable` for an identity that the passphrase does not open, and `nkey.missing` where
        the role has gateways and none has its identity here. Afterwards it is logged and tried
        again.
        """
        holder = _holder(self._partnership, self._role)
        await holder.refresh()
        names = self._names(holder.current)
        if names and not any(map(self._is_here, names)):
            self._partnership.nkey(f"{names[0]}-service")
        fresh = asyncio.create_task(holder.keep_fresh())
        try:
            while True:
                await self._follow(holder)
                if not self._started:
                    self._start(ready)
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            await end((fresh, *self._tasks.values()))

    def _start(self, ready: Callable[[], None]) -> None:
        """Call `ready` when every gateway is served; raise what has kept one from it."""
        for task in self._tasks.values():
            if task.done():
                task.result()
        if self._served.issuperset(self._tasks):
            self._started = True
            ready()

    async def _follow(self, holder: DirectoryHolder) -> None:
        """Serve who has joined and let go who has left; without a directory nothing changes."""
        try:
            names = {name for name in self._names(holder.current) if self._is_here(name)}
        except HandrailError:
            return  # every gateway's own directory is past its grace as well, and refuses
        for name in names - self._tasks.keys():
            self._tasks[name] = asyncio.create_task(self._keep(name), name=name)
        gone = [self._tasks.pop(name) for name in self._tasks.keys() - names]
        if gone:
            _log.info("gateways.left", count=len(gone))
            await end(gone)

    async def _keep(self, name: str) -> None:
        for attempt in count():
            try:
                await self._serve(name, partial(self._served.add, name))
            except Exception as error:
                if not self._started:
                    raise
                _log.warning("gateway.ended", reason=self._role.value, **log.error_keys(error))
            await asyncio.sleep(_AGAIN_S[min(attempt, len(_AGAIN_S) - 1)])

    def _names(self, directory: Directory) -> tuple[str, ...]:
        """Return the gateways of the role's agencies that take part now."""
        now = datetime.now(UTC)
        present = (a for a in directory.by_role(self._role) if directory.agency(a.id, now))
        return tuple(dict.fromkeys(agency.gateway for agency in present))

    def _is_here(self, gateway: str) -> bool:
        return self._partnership.identities.holds(f"{gateway}-service")


def _holder(partnership: Partnership, role: Role) -> DirectoryHolder:
    seen = partnership.folder / "seen" / f"agency-{role.value}.version"
    return from_file(partnership.directory_path, partnership.root_x, seen)
