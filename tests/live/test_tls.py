"""Connections to servers of our own authority are encrypted, and to no others; routes as well."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from nats.js.api import StreamConfig, StreamInfo

from contracts.errors import HandrailError
from services.cli.server_files import Node, write_config
from services.runtime.connection import connect
from services.runtime.nats_config import render
from services.runtime.nats_plan import Gateway, ServerPlan, ServiceUser
from services.runtime.nkeys import NKey
from services.runtime.reloading import Server, reload
from services.runtime.server import EmbeddedServer, StateLock
from services.runtime.subscribing import make_broker
from services.runtime.tls import Authority, found_authority, issue, write
from tests.live.encrypted import HOST, Servers, connected, nodes, started

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

NOW = datetime.now(UTC)
Make = Callable[..., Servers]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give what starts servers: how many, certified by whom, for which hosts and since when."""
    with contextlib.ExitStack() as stack:

        def start(
            count: int = 1,
            authority: Authority | None = None,
            hosts: tuple[str, ...] = (HOST,),
            since: datetime = NOW,
        ) -> Servers:
            keys = {"exchange": NKey.generate()}
            made = Servers(tmp_path / "servers", nodes(count), keys)
            certify(made, authority or found_authority("demo", NOW), hosts, since)
            return stack.enter_context(started(made))

        yield start


def certify(made: Servers, authority: Authority, hosts: tuple[str, ...], since: datetime) -> None:
    """Write certificates and configurations of all servers."""
    for node in made.nodes:
        folder, issued = made.folder / node.name, issue(authority, node.name, hosts, since)
        write(folder / "server.pem", issued.certificate)
        write(folder / "server.key", issued.key)
        write(folder / "ca.pem", authority.pem)
        write_config(made.plan(node), folder)


async def refusal(made: Servers, ca: Path | None, timeout_s: float = 15) -> str:
    """Return the code by which connecting is refused, once the server is up."""
    await listening(made.nodes[0].port)
    with pytest.raises(HandrailError) as refused:
        await connect(made.url, made.keys["exchange"], name="test", ca=ca, timeout_s=timeout_s)
    return refused.value.code


async def listening(port: int) -> None:
    """Wait until somebody takes connections on a port."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def test_a_client_and_a_service_speak_tls_1_3(make: Make) -> None:
    """Both ways by which we connect end up in TLS 1.3 with a server of our authority."""
    made = make()
    broker = make_broker(made.url, made.keys["exchange"], name="broker", ca=made.ca)

    async with connected(made) as client:
        through = await broker.connect()
        versions = [
            one._transport._io_writer.get_extra_info("ssl_object").version()  # type: ignore[union-attr]
            for one in (client, through)
        ]
        await broker.stop()

    assert versions == ["TLSv1.3", "TLSv1.3"]


async def test_a_client_comes_back_over_tls_after_a_crash(make: Make) -> None:
    """A killed server that is started again has its client back, encrypted as before."""
    made = make()
    async with connected(made) as client:
        await client.jetstream().add_stream(name="LEDGER", subjects=["journey.>"])
        made.processes["handrail"].kill()
        made.processes["handrail"].wait()
        made.start(made.nodes[0])
        await until_made(lambda: client.jetstream(timeout=1).publish("journey.one", b"one"))

        assert client.stats["reconnects"] == 1
        assert client._transport._io_writer.get_extra_info("ssl_object") is not None  # type: ignore[union-attr]


async def test_a_server_of_another_authority_is_refused(make: Make, tmp_path: Path) -> None:
    """A server whose certificate others have signed is not spoken to, and the error says so."""
    made = make()
    other = tmp_path / "other.pem"
    other.write_bytes(found_authority("demo", NOW).pem)

    assert await refusal(made, other) == "nats.untrusted"


async def test_an_expired_certificate_is_refused(make: Make) -> None:
    """A server whose certificate has run out is not spoken to."""
    old = NOW - timedelta(days=800)
    made = make(authority=found_authority("demo", old), since=old)

    assert await refusal(made, made.ca) == "nats.untrusted"


async def test_a_certificate_for_another_host_is_refused(make: Make) -> None:
    """A server that has another server's certificate is not spoken to."""
    made = make(hosts=("nats.example.org", "10.0.0.1"))

    assert await refusal(made, made.ca) == "nats.untrusted"


async def test_a_service_refuses_such_a_server_too(make: Make, tmp_path: Path) -> None:
    """The broker of a service is as strict as a command."""
    made = make()
    other = tmp_path / "other.pem"
    other.write_bytes(found_authority("demo", NOW).pem)
    await listening(made.nodes[0].port)
    broker = make_broker(made.url, made.keys["exchange"], name="broker", ca=other)

    with pytest.raises(HandrailError, match=r"nats\.untrusted"):
        await broker.connect()


