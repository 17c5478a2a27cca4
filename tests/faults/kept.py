"""Programs that are started again whenever they end, as whoever runs Handrail would do it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from services.runtime import lifeline
from services.runtime.tasks import end

READY_S: Final = 90.0
_RESTART_S: Final = 0.2

_FAULT: Final = re.compile(
    rb'"event": "process\.failed".*"error_type": "([A-Za-z0-9._]+)"'
    rb"|\[FTL\] (.*)"
    rb"|^([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+): "
    rb"|^(?:\w+\.)*([A-Za-z]+Error)\b"
)
"""What a program says of what ended it: a type of error, a server's own last words, or a code."""

_REMEDY: Final = b"  what to do: "

Ready = Callable[[asyncio.subprocess.Process], Awaitable[bool]]


class Kept:
    """One program; killed or ended by itself it is started again, until it is to stay away."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        ready: Ready | None = None,
    ) -> None:
        """Prepare to run `command`; `ready` returns once it is, and False when it never will be.

        Without `ready`, a program is ready when it has said its first line.
        """
        self.name, self.environment = name, dict(environment or {})
        self.command, self.log = list(command), log
        self._is_ready = ready or _has_spoken
        self.process: asyncio.subprocess.Process | None = None
        self.starts = 0
        self.endings: list[str] = []
        """Why it ended by itself, each time; empty where it did not say so, or had no time to."""

        self._struck: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the program from now on, and return when it is ready."""
        self.begin()
        await self.ready()

    def begin(self) -> None:
        """Run the program from now on."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=self.name)

    async def ready(self) -> None:
        """Return when the program is ready; raises TimeoutError where it does not come up."""
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            raise TimeoutError(f"{self.name} was not ready within {READY_S:g} s") from None

    @property
    def is_ready(self) -> bool:
        """Whether the program that runs now has become ready."""
        return self._ready.is_set()

    async def away(self) -> None:
        """Kill the program and keep it away until `start`."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await end([keeper])
        await self.kill()

    async def kill(self) -> None:
        """Kill the program (SIGKILL), and return when it is gone."""
        process = self.process
        self.signal(signal.SIGKILL)
        if process is not None:
            await process.wait()
        self._ready.clear()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program that runs now."""
        if self.process is not None and self.process.returncode is None:
            if number is signal.SIGKILL:
                self._struck = self.process
            self.process.send_signal(number)

    def descriptors(self) -> tuple[int, ...]:
        """Return what the program shall inherit."""
        return ()

    async def _keep(self) -> None:
        while True:
            await self._run()
            await asyncio.sleep(_RESTART_S)

    async def _run(self) -> None:
        self._ready.clear()
        said = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = process = await asyncio.create_subprocess_exec(
                *tied(self.command),
                cwd=repository(),
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                pass_fds=self.descriptors(),
                start_new_session=True,
            )
        self.starts += 1
        waiting = asyncio.create_task(self._wait_ready(process))
        try:
            code = await process.wait()
        finally:
            await end([waiting])
            self._ready.clear()
        if process is not self._struck:
            self.endings.append(self._reason(said) if code >= 0 else "")

    @property
    def ended_by_itself(self) -> int:
        """How often it ended without having been killed here."""
        return len(self.endings)

    def _reason(self, said: int) -> str:
        """Return why the program ended, by the last line in its log after so many bytes.

        What to do about it may stand behind that. A program that went on talking, or was ended by
        a signal in the midst of it, has not said why.
        """
        with self.log.open("rb") as log:
            log.seek(said)
            lines = [line for line in log if line.strip() and not line.startswith(_REMEDY)]
        found = _FAULT.search(lines[-1]) if lines else None
        return next(filter(None, found.groups())).decode() if found else ""

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        if await self._is_ready(process):
            self._ready.set()


def repository() -> Path:
    """Return the folder from which the project's modules are run."""
    return Path(__file__).absolute().parents[2]


def tied(command: Sequence[str]) -> list[str]:
    """Return `command` as one that dies with this process."""
    return [sys.executable, "-I", "-S", str(Path(lifeline.__file__)), str(os.getpid()), *command]


async def run_once(command: Sequence[str], within_s: float) -> tuple[int, bytes, bytes]:
    """Run a program to its end, and return its exit code and what it said and complained of.

    It never outlives this call. Raises TimeoutError where it takes longer than so many seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *tied(command),
        cwd=repository(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            said, wrong = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
        code = await process.wait()
    return code, said, wrong


async def _has_spoken(process: asyncio.subprocess.Process) -> bool:
    assert process.stdout is not None
    return bool(await process.stdout.readline())
