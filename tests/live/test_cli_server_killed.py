"""The nats-server killed under a running `handrail up`: it comes back, and everything with it."""

import os
import signal
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.live.commands import (
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    readable,
    received,
    referral,
    running,
    tracked,
    until,
)

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("killed")) as started:
        yield started


def kill_server(system: System) -> int:
    """Kill the server as a crash would, and return the process id of the one that follows."""
    (before,) = system.servers()
    os.kill(before, signal.SIGKILL)
    (after,) = until(system.servers, lambda found: found not in ([before], []))
    return after


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_killed_server_comes_back_on_its_port_and_every_service_with_it(
    system: System, time: str
) -> None:
    """What was accepted before is there, and sending, inbox, story and tracker work again."""
    before = system.send(referral(), TEACHER).json
    received(system, FRONT, before["message"])
    url = system.partnership.nats_url()
    kill_server(system)

    sent = system.send(referral(), TEACHER).json
    assert sent["outcome"] == "accepted", time
    assert system.partnership.nats_url() == url
    for message in (before["message"], sent["message"]):
        received(system, FRONT, message)
        opened = readable(system, message, DUTY)
        assert [one["statement"]["value"] for one in opened["statements"]] == ["as told"]
        assert opened["withheld"] == 0
    for one in (before, sent):
        tracked(system, one["child"], 1)
    log = (system.folder / "logs" / "up.log").read_text()
    assert '"event": "server.restarted"' in log


def test_child_protection_and_every_gateway_work_after_the_kill(system: System) -> None:
    """The urgent exchange and the services of the other agencies are there again as well."""
    kill_server(system)
    concern = {
        "basis": {"kind": "child_protection", "call": "01632 960102"},
        "data": {"concern": "child_protection", "source": "2A"},
    }
    sent = system.send(referral(**concern), TEACHER).json
    assert sent["outcome"] == "accepted"
    assert received(system, FRONT, sent["message"])[0]["protection"]
    for agency in (SCHOOL, "demo.caf-team", "demo.social-care"):
        until(partial(inbox, system, agency), bool)


def inbox(system: System, agency: str) -> bool:
    """Tell whether the agency's service answers what its inbox holds."""
    command = ["inbox", agency, "--dir", str(system.folder), "--json"]
    return CliRunner().invoke(app, command).exit_code == 0


def test_logs_are_readable_by_their_owner_alone(system: System) -> None:
    """Every file in the folder of logs has mode 600."""
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in logs(system)}
    assert set(modes) == {"up.log", "exchange.log", "exchange-urgent.log"}
    assert set(modes.values()) == {0o600}


def logs(system: System) -> list[Path]:
    """Return the files in the folder of logs."""
    return list((system.folder / "logs").iterdir())