async def test_a_server_with_tls_says_nothing_in_the_clear(make: Make) -> None:
    """Whoever does not begin with a handshake learns nothing, not even the server's greeting."""
    made = make()

    assert await refusal(made, None, timeout_s=1.5) == "nats.unreachable"

    reader, writer = await asyncio.open_connection(HOST, made.nodes[0].port)
    writer.write(b"PING\r\n")
    said = await reader.read(64)
    writer.close()
    assert not said.startswith(b"INFO")


async def test_an_older_tls_is_refused(make: Make) -> None:
    """A client that can do no better than TLS 1.2 gets no connection."""
    made = make()
    await listening(made.nodes[0].port)
    context = ssl.create_default_context(cafile=str(made.ca))
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(HOST, made.nodes[0].port, ssl=context)


async def test_a_server_in_the_clear_is_refused_where_tls_is_wanted(tmp_path: Path) -> None:
    """A server that does not answer the handshake is none of ours, whatever key it would take."""
    key = NKey.generate()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(found_authority("demo", NOW).pem)
    plan = ServerPlan(HOST, 0, tmp_path, (ServiceUser("demo.exchange", key.public),))
    with StateLock(tmp_path / "state") as lock:
        async with EmbeddedServer(lock, plan) as server:
            with pytest.raises(HandrailError, match=r"nats\.unreachable"):
                await connect(server.url, key, name="test", ca=ca, timeout_s=1.5)


async def test_a_cluster_forms_over_tls_and_survives_a_server(make: Make) -> None:
    """Three servers keep a stream together; with one of them killed it takes and gives records."""
    made = make(3)
    async with connected(made) as client:
        stream = client.jetstream(timeout=5)
        await until_made(lambda: stream.add_stream(config()))
        first = await stream.publish("journey.one", b"one")
        leader = leader_of(await stream.stream_info("LEDGER"))
        made.processes[leader].kill()
        await until_made(lambda: stream.publish("journey.two", b"two"))
        found = await stream.get_last_msg("LEDGER", "journey.one")
        info = await stream.stream_info("LEDGER")

    assert first.seq == 1
    assert found.data == b"one"
    assert info.config.num_replicas == len(made.nodes)
    assert leader_of(info) != leader


def leader_of(info: StreamInfo) -> str:
    """Return the name of the server that leads a stream."""
    assert info.cluster is not None
    return str(info.cluster.leader)


async def test_a_gateway_joins_on_every_server_of_a_cluster(make: Make) -> None:
    """Each server is reloaded for itself; the gateway is answered on all, nobody disconnected."""
    made = make(3)
    gateway = Gateway(
        "alpha", NKey.generate().public, NKey.generate().public, ("demo.alpha-school",)
    )
    async with connected(made) as client:
        await until_made(lambda: client.jetstream(timeout=5).add_stream(config()))

        for node in made.nodes:
            running = Server(
                node.url,
                partial(write_config, folder=made.folder / node.name),
                partial(made.processes[node.name].send_signal, signal.SIGHUP),
                made.ca,
            )
            await reload(running, replace(made.plan(node), gateways=(gateway,)), (gateway,))

        assert client.stats["reconnects"] == 0


def config() -> StreamConfig:
    """Return the ledger's configuration on three servers."""
    return StreamConfig(name="LEDGER", subjects=["journey.>"], num_replicas=3, allow_direct=True)


async def until_made(make: Callable[[], object]) -> None:
    """Try again until the cluster answers."""
    async with asyncio.timeout(40):
        while True:
            try:
                await make()  # type: ignore[misc]
            except Exception:  # noqa: BLE001 - an election is going on
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_route_without_our_certificate_is_refused(make: Make, tmp_path: Path) -> None:
    """The port of routes takes nobody without a certificate of the authority."""
    made = make(3)
    async with connected(made):
        node = made.nodes[0]
        own = ssl.create_default_context(cafile=str(made.ca))
        folder = made.folder / node.name
        own.load_cert_chain(folder / "server.pem", folder / "server.key")
        none = ssl.create_default_context(cafile=str(made.ca))
        foreign = ssl.create_default_context(cafile=str(made.ca))
        other = issue(found_authority("demo", NOW), "handrail-9", (HOST,), NOW)
        (tmp_path / "other.pem").write_bytes(other.certificate + other.key)
        foreign.load_cert_chain(tmp_path / "other.pem")
        found = [
            await asyncio.to_thread(route_answers, node, each) for each in (own, none, foreign)
        ]

    assert found == [True, False, False]


def route_answers(node: Node, context: ssl.SSLContext) -> bool:
    """Tell whether a server speaks on its route port once hands are shaken."""
    try:
        with (
            socket.create_connection((HOST, node.route_port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as encrypted,
        ):
            return encrypted.recv(4096).startswith(b"INFO ")
    except OSError:  # an alert, or the end of the connection
        return False


async def test_the_configuration_of_a_server_is_json(tmp_path: Path) -> None:
    """What nats-server reads can be read by people's tools as well."""
    made = Servers(tmp_path, nodes(3), {"exchange": NKey.generate()})

    read = json.loads(render(made.plan(made.nodes[1])))

    assert read["server_name"] == "handrail-2"
    assert len(read["cluster"]["routes"]) == 3
