"""`handrail doctor` on running systems and on real servers that are not as they should be."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from typer.testing import CliRunner

from contracts.identifiers import new_reference
from contracts.subjects import LEDGER, inbox, inbox_consumer, submit_stream, urgent_stream
from services.cli.doctor import folder, server, streams
from services.cli.doctor.finding import State
from services.cli.main import app
from services.cli.messages import current_directory
from services.exchange.health import gather
from services.runtime.connection import connect
from services.runtime.nats_config import Gateway, ServerPlan, render
from services.runtime.nkeys import NKey
from tests import messages as m
from tests.area import FRONT, GP, SCHOOL
from tests.live.commands import FRONT as FIRST_RESPONSE
from tests.live.commands import TEACHER, System, received, referral, running, until
from tests.live.conftest import ServerFactory
from tests.live.exchanging import Exchange, exchange_at, working
from tests.unit.test_doctor import states

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("doctor")) as started:
        yield started


def examined(system: System, code: int) -> dict[str, dict[str, Any]]:
    """Run the doctor, which must end with an exit code; give its checks by name."""
    told = system.run("doctor", code=code)
    assert told["worst"] == ("ok", "warning", "wrong")[code]
    return {one["check"]: one for one in told["checks"]}


def sound(system: System) -> dict[str, dict[str, Any]]:
    """Wait until the doctor finds nothing: a system that has just come up settles first."""

    def ask() -> dict[str, Any]:
        done = CliRunner().invoke(app, ["doctor", "--dir", str(system.folder), "--json"])
        made: dict[str, Any] = json.loads(done.stdout)
        return made

    told = until(ask, lambda told: told["worst"] == "ok", settle_s=60)
    return {one["check"]: one for one in told["checks"]}


def test_a_system_that_has_just_come_up_is_sound(system: System) -> None:
    """Every check that needs a running installation is made, and none finds anything."""
    found = sound(system)
    made = {name for name, one in found.items() if one["state"] == "ok"}
    assert made >= {
        "server.version",
        "server.api-level",
        "durability",
        "permissions.config",
        "permissions.live",
        "limits",
        "clock.server",
        "clock.exchange",
        "lock",
        "ledger",
        "databases",
        "files",
        "expiry",
        "services",
        "streams.settings",
        "consumers",
        "lanes",
        "quarantine",
        "log",
    }


@contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    """Hold processes still, as one that hangs would be."""
    for one in processes:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            os.kill(one, signal.SIGCONT)


def test_a_service_that_hangs_is_named_with_what_is_missing(system: System) -> None:
    """Child protection is not decided while its exchange stands still: exit code 2 says so."""
    children = system.children("exchange-urgent")
    assert children
    with stopped(children):
        found = examined(system, code=2)
    assert found["service.exchange-urgent"]["state"] == "wrong"
    assert "child protection" in found["service.exchange-urgent"]["means"]
    assert found["service.exchange-urgent"]["remedy"]
    sound(system)


def test_an_exchange_that_hangs_hides_no_other_service(system: System) -> None:
    """The agencies' services are asked all the same, and quarantine tells what others hold."""
    agencies = [one.id for one in current_directory(system.partnership).document.agencies]
    with stopped(system.children("exchange")):
        found = examined(system, code=2)
        told = system.run("quarantine", "list", code=4)
    assert found["service.exchange"]["state"] == "wrong"
    assert f"{len(agencies) + 3} of {len(agencies) + 4} answer" in found["services"]["what"]
    assert told["not_asked"] == [{"place": "exchange", "why": "service.no-answer"}]
    sound(system)


def test_a_server_that_hangs_is_named_by_its_process(system: System) -> None:
    """Another one cannot be started on the folder: the one that runs has to be ended."""
    (process,) = system.servers()
    with stopped([process]):
        found = examined(system, code=2)
    assert found["server"]["what"] == f"process {process} runs and does not answer"
    assert found["ledger"]["state"] == found["databases"]["state"] == "ok"
    sound(system)


