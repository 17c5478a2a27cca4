"""The log of a running partnership, from the command line: witnessed, checked, told when bent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from services.agency.witness_memory import Memory, State, memories
from services.cli.main import app
from tests.live.commands import FRONT, TEACHER, System, received, referral, running, until

pytestmark = pytest.mark.live
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own, in which something was decided."""
    with running(tmp_path_factory.mktemp("log")) as started:
        sent = started.send(referral(), TEACHER).json
        received(started, FRONT, sent["message"])
        yield started


def _status(system: System) -> dict[str, Any]:
    return system.run("log", "status")


def witnessed(system: System) -> dict[str, Any]:
    """Wait until every gateway has signed the newest head, and return the status then."""
    directory = system.run("partnership", "agency", "list")
    gateways = {agency["gateway"] for agency in directory["agencies"]}

    def all_have(told: dict[str, Any]) -> bool:
        seen = {w["witness"] for w in told["witnesses"] if w["size"] == told["head"]["size"]}
        return told["state"] == "following" and seen == gateways

    return until(lambda: _status(system), all_have, WITHIN_S)


def compared(system: System) -> None:
    """Wait until the service that got the referral has proved that it stands in the log."""

    def proved(_: object) -> bool:
        kept = [Memory(path).read() for path in memories(system.folder)]
        return any(one.checked.get(FRONT, 0) for one in kept)

    until(lambda: None, proved, WITHIN_S)


def test_every_gateway_witnesses_what_was_decided(system: System) -> None:
    """Without anybody's doing each gateway of the demonstration signs the newest head."""
    told = witnessed(system)
    assert told["groups"] == told["head"]["size"] >= 1
    assert {one["state"] for one in told["here"]} == {"witnessing"}


def test_the_whole_log_is_checked(system: System) -> None:
    """Every receipt and delivery of a running partnership stands in a log that holds together."""
    until(lambda: _status(system)["head"], bool, WITHIN_S)
    told = system.run("log", "check")
    assert told["holds"]
    assert told["wrong"] == []
    assert told["groups"] >= 1
    assert told["compared"] >= 2
    assert told["before"] == 0


def test_deliveries_are_compared_without_an_alarm(system: System) -> None:
    """The service that got the referral has proved that it stands in the log."""
    compared(system)
    assert all(not Memory(path).read().missing for path in memories(system.folder))


def test_a_witness_that_stopped_is_told(system: System) -> None:
    """A witness that was shown two logs makes the status fail and say which one it is."""
    # With nothing left to sign or to compare the service writes no memory of its own over it.
    witnessed(system)
    compared(system)
    path = memories(system.folder)[0]
    before = path.read_bytes()
    Memory(path).write(Memory(path).read().but(state=State.FORKED, reason="log.other-root"))
    try:
        said = system.say("log", "status", code=1)
        stopped = [one["witness"] for one in said.json["here"] if one["state"] == "forked"]
        assert stopped == [path.stem.removeprefix("witness-")]
        assert "signs nothing more" in said.err
        shown = CliRunner().invoke(app, ["log", "status", "--dir", str(system.folder)])
        assert shown.exit_code == 1
        assert "The log is following." in shown.output
    finally:
        path.write_bytes(before)


def test_a_witness_is_resolved_while_its_service_runs(system: System) -> None:
    """The service begins again without a restart, and what it knew before does not come back."""
    path = until(lambda: memories(system.folder), bool, WITHIN_S)[0]
    before = until(lambda: Memory(path).read(), lambda kept: kept.cosigned, WITHIN_S)
    Memory(path).write(before.but(state=State.FORKED, reason="log.other-root"))
    gateway = path.stem.removeprefix("witness-").rpartition("-")[0]

    system.run("log", "resolve", gateway, "--because", "the store was restored")

    again = until(lambda: Memory(path).read(), lambda kept: kept.cosigned, WITHIN_S)
    assert again.state is State.WITNESSING
    lines = (system.folder / "logs" / "up.log").read_text().splitlines()
    assert "log.resolved" in {json.loads(line)["event"] for line in lines}
    assert {one["state"] for one in _status(system)["here"]} == {"witnessing"}


def test_the_check_is_shown_to_people(system: System) -> None:
    """The answer for people says how much was read and that it holds."""
    shown = CliRunner().invoke(app, ["log", "check", "--dir", str(system.folder)])
    assert shown.exit_code == 0
    assert "Everything holds together." in shown.output
