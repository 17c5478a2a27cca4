"""The senders and the checker, as the programs they are."""

import asyncio
import os
import sys
from pathlib import Path

from tests.faults.kept import repository, tied
from tests.faults.links import CONTROL
from tests.faults.world import World


class Sending:
    """One run of the sender, beside everything else."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._out = world.sent / f"{name}.jsonl"
        self._messages = self._read = self._count = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, messages: int, seed: int, rate: float) -> None:
        """Begin to send, and return when something was acknowledged."""
        self._messages = messages
        command = [sys.executable, "-m", "tests.faults.sender", "--state", str(self._world.state)]
        command += ["--out", str(self._out), "--messages", str(messages), "--seed", str(seed)]
        command += ["--rate", f"{rate:g}"]
        log = self._world.logs / f"sender-{self._name}.log"
        self._process = await _started(command, self._world.environment(), log, log)
        while self.running and not self.acknowledged:
            await asyncio.sleep(0.05)

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process is not None and self._process.returncode is None

    @property
    def acknowledged(self) -> int:
        """How many messages it wrote down as acknowledged."""
        if self._out.exists():
            with self._out.open("rb") as out:
                out.seek(self._read)
                new = out.read()
            self._read, self._count = self._read + len(new), self._count + new.count(b"\n")
        return self._count

    @property
    def left(self) -> int:
        """How many messages are still to come."""
        return max(0, self._messages - self.acknowledged) if self.running else 0

    async def done(self, within_s: float) -> bool:
        """Wait until everything was acknowledged; return whether it was, in that time."""
        assert self._process is not None
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait() == 0
        except TimeoutError:
            return False

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def checked(world: World) -> tuple[int, str]:
    """Run the checker over everything; return its exit code and the table that it printed."""
    table = world.logs / "checker.txt"
    command = [sys.executable, "-m", "tests.faults.checker", "--state", str(world.state)]
    command += ["--sent", str(world.sent), "--url", world.url_for(CONTROL)]
    process = await _started(command, {}, table, world.logs / "checker.log")
    code = await process.wait()
    return code, table.read_text("utf-8")


async def _started(
    command: list[str], environment: dict[str, str], out: Path, errors: Path
) -> asyncio.subprocess.Process:
    with out.open("ab") as output, errors.open("ab") as error_output:
        return await asyncio.create_subprocess_exec(
            *tied(command),
            cwd=repository(),
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=error_output,
        )