def test_a_configuration_changed_by_hand_is_wrong(system: System) -> None:
    """A server that would sync later, and a right too many, are seen in the file."""
    file = system.folder / "nats" / "server.conf"
    before = file.read_text()
    config = json.loads(before)
    config["jetstream"]["sync_interval"] = "2m"
    config["accounts"]["HUB"]["users"][-1]["permissions"]["publish"]["allow"].append("journey.>")
    file.write_text(json.dumps(config))
    try:
        found = examined(system, code=2)
    finally:
        file.write_text(before)
    assert found["durability"]["state"] == "wrong"
    assert found["permissions.config"]["state"] == "wrong"


def test_a_key_that_others_may_read_is_wrong(system: System) -> None:
    """The file is named, and nothing of what is in it."""
    key = system.folder / "keys" / "root.key"
    key.chmod(0o644)
    try:
        found = examined(system, code=2)
    finally:
        key.chmod(0o600)
    assert found["files"]["what"] == "others may read keys/root.key"


def test_with_everything_down_the_rest_is_checked(tmp_path: Path) -> None:
    """No server is wrong; folder, files, directory, keys and dates are looked at all the same."""
    state = tmp_path / "state"
    runner = CliRunner()
    made = runner.invoke(app, ["partnership", "create", str(state), "--demonstration", "--json"])
    assert made.exit_code == 0, made.output
    done = runner.invoke(app, ["doctor", "--dir", str(state), "--json"])
    assert done.exit_code == 2
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert found["server"]["state"] == "wrong"
    assert found["server"]["remedy"]
    for check in ("file-system.state", "disk.state", "files", "directory", "expiry"):
        assert found[check]["state"] == "ok", check
    assert "streams.settings" not in found
    words = runner.invoke(app, ["doctor", "--dir", str(state)])
    assert "what to do" in words.output


def test_inboxes_that_were_lost_are_told_before_and_after_a_start(tmp_path: Path) -> None:
    """With everything down they are missing; begun anew by a start, they know less than the ledger.

    An empty inbox beside deliveries that were settled is never taken for one that is well.
    """
    with running(tmp_path) as system:
        message = system.send(referral(), TEACHER).json["message"]
        assert received(system, FIRST_RESPONSE, message)
    lost = sorted((system.folder / "db").glob("agency-*.sqlite"))
    assert lost
    for path in lost:
        path.unlink()
    found = examined(system, code=2)["databases"]
    assert found["state"] == "wrong"
    assert lost[0].name in found["what"]
    (system.papers / "0.json").unlink()
    system.papers.rmdir()
    with running(tmp_path) as system:
        told = examined(system, code=2)
    assert told["databases"]["state"] == "ok"
    assert told["inboxes"]["state"] == "wrong"
    assert FIRST_RESPONSE in told["inboxes"]["what"]
    assert "backup" in told["inboxes"]["remedy"]


async def test_a_server_with_the_usual_sync_interval_is_wrong(
    server_factory: ServerFactory,
) -> None:
    """A configuration that leaves syncing at its default is found where the server keeps it."""

    def as_usual(plan: ServerPlan) -> str:
        config = json.loads(render(plan))
        del config["jetstream"]["sync_interval"]
        return json.dumps(config)

    state = Path("unused")
    plan = ServerPlan("127.0.0.1", 0, state, ())
    started = await server_factory(plan, as_usual)
    kept = getattr(started, "folder", None)
    if kept is None:
        pytest.skip("the configuration of a server in a container is not in a folder of state")
    found = states(server.judge_config(server.read_config(kept.parent), plan))
    assert found["durability"] is State.WRONG
    assert len(folder.gather(kept.parent).servers) == 1


