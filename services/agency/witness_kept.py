"""What a witness remembers, the same in the process and in its file, written off the event loop.

One change follows another, and each says what it was judged by: what was judged by something that
is remembered no longer is not written, for it would undo what came between.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from services.agency.witness_memory import Memory, Remembered
from services.runtime.log import get

Result = TypeVar("Result")
_log = get(__name__)


class Kept:
    """The one who reads and writes the memory of one witness while its service runs."""

    def __init__(self, memory: Memory, agency: str) -> None:
        """Read `memory`; what befalls it is told in the name of `agency`."""
        self._memory, self._agency = memory, agency
        self._now = memory.read()
        self._turn = asyncio.Lock()
        self.begun = 0
        """How often an operator has let the witness begin again since this service started."""

    @property
    def now(self) -> Remembered:
        """Return what is remembered now."""
        return self._now

    async def look(self) -> None:
        """Begin again where an operator has put the file aside; put back one that is lost.

        A lost file is no permission to forget: only what `handrail log resolve` leaves is.
        """
        await self._in_turn(self._look)

    async def put(
        self, judged: Remembered, made: Remembered, contradiction: tuple[str, str] | None = None
    ) -> bool:
        """Remember `made`, on disk first; True when it is done.

        False, with nothing written, where `judged`, by which it was made, is not what is remembered
        any more. `contradiction` is two heads to be kept beside it as files. Raises OSError.
        """
        return await self._in_turn(lambda: self._put(judged, made, contradiction))

    def _look(self) -> None:
        if self._memory.resolved():
            self._begin_again()
        elif self._memory.lost():
            _log.error("log.memory-lost", agency=self._agency)
            self._write(self._now)

    def _put(
        self, judged: Remembered, made: Remembered, contradiction: tuple[str, str] | None
    ) -> bool:
        self._look()
        if self._now is not judged:
            return False
        if contradiction is not None:
            self._memory.keep_evidence(*contradiction)
        return self._write(made)

    def _write(self, made: Remembered) -> bool:
        if not self._memory.write(made):
            self._begin_again()
            return False
        self._now = made
        return True

    def _begin_again(self) -> None:
        self._now = Remembered()
        self.begun += 1
        _log.warning("log.resolved", agency=self._agency)

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        async with self._turn:
            return await _to_its_end(work)


async def _to_its_end(work: Callable[[], Result]) -> Result:
    """Return what `work` returns in a thread; whoever is cancelled waits until it has ended.

    Otherwise the next service would read a file that the thread of this one is about to replace.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # Taken, or it would be told as one that nobody looked at.
        raise
