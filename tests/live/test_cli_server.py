"""`handrail partnership server`: what it writes runs, is reloaded, and carries our services."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from contracts.errors import HandrailError
from services.cli.founding import create
from services.cli.server_files import nodes_of
from services.exchange import app as exchange
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.runtime.tls import expires_at
from tests.live.commands import own_logs, say
from tests.live.encrypted import Servers, nodes, started

pytestmark = pytest.mark.live

WITHIN_S = 30
NOW = datetime.now(UTC)


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    """Give a demonstration partnership."""
    return create(tmp_path / "state", now=NOW, demonstration=True)


def written(partnership: Partnership, out: Path, port: int, *more: object) -> dict[str, Any]:
    """Write the files of one server on this machine."""
    with own_logs():
        return say("partnership", "server", "--out", out, "--port", port, *more,
                   "--dir", partnership.folder).json  # fmt: skip


@contextmanager
def one_server(partnership: Partnership, out: Path) -> Iterator[Servers]:
    """Run a server as the command has written it."""
    made = Servers(out, nodes(1), {"exchange": partnership.nkey("exchange")})
    written(partnership, out, made.nodes[0].port)
    with started(made):
        yield made


def elsewhere(partnership: Partnership, url: str) -> Partnership:
    """Return the partnership as a service sees it that is told where the server is."""
    return Partnership.load(Settings.load(state_dir=partnership.folder, nats_url=url))


@asynccontextmanager
async def exchanging(partnership: Partnership) -> AsyncIterator[None]:
    """Run the exchange."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(exchange.run(partnership, stop, ready=ready.set))
    try:
        async with asyncio.timeout(WITHIN_S):
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        yield
    finally:
        stop.set()
        await task


def test_services_and_desks_run_over_tls_with_what_was_written(
    partnership: Partnership, tmp_path: Path
) -> None:
    """With the address and the folder of state alone, an exchange starts and a desk submits."""

    async def run() -> str:
        with one_server(partnership, tmp_path / "out") as made:
            await (await made.client()).close()
            told = elsewhere(partnership, made.url)
            async with exchanging(told):
                agency = "demo.hilltop-school"
                gateway = "schools"
                key = told.nkey(f"{gateway}-desk")
                desk = await connect(told.nats_url(), key, name="desk", ca=told.nats_ca)
                stored = await desk.jetstream().publish(subjects.submit(agency, "C" * 20), b"x")
                await desk.close()
                return stored.stream

    assert asyncio.run(run()) == "SUBMIT_demo_hilltop-school"


def test_a_running_server_takes_who_has_joined(partnership: Partnership, tmp_path: Path) -> None:
    """With the process-id file the command has the server read it again, disturbing nobody."""
    with one_server(partnership, tmp_path / "out") as made:

        async def before() -> None:
            await (await made.client()).close()

        asyncio.run(before())
        with own_logs():
            say("partnership", "agency", "add", "weir-academy", "--name", "Weir Academy",
                "--role", "universal", "--gateway", "academies",
                "--dir", partnership.folder)  # fmt: skip
        folder = tmp_path / "out" / "handrail"
        told = written(
            partnership, tmp_path / "out", made.nodes[0].port, "--reload", folder / "server.pid"
        )

        async def asked() -> bool:
            key = partnership.nkey("academies-service")
            client = await connect(made.url, key, name="test", ca=made.ca)
            await client.close()
            return True

        assert told["reloaded"]
        assert asyncio.run(asked())


def test_without_a_process_to_tell_nothing_is_told(
    partnership: Partnership, tmp_path: Path
) -> None:
    """A process-id file that names nobody, or another program, ends with a reason, not a signal."""
    missing, other = tmp_path / "no.pid", tmp_path / "other.pid"
    other.write_text(str(os.getpid()))
    for file in (missing, other):
        with own_logs():
            told = say("partnership", "server", "--out", tmp_path / "out", "--reload", file,
                       "--dir", partnership.folder, code=1).json  # fmt: skip
        assert told["error"]["code"] == "server.no-process"


def test_keys_are_their_owners_alone_and_certificates_stay(
    partnership: Partnership, tmp_path: Path
) -> None:
    """Nobody else may read what is written; writing again keeps certificates that hold."""
    out, folder = tmp_path / "out", tmp_path / "out" / "handrail"
    written(partnership, out, 4222)
    first = (folder / "server.pem").read_bytes()
    written(partnership, out, 4222)

    secret = [folder / "server.key", folder / "server.conf", partnership.folder / "keys/tls/ca.key"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)
    assert (folder / "server.pem").read_bytes() == first
    assert (folder / "ca.pem").read_bytes() == (partnership.folder / "tls/ca.pem").read_bytes()
    assert expires_at(first) - NOW > timedelta(days=365)
    written(partnership, out, 4222, "--host", "127.0.0.1,nats.example.org")
    assert (folder / "server.pem").read_bytes() != first


def test_the_authority_is_not_the_one_key_in_the_clear(
    partnership: Partnership, tmp_path: Path
) -> None:
    """Where keys are encrypted, no authority is founded without the passphrase."""
    partnership.keys.protect("root", "open sesame")
    with own_logs():
        told = say("partnership", "server", "--out", tmp_path / "out",
                   "--dir", partnership.folder, code=1).json  # fmt: skip

    assert told["error"]["code"] == "key.no-passphrase"
    assert not (partnership.folder / "keys" / "tls").exists()


def test_a_cluster_is_written_with_a_folder_for_each_server(
    partnership: Partnership, tmp_path: Path
) -> None:
    """Three hosts give three configurations, and one address that names all of them."""
    hosts = [word for name in ("one", "two", "three") for word in ("--host", f"{name}.example.org")]
    with own_logs():
        told = say("partnership", "server", "--out", tmp_path / "out", "--nodes", 3, *hosts,
                   "--at", "/etc/handrail", "--store", "/data",
                   "--dir", partnership.folder).json  # fmt: skip

    assert [one["server"] for one in told["servers"]] == [f"handrail-{n}" for n in (1, 2, 3)]
    assert told["url"] == ",".join(
        f"tls://{name}.example.org:4222" for name in ("one", "two", "three")
    )
    text = (tmp_path / "out" / "handrail-2" / "server.conf").read_text()
    assert '"/etc/handrail/server.key"' in text
    assert '"nats-route://three.example.org:6222"' in text


@pytest.mark.parametrize(
    ("hosts", "count"), [(["a"], 3), (["a", "b"], 2), (["a", "b", ","], 3), ([], 1)]
)
def test_a_cluster_without_a_host_for_each_server_is_refused(hosts: list[str], count: int) -> None:
    """Two servers are no cluster, and every server has a host."""
    with pytest.raises(HandrailError, match=r"server\.bad-nodes"):
        nodes_of(hosts, count)
