"""A clock that jumps: one service believes that it is hours later, or earlier."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from tests.faults.fault import Fault, UnmetError
from tests.faults.killing import lane_of
from tests.faults.world import World

_HOURS: Final = (-26, -3, 2, 5, 30)
_FAR: Final = timedelta(hours=1)
_CACHED: Final = timedelta(seconds=2)
_DATED: Final = re.compile(rb'"timestamp": "([^"]+)"')
_SERVICES: Final = ("exchange", "exchange-urgent", "tracker", "story", "first-response")


class ClockJump(Fault):
    """The wall clock of one service jumps by hours while it runs, and back again.

    By libfaketime with a control file that it looks at each second. Time that only grows, by which
    programs wait, is left alone, as a correction of a machine's clock leaves it alone.
    """

    name = "the clock of a service jumps"
    lasts_s = (4.0, 9.0)

    @staticmethod
    def possible(world: World) -> str | None:
        """Need libfaketime."""
        return None if _library() else "libfaketime is not installed"

    async def strike(self) -> str:
        """Start the service anew under the library, and have its clock jump once it works."""
        name = self.chance.choice(_SERVICES)
        self._service = self.world.services[name]
        self._usual = dict(self._service.environment)
        self._control = self.world.logs / f"{name}.clock"
        self._set(0)
        self._service.environment |= {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._control),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        await self._service.kill()
        await self._service.ready()
        self.lane = lane_of(name)
        hours = self.chance.choice(_HOURS)
        self._said = self._service.log.stat().st_size
        self._set(hours)
        self._jumped = datetime.now(UTC)
        return f"{name} by {hours:+d} h"

    async def heal(self) -> None:
        """Have the clock jump back, and give the service its own again.

        Raises `UnmetError` when the service never saw the jump.
        """
        seen = self._has_seen()
        self._set(0)
        await asyncio.sleep(1.5)
        self._service.environment = self._usual
        await self._service.kill()
        if not seen:
            raise UnmetError(f"{self._service.name} never saw its clock jump")

    def _has_seen(self) -> bool:
        """Tell whether the service lives under the library, took the new time, and logs by it.

        Of one that had nothing to say since the jump, that the library took it is all that is seen.
        """
        process = self._service.process
        mapped = Path(f"/proc/{process.pid}/maps") if process else None
        if mapped is None or not mapped.exists() or _library_name() not in mapped.read_text():
            return False
        if not _was_read(self._control):
            return False
        now = datetime.now(UTC)
        late = self._jumped + _CACHED  # until then it may speak by the time that it had looked up
        told = _instants(self._service.log, self._said)
        said = [at for at in told if not self._jumped - _CACHED <= at <= late]
        return not said or any(abs(at - now) > _FAR for at in said)

    def _set(self, hours: int) -> None:
        draft = self._control.with_suffix(".draft")
        draft.write_text(f"{hours * 3600:+d}\n", "ascii")
        draft.replace(self._control)


def _was_read(control: Path) -> bool:
    """Tell whether anybody has read the control file since it was put there (inode(7), atime).

    The library reads it as soon as its program asks for the time. Where the file system keeps no
    such instants nothing is ever read.
    """
    there = control.stat()
    return there.st_atime_ns > there.st_mtime_ns


def _instants(log: Path, since: int) -> Iterator[datetime]:
    """Yield when the lines of a service's log were written, by its own clock."""
    with log.open("rb") as lines:
        lines.seek(since)
        for found in _DATED.finditer(lines.read()):
            yield datetime.fromisoformat(found[1].decode())


def _library_name() -> str:
    library = _library()
    return library.name if library else "no library"


@cache
def _library() -> Path | None:
    if shutil.which("faketime") is None:
        return None
    found = sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))
    return found[0] if found else None
