"""A backup while everything runs: what the services do afterwards must outlive them, too."""

import asyncio
import shutil
import sys
from pathlib import Path

import orjson

from tests.faults.fault import Fault, UnmetError
from tests.faults.kept import run_once
from tests.faults.world import World

_BACKED_UP_S = 120.0
_WORK_S = (1.0, 4.0)


class KillAfterBackup(Fault):
    """`handrail backup create`, some work more, then SIGKILL to every service at once.

    Whoever copies a database must leave its locks and its log file to the one that writes to it:
    what that one has committed since would otherwise be in a file that nobody opens again.
    """

    name = "a backup, then every service killed"

    @staticmethod
    def possible(world: World) -> str | None:
        """Need a server that stores beside the state: only that can be backed up with it."""
        return None if world.replicas == 1 else "the servers store apart from the folder of state"

    async def strike(self) -> str:
        """Back up, let them work on, and kill them."""
        into = self.world.work / f"backup-{self.chance.getrandbits(32):08x}"
        try:
            still_s = await _back_up(self.world.state, into)
            await asyncio.sleep(self.chance.uniform(*_WORK_S))
            await asyncio.gather(*(one.kill() for one in self.world.services.values()))
        finally:
            shutil.rmtree(into, ignore_errors=True)
        return f"all of them; the server was held still for {still_s:.2f} s"


async def _back_up(state: Path, into: Path) -> float:
    """Back up `state`, which must not stop anything for long; return how long the server was held.

    The backup itself must be whole, too.
    """
    made = await _command("backup", "create", str(into), "--dir", str(state), "--json")
    await _command("backup", "verify", str(into), "--dir", str(state), "--json")
    still_s = float(orjson.loads(made)["held_still_s"])
    if still_s <= 0:
        raise UnmetError("the backup did not see that a server runs")
    return still_s


async def _command(*words: str) -> bytes:
    """Run a command of the operator's, and return what it printed; raises `UnmetError`."""
    command = [sys.executable, "-m", "services.cli", *words]
    try:
        code, said, wrong = await run_once(command, _BACKED_UP_S)
    except TimeoutError:
        raise UnmetError(f"`handrail {' '.join(words[:2])}` did not end") from None
    if code != 0:
        raise UnmetError(f"`handrail {' '.join(words[:2])}` failed: {wrong[-300:].decode()}")
    return said