async def test_a_gateway_that_could_write_a_journey_is_found_and_writes_nothing(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """The try reaches the ledger of a server without permissions, and leaves no record there."""
    started = await server_factory()
    async with exchange_at(started.url) as exchange:
        assert await server._reached(exchange.client) == "jetstream"
        assert await exchange.all("journey.>") == []
    key, other = NKey.generate(), NKey.generate()
    gateway = Gateway("health", other.public, key.public, (GP,))
    guarded = await server_factory(ServerPlan("127.0.0.1", 0, tmp_path, (), (gateway,)))
    desk = await connect(guarded.url, key, name="test")
    try:
        assert await server._reached(desk) == ""
    finally:
        await desk.close()


async def looked(exchange: Exchange) -> dict[str, Any]:
    """What the exchange tells the operator of its server."""
    told = await gather(exchange.client, exchange.js, exchange.area.directory, 1)
    return orjson.loads(told)  # type: ignore[no-any-return]


async def followed(js: JetStreamContext) -> None:
    """Make the consumers by which story and tracker follow."""
    for name in ("story", "tracker"):
        config = ConsumerConfig(durable_name=name, ack_policy=AckPolicy.EXPLICIT)
        await js.add_consumer(LEDGER, config)


async def test_streams_and_readers_as_the_exchange_makes_them_are_ok(nats_url: str) -> None:
    """A fresh ledger with all lanes and consumers has nothing wrong."""
    async with exchange_at(nats_url) as exchange:
        await followed(exchange.js)
        told = await looked(exchange)
    found = {**states(streams.judge_streams(told)), **states(streams.judge_readers(told, told))}
    assert set(found.values()) == {State.OK}


async def test_a_stream_altered_or_taken_away_is_found(nats_url: str) -> None:
    """A lane without its limit and a lane that is gone are each named."""
    async with exchange_at(nats_url) as exchange:
        js, lane = exchange.js, submit_stream(SCHOOL)
        config = (await js.stream_info(lane)).config
        await js.update_stream(config.evolve(max_bytes=-1))
        await js.delete_stream(urgent_stream(SCHOOL))
        told = await looked(exchange)
    found = {one.check: one for one in streams.judge_streams(told)}
    assert found["streams.settings"].what == f"{lane}: max_bytes"
    assert found["streams.missing"].what == urgent_stream(SCHOOL)


async def test_a_reader_taken_away_is_found(nats_url: str) -> None:
    """An inbox whose consumer was removed is read by nobody."""
    async with exchange_at(nats_url) as exchange:
        await followed(exchange.js)
        await exchange.js.delete_consumer(LEDGER, inbox_consumer(FRONT))
        told = await looked(exchange)
    found = {one.check: one for one in streams.judge_readers(told, told)}
    assert found["consumers.missing"].what == inbox_consumer(FRONT)
    assert found["consumers.missing"].state is State.WRONG


async def test_a_reader_that_stands_still_is_found(nats_url: str) -> None:
    """Nobody pulls, or what was pulled is never settled: both are told, each in its way."""
    async with exchange_at(nats_url) as exchange:
        await followed(exchange.js)
        for agency in (FRONT, GP):
            await exchange.js.publish(inbox(agency, new_reference()), b"{}")
        await _take_and_fail(exchange.js, GP, 5)
        told = await looked(exchange)
        found = {one.what.split(":")[0]: one for one in streams.judge_readers(told, told)}
    assert found[inbox_consumer(FRONT)].state is State.WRONG
    assert found[inbox_consumer(GP)].state is State.WARNING


async def _take_and_fail(js: JetStreamContext, agency: str, times: int) -> None:
    pulled = await js.pull_subscribe_bind(inbox_consumer(agency), LEDGER)
    for _ in range(times):
        (message,) = await pulled.fetch(1, timeout=5)
        await message.nak()
    await pulled.fetch(1, timeout=5)


async def test_a_lane_that_nobody_decides_is_found_until_somebody_does(nats_url: str) -> None:
    """Work behind a cursor that does not move is told, and gone once a worker runs."""
    async with exchange_at(nats_url) as exchange:
        sealed = m.referral(exchange.area, new_reference())
        await exchange.send(sealed)
        told = await looked(exchange)
        (found,) = streams.judge_lanes(told, told)
        assert found.state is State.WRONG
        assert found.what.startswith(submit_stream(SCHOOL))
        async with working(exchange.worker()):
            await exchange.final(sealed)
        told = await looked(exchange)
        (found,) = streams.judge_lanes(told, told)
        assert found.state is State.OK


async def test_the_clock_of_the_server_is_told(nats_url: str) -> None:
    """The server's own instant comes with the facts and is close to ours on one machine."""
    async with exchange_at(nats_url) as exchange:
        await exchange.js.publish(inbox(GP, new_reference()), b"{}")
        told = await looked(exchange)
    ledger = next(one for one in told["streams"] if one["name"] == LEDGER)
    assert server.instant(ledger["ts"]) is not None
    assert server.instant(ledger["state"]["last_ts"]) is not None
