"""One server per folder of state, whatever is killed, and connections that outlive it."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from faststream.nats import NatsMessage

from contracts.errors import HandrailError
from services.runtime import lifeline
from services.runtime.broker import NkeyBroker
from services.runtime.connection import connect
from services.runtime.nats_config import ServerPlan, ServiceRole, agrees
from services.runtime.nkeys import NKey
from services.runtime.server import EmbeddedServer, StateLock, recorded_port
from tests.live.brokers import has_read, started
from tests.live.conftest import Hub, ServerFactory
from tests.live.holding_server import plan_for

pytestmark = pytest.mark.live

DEADLINE_S = 20


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition` holds; fail after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    """Tell whether a process exists that is not merely waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def count(url: str, key: NKey) -> int:
    """Return how many messages the ledger of the server at `url` holds."""
    client = await connect(url, key, name="count")
    try:
        return (await client.jetstream().stream_info("LEDGER")).state.messages
    finally:
        await client.close()


async def test_acknowledged_messages_outlive_a_killed_server(tmp_path: Path) -> None:
    """What JetStream acknowledged is there after a crash, on the same port as before."""
    key = NKey.generate()
    with StateLock(tmp_path) as lock:
        async with EmbeddedServer(lock, plan_for(key)) as server:
            port = server.port
            client = await connect(server.url, key, name="writer")
            stream = client.jetstream()
            await stream.add_stream(name="LEDGER", subjects=["journey.>"])
            for _ in range(50):
                await stream.publish("journey.x", b"entry")
            await client.close()
            await server.kill()

            await server.start()

            assert await count(server.url, key) == 50
            assert server.port == recorded_port(tmp_path) == port


async def test_a_folder_named_from_where_one_stands_is_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration is that of the plan however the folder of state was written."""
    monkeypatch.chdir(tmp_path)
    plan = replace(plan_for(NKey.generate()), store_dir=tmp_path / "state" / "nats" / "store")
    with StateLock(Path("state")) as lock:
        async with EmbeddedServer(lock, plan):
            assert agrees((tmp_path / "state" / "nats" / "server.conf").read_text(), plan)


async def test_files_of_the_server_are_its_owners_alone(tmp_path: Path) -> None:
    """Configuration, log and port file, and the folder, can be read by nobody else."""
    with StateLock(tmp_path / "state") as lock:
        async with EmbeddedServer(lock, plan_for(NKey.generate())) as server:
            names = ("server.conf", "server.log", "port", ".")
            modes = {name: stat.S_IMODE((server.folder / name).stat().st_mode) for name in names}

    assert modes["server.conf"] == 0o600
    assert not any(mode & 0o077 for mode in modes.values())


async def test_a_taken_port_is_replaced_by_a_free_one(tmp_path: Path) -> None:
    """A port that somebody else listens on does not keep the server from starting."""
    key = NKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as other, StateLock(tmp_path) as lock:
        taken = other.getsockname()[1]
        plan = ServerPlan("127.0.0.1", taken, tmp_path, plan_for(key).services)
        async with EmbeddedServer(lock, plan) as server:
            assert recorded_port(tmp_path) == server.port != taken
            await (await connect(server.url, key, name="client")).close()


async def test_a_port_lost_at_the_last_moment_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that is taken between the choice and the server's start leads to another choice."""
    with socket.create_server(("127.0.0.1", 0)) as other, StateLock(tmp_path) as lock:
        taken = other.getsockname()[1]
        server = EmbeddedServer(lock, plan_for(NKey.generate()))
        choose = server._choose_port
        choices = iter([taken])
        monkeypatch.setattr(server, "_choose_port", lambda: next(choices, 0) or choose())
        async with server:
            assert server.port != taken


async def test_no_server_without_the_lock(tmp_path: Path) -> None:
    """A folder whose lock is not held gets no server."""
    with pytest.raises(HandrailError) as refusal:
        await EmbeddedServer(StateLock(tmp_path), plan_for(NKey.generate())).start()

    assert refusal.value.code == "state.not-locked"


async def test_the_folder_stays_locked_while_its_server_lives(tmp_path: Path) -> None:
    """When the one who took the lock is gone and the server is not, nobody gets the lock."""
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    server = EmbeddedServer(first, plan_for(NKey.generate()))
    await server.start()
    try:
        first.release()
        with pytest.raises(HandrailError) as refusal:
            second.acquire(timeout_s=0.2)
    finally:
        await server.stop()
    second.acquire()
    second.release()

    assert refusal.value.code == "state.locked"
    assert refusal.value.remedy


async def test_after_a_kill_of_the_parent_another_carries_on_at_once(tmp_path: Path) -> None:
    """Kill -9 of the parent under load ends its server too; the next one has lost nothing."""
    key = NKey.generate()
    for _ in range(3):
        command = [sys.executable, "-m", "tests.live.holding_server", str(tmp_path), key.seed]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
            assert parent.stdout is not None
            server_pid = int(parent.stdout.readline())
            told = [parent.stdout.readline() for _ in range(20)]
            parent.kill()
            told += parent.stdout.read().splitlines(keepends=True)
        acknowledged = max(int(line) for line in told if line.endswith(b"\n"))

        lock = StateLock(tmp_path)
        lock.acquire()
        try:
            assert not lives(server_pid)
            async with EmbeddedServer(lock, plan_for(key)) as server:
                assert await count(server.url, key) >= acknowledged
        finally:
            lock.release()


