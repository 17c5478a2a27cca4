"""Running everything on one machine: the nats-server, the exchange's processes, all services.

One exclusive lock on the folder of state, held by the server too, keeps a second server away;
children die with this process, however it dies (design §7).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

from contracts.errors import HandrailError
from services.cli.accounts import keep_accounts, planned
from services.cli.files import private_log
from services.cli.running import SERVICES, service
from services.runtime import lifeline
from services.runtime.log import error_keys, get
from services.runtime.partnership import Partnership
from services.runtime.server import EmbeddedServer
from services.runtime.settings import PREFIX
from services.runtime.state_lock import StateLock
from services.runtime.tasks import end

OWN_PROCESS: Final = ("exchange", "exchange-urgent")
"""What runs beside this process: deciding is work, and child protection must not wait for it."""

_LOCK_WAIT_S: Final = 15.0
_RESTART_S: Final = (0.2, 1.0, 5.0)
_STOP_S: Final = 10.0
_log = get(__name__)
Say = Callable[[str], None]


@asynccontextmanager
async def everything(partnership: Partnership, say: Say) -> AsyncIterator["Supervisor"]:
    """Start the server and every service, and stop them in order at the end.

    `say` is told what has come up. The server's accounts follow the directory. A server that ends
    unasked is started again on its port, and the services reconnect by themselves. Raises
    HandrailError `state.locked`, `server.*` (in the body too, for a server that does not come back)
    or whatever keeps a service from starting.
    """
    lock = StateLock(partnership.folder)
    await asyncio.to_thread(lock.acquire, _LOCK_WAIT_S)
    try:
        plan = planned(partnership)
        async with EmbeddedServer(lock, plan) as server:
            say(f"nats-server on port {server.port}")
            supervisor = Supervisor(partnership, say)
            async with _kept(server, say, supervisor.renew):
                accounts = asyncio.create_task(keep_accounts(partnership, server, plan))
                try:
                    await supervisor.start()
                    yield supervisor
                finally:
                    await supervisor.stop()
                    await end((accounts,))
    finally:
        lock.release()


@asynccontextmanager
async def _kept(server: EmbeddedServer, say: Say, back: Callable[[], None]) -> AsyncIterator[None]:
    """Keep the server running during the body, and call `back` when it had to be started again.

    Raises what keeps it from coming back, and ends the body.
    """
    body = asyncio.current_task()
    assert body is not None  # noqa: S101 - a coroutine runs in a task
    keeper = asyncio.create_task(_keep_server(server, say, back), name="nats-server")
    keeper.add_done_callback(lambda done: None if done.cancelled() else body.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if not keeper.done():
            raise
        body.uncancel()
        keeper.result()
    finally:
        keeper.cancel()
        await end((keeper,))


async def _keep_server(server: EmbeddedServer, say: Say, back: Callable[[], None]) -> None:
    """Start the server again whenever it ends; raises what keeps it from being started again."""
    port = server.port
    for attempt in count():
        await server.wait_exit()
        _log.error("server.ended", port=port)
        say("nats-server ended and is started again")
        await asyncio.sleep(_pause_s(attempt))
        await server.start()
        if server.port != port:
            raise HandrailError(
                "server.port-taken",
                "another program took the port of nats-server while it was down",
                "start everything again with `handrail up`",
            )
        _log.warning("server.restarted", port=port)
        say(f"nats-server on port {port}")
        back()


class Supervisor:
    """Keeps every service running, each started again when it ends unasked."""

    def __init__(self, partnership: Partnership, say: Say) -> None:
        """Prepare to run the services of `partnership`."""
        self._partnership, self._say = partnership, say
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = {name: asyncio.Event() for name in SERVICES}
        self._children: dict[str, asyncio.subprocess.Process] = {}

    async def start(self) -> None:
        """Start all services and return when each is ready."""
        for name in SERVICES:
            run = self._process if name in OWN_PROCESS else self._task
            self._tasks.append(asyncio.create_task(self._keep(name, run), name=name))
        waits = [asyncio.create_task(event.wait()) for event in self._ready.values()]
        gone = asyncio.gather(*self._tasks)
        everyone = asyncio.gather(*waits)
        await asyncio.wait((gone, everyone), return_when=asyncio.FIRST_COMPLETED)
        if not everyone.done():
            everyone.cancel()
            await gone

    async def stop(self) -> None:
        """Ask every service to stop and wait until all have."""
        self._stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def renew(self) -> None:
        """Have the services with a process of their own started again, after the server was.

        What the exchange had asked the server for is lost with it, and a lane alone would notice
        only when its request has run out, after more than half a minute.
        """
        for name, child in self._children.items():
            if child.returncode is None and self._ready[name].is_set():
                child.terminate()

    async def _keep(self, name: str, run: Callable[[str], Awaitable[None]]) -> None:
        """Run a service again whenever it ends unasked; a first start that fails is raised."""
        attempt = 0
        while not self._stop.is_set():
            try:
                await run(name)
            except Exception as error:
                _log.warning("service.ended", reason=name, **error_keys(error))
                if not self._ready[name].is_set():
                    if isinstance(error, HandrailError):
                        raise
                    raise _did_not_start(name, "up") from error
            if self._stop.is_set():
                return
            await _pause(self._stop, _pause_s(attempt))
            attempt += 1

    async def _task(self, name: str) -> None:
        await service(name)(self._partnership, self._stop, ready=lambda: self._up(name))

    async def _process(self, name: str) -> None:
        """Run a service as a child process; its first line of output says that it is ready."""
        folder = self._partnership.folder
        with private_log(folder / "logs" / f"{name}.log") as log_file:
            child = await asyncio.create_subprocess_exec(
                *_command(name, folder),
                # Not every setting of this process need have come from its environment.
                env={**os.environ, f"{PREFIX}HOLD_S": str(self._partnership.settings.hold_s)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        self._children[name] = child
        try:
            await self._watch(name, child)
        finally:
            if child.returncode is None:
                child.terminate()
                await _ended(child)

    async def _watch(self, name: str, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None  # noqa: S101 - a pipe was asked for
        stopping = asyncio.create_task(self._stop.wait())
        line = asyncio.create_task(child.stdout.readline())
        try:
            await asyncio.wait((stopping, line), return_when=asyncio.FIRST_COMPLETED)
            if line.done() and line.result():
                self._up(name)
            ended = asyncio.create_task(child.wait())
            await asyncio.wait((stopping, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and not self._stop.is_set() and not self._ready[name].is_set():
                raise _did_not_start(name, name)
        finally:
            stopping.cancel()
            line.cancel()

    def _up(self, name: str) -> None:
        if not self._ready[name].is_set():
            self._ready[name].set()
            self._say(name)


def _command(name: str, folder: Path) -> list[str]:
    """Return the command of a child that dies with this process."""
    run = [sys.executable, "-m", "services.cli", "run", name, "--dir", str(folder)]
    return [sys.executable, str(Path(lifeline.__file__)), str(os.getpid()), *run]


async def _ended(child: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_STOP_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def _pause_s(attempt: int) -> float:
    """Return how long to wait before a start, in seconds; `attempt` counts from 0."""
    return _RESTART_S[min(attempt, len(_RESTART_S) - 1)]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _did_not_start(name: str, log: str) -> HandrailError:
    return HandrailError(
        "service.not-started",
        f"the service {name} ended before it was ready",
        f"read logs/{log}.log in the folder of state; its last lines say why",
    )