async def test_a_child_dies_with_its_parent() -> None:
    """A Python child that ties itself to its parent is gone once the parent was killed."""
    child = "import os, time; from services.runtime.lifeline import die_with_parent as d; "
    child += "d(os.getppid()); print(os.getpid(), flush=True); time.sleep(600)"
    parent = "import subprocess, sys, time; "
    parent += f"subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        await until(lambda: not lives(pid))


async def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    """Losing the parent before being tied to it ends the child as well."""
    command = [sys.executable, lifeline.__file__, "1", "/bin/echo", "started"]
    if os.getpid() == 1:
        pytest.skip("this process is the parent that the test means to be another")

    child = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)

    assert (child.returncode, child.stdout) == (-signal.SIGKILL, b"")


async def test_no_server_from_another_thread(tmp_path: Path) -> None:
    """A server that would die with a thread is refused."""
    refusals: list[str] = []

    def start(lock: StateLock) -> None:
        try:
            asyncio.run(EmbeddedServer(lock, plan_for(NKey.generate())).start())
        except HandrailError as error:
            refusals.append(error.code)

    with StateLock(tmp_path) as lock:
        thread = threading.Thread(target=start, args=(lock,))
        thread.start()
        await asyncio.to_thread(thread.join)

    assert refusals == ["server.wrong-thread"]


async def test_a_server_that_cannot_start_is_told_and_not_left_behind(tmp_path: Path) -> None:
    """A configuration that nats-server refuses leads to an error with a remedy, and no process."""
    with StateLock(tmp_path) as lock:
        server = EmbeddedServer(
            lock, plan_for(NKey.generate()), configuration=lambda _plan: "no { such option"
        )
        with pytest.raises(HandrailError) as refusal:
            await server.start()

    assert refusal.value.code == "server.failed"
    assert server.pid is None
    assert "Parse error" in (tmp_path / "nats" / "server.log").read_text()


async def test_a_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nats-server on this machine the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with StateLock(tmp_path) as lock, pytest.raises(HandrailError) as refusal:
        await EmbeddedServer(lock, plan_for(NKey.generate())).start()

    assert refusal.value.code == "server.missing"


async def test_connections_come_back_after_a_crash_of_the_server(hub: Hub) -> None:
    """A plain connection and a FastStream broker authenticate again by themselves."""
    events: list[str] = []
    asker = await connect(hub.url, hub.keys[ServiceRole.TRACKER], name="asker", log=events.append)
    broker = NkeyBroker(hub.url, nkey=hub.keys[ServiceRole.EXCHANGE], name="exchange", logger=None)

    @broker.subscriber("directory.>")
    async def answer(message: NatsMessage) -> bytes:
        return b"directory for " + message.body

    async with started(broker):
        client = await broker.connect()
        assert (await asker.request("directory", b"one")).data == b"directory for one"
        await hub.server.kill()
        await until(lambda: "nats.connecting-failed" in events)

        await hub.server.start()

        await until(lambda: asker.is_connected and client.is_connected)
        await has_read(client)
        assert (await asker.request("directory", b"two")).data == b"directory for two"
    await asker.close()
    assert "nats.reconnected" in events
    assert {"nats.disconnected", "nats.closed"} <= set(events)


async def test_a_closed_connection_tells_whoever_wants_to_know(hub: Hub) -> None:
    """`on_closed` is awaited once when a connection is closed for good."""
    closed: list[str] = []

    async def note() -> None:
        closed.append("closed")

    client = await connect(hub.url, hub.keys[ServiceRole.STORY], name="story", on_closed=note)
    await client.close()

    assert closed == ["closed"]


async def test_an_unreachable_server_is_told_in_time(unused_tcp_port: int) -> None:
    """Where nobody listens the error says so, after the time that was allowed."""
    with pytest.raises(HandrailError) as refusal:
        await connect(
            f"nats://127.0.0.1:{unused_tcp_port}", NKey.generate(), name="client", timeout_s=0.3
        )

    assert refusal.value.code == "nats.unreachable"


async def test_a_message_above_the_limit_is_refused(hub: Hub) -> None:
    """The server tells its limit, and the client refuses 2 MB before it sends them."""
    client = await hub.connect("exchange")

    assert client.max_payload == 1024**2


async def test_a_server_without_accounts_is_there_for_simple_tests(
    server_factory: ServerFactory,
) -> None:
    """The factory's default takes any key and lets anyone use JetStream."""
    server = await server_factory()
    client = await connect(server.url, NKey.generate(), name="anyone")
    stream = await client.jetstream().add_stream(name="ANY", subjects=["any.>"])
    await client.close()

    assert stream.config.name == "ANY"
