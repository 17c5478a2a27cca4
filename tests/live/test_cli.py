"""Sending from the command line to a running system: exit codes, sealed files, and people."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.event import MAX_BYTES
from contracts.identifiers import new_reference
from contracts.subjects import submit_stream
from services.agency import sending
from services.cli.main import app
from services.runtime.connection import connect
from tests.live.commands import (
    ACCEPTED,
    FRONT,
    MANAGER,
    OVERRIDE,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    running,
    say,
    tracked,
    until,
)

pytestmark = pytest.mark.live

LANE = submit_stream(SCHOOL)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("cli")) as started:
        yield started


def lane_end(system: System) -> int:
    """Return the sequence of the last submission of the school's normal lane."""

    async def ask() -> int:
        client = await connect(
            system.partnership.nats_url(), system.partnership.nkey("exchange"), name="test"
        )
        try:
            return (await client.jetstream().stream_info(LANE)).state.last_seq
        finally:
            await client.close()

    return asyncio.run(ask())


def test_an_accepted_message_ends_with_exit_code_0_and_says_to_whom_it_went(
    system: System,
) -> None:
    """The answer names the recipients and the basis, and the message is in the inbox."""
    told = system.send(referral(), TEACHER).json
    assert told["outcome"] == "accepted"
    assert told["basis"] == "statutory_duty"
    assert [to["agency"] for to in told["to"]] == [FRONT]
    assert received(system, FRONT, told["message"])[0]["child"] == told["child"]


def test_a_refused_message_ends_with_exit_code_3_and_every_reason(system: System) -> None:
    """Each of several faults is told at once, with its citation and what to do."""
    step_up = json.loads((ACCEPTED / "step-up-full-pack-on-consent.json").read_text())
    del step_up["id"], step_up["consents"]
    step_up["basis"]["consents"] = [new_reference()]
    step_up["child"] = new_reference()
    step_up["statements"] = [s for s in step_up["statements"] if s["question"] != "pack.caf"]
    told = system.send(step_up, TEACHER, code=3).json
    assert told["outcome"] == "refused"
    assert told["to"] == []
    codes = {reason["code"] for reason in told["reasons"]}
    assert {"message.unknown-child", "pack.part-missing", "consent.unknown"} <= codes
    for reason in told["reasons"]:
        assert reason["citation"]
        assert reason["remedy"]


def test_a_sealed_file_is_countersigned_by_another_person_and_then_sent(system: System) -> None:
    """Alone it is refused; with the line manager's signature, made apart, it is accepted."""
    alone, both = system.papers / "alone.sealed", system.papers / "both.sealed"
    told = system.run("seal", OVERRIDE, "--as", TEACHER, "--out", alone)
    assert told["signatures_missing"] == [MANAGER]
    refused = system.run("send", alone, code=3)
    assert [r["code"] for r in refused["reasons"]] == ["seal.signers-mismatch"]
    whole = system.run("seal", OVERRIDE, "--as", TEACHER, "--out", alone)
    signed = system.run("countersign", alone, "--as", MANAGER, "--out", both)
    assert signed["signatures_missing"] == []
    assert system.run("send", both)["message"] == whole["message"]


def test_resend_repeats_the_answer_and_doubles_nothing(system: System) -> None:
    """The second sending gets the first receipt; inbox and journey hold the message once."""
    document = referral()
    first = system.send(document, TEACHER).json
    again = system.send(document, TEACHER, "--resend", first["message"]).json
    assert again["receipt"] == first["receipt"]
    assert len(received(system, FRONT, first["message"])) == 1
    messages = tracked(system, first["child"], 1)["messages"]
    assert [one["id"] for one in messages] == [first["message"]]


def test_the_same_content_again_is_a_new_message_with_a_warning(system: System) -> None:
    """The warning names the earlier message and how to repeat that one instead."""
    document = referral()
    document["statements"][0]["value"] = "told twice"
    first = system.send(document, TEACHER)
    second = system.send(document, TEACHER)
    assert "the same document" not in first.err
    assert "the same document went as message" in second.err
    assert f"--resend {first.json['message']}" in second.err
    assert second.json["message"] != first.json["message"]


@pytest.mark.parametrize("over", ["the file", "the seal"])
def test_a_document_over_the_limit_is_refused_before_it_is_sent(system: System, over: str) -> None:
    """The client refuses with the exchange's own code, and the lane has received nothing."""
    before = lane_end(system)
    words = {"question": "concern.what_happened", "value": "x" * 2000, "said_by": "teacher"}
    size = len(json.dumps(words))
    times = MAX_BYTES // size + 1 if over == "the file" else int(MAX_BYTES * 0.9) // size
    told = system.send(referral(statements=[words] * times), TEACHER, code=3).json
    assert told["error"]["code"] == "seal.too-large"
    assert told["error"]["remedy"]
    assert lane_end(system) == before


def test_without_an_answer_the_exit_code_is_4_and_resend_gets_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the exchange does not answer, the server has the message; later nothing is doubled."""
    monkeypatch.setattr(sending, "LEAST_S", 5.0)
    document = referral()
    (exchange,) = system.children("exchange")
    os.kill(exchange, signal.SIGSTOP)
    try:
        told = system.send(document, TEACHER, "--timeout", 1, code=4).json
    finally:
        os.kill(exchange, signal.SIGCONT)
    monkeypatch.undo()
    assert (told["outcome"], told["stored"]) == ("no_answer", True)
    again = system.send(document, TEACHER, "--resend", told["message"]).json
    assert (again["outcome"], again["message"]) == ("accepted", told["message"])
    messages = tracked(system, told["child"], 1)["messages"]
    assert [one["id"] for one in messages] == [told["message"]]


def test_a_killed_exchange_is_started_again_and_answers_what_was_sent_meanwhile(
    system: System,
) -> None:
    """`up` starts the exchange anew; a message sent while it was away is accepted."""
    (before,) = system.children("exchange")
    os.kill(before, signal.SIGKILL)
    told = system.send(referral(), TEACHER).json
    assert told["outcome"] == "accepted"
    after = until(lambda: system.children("exchange"), lambda found: len(found) == 1)
    assert after != [before]


def test_receipt_and_sealed_file_are_proved_offline_and_not_after_one_changed_byte(
    system: System, tmp_path: Path
) -> None:
    """Directory and root key are all it takes; a file with another byte proves nothing."""
    sealed, receipt = tmp_path / "sealed", tmp_path / "receipt"
    system.run("seal", system.paper(referral()), "--as", TEACHER, "--out", sealed)
    sent = system.run("send", sealed, "--receipt", receipt)
    directory = shutil.copy(system.partnership.directory_path, tmp_path / "directory")

    def proof(file: Path, code: int = 0) -> dict[str, Any]:
        trusted = ("--directory", directory, "--root", system.partnership.root_x)
        return say("verify", file, *trusted, "--dir", tmp_path / "no-state", code=code).json

    assert proof(sealed)["holds"]
    told = proof(receipt)
    assert (told["holds"], told["message"]) == (True, sent["message"])
    _change(sealed, json.loads(sealed.read_bytes())["signatures"][0]["signature"])
    assert not proof(sealed, 1)["holds"]
    _change(receipt, sent["message"])
    assert not proof(receipt, 1)["holds"]


def _change(file: Path, where: str) -> None:
    """Change the first byte of the text `where` in a file."""
    other = ("A" if where[0] != "A" else "B") + where[1:]
    file.write_text(file.read_text().replace(where, other))


def test_who_joins_can_send_at_once_and_who_left_is_refused(system: System, tmp_path: Path) -> None:
    """A new key counts while everything runs; after leaving, neither client nor exchange takes it.

    The file that the exchange refuses was sealed after the person had left, where the old
    directory is still believed.
    """
    person, paper = f"{SCHOOL}.sol-newman", system.paper(referral())
    system.run("practitioner", "add", person, "--name", "Sol Newman")
    until(
        lambda: CliRunner().invoke(
            app, ["send", str(paper), "--as", person, "--dir", str(system.folder)]
        ),
        lambda done: done.exit_code == 0,
    )
    elsewhere = tmp_path / "elsewhere"
    for name in ("partnership.json", "directory.jws", f"keys/practitioners/{person}.key"):
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(system.folder / name, elsewhere / name)
    system.run("practitioner", "leave", person)

    told = system.run("send", paper, "--as", person, code=3)
    assert told["error"]["code"] == "practitioner.unknown"
    late = tmp_path / "late.sealed"

    def send_late() -> dict[str, Any]:
        say("seal", paper, "--as", person, "--out", late, "--dir", elsewhere)
        done = CliRunner().invoke(app, ["send", str(late), "--dir", str(system.folder), "--json"])
        made: dict[str, Any] = json.loads(done.stdout)
        return made

    refused = until(send_late, lambda made: made["outcome"] == "refused")
    assert [r["code"] for r in refused["reasons"]] == ["seal.key-not-valid"]


def test_a_partnership_is_not_founded_on_top_of_another(system: System) -> None:
    """The folder's own is left as it is, and what runs goes on."""
    before = system.partnership.directory_path.read_bytes()
    told = system.run("partnership", "create", system.folder, code=1)
    assert told["error"]["code"] == "partnership.exists"
    assert system.partnership.directory_path.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("send", "{hostile}", "--as", TEACHER),
        ("send", "{folder}", "--as", TEACHER),
        ("send", "{hostile}", "--as", "\x1b[2J"),
        ("verify", "{hostile}"),
        ("inbox", "demo.*"),
        ("open", "> ..", "--as", TEACHER),
        ("track", "no such child"),
    ],
    ids=lambda words: words[0],
)
def test_no_command_answers_with_a_traceback(
    system: System, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A hostile file or argument gives an error with code and remedy, in the real process too."""
    hostile = tmp_path / "hostile"
    hostile.write_bytes(b'{"payload":' + b"[" * 5000 + b'"\xff')
    made = [word.format(hostile=hostile, folder=tmp_path) for word in words]
    command = [sys.executable, "-m", "services.cli", *made, "--dir", str(system.folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"]
    assert error["remedy"]


def test_an_interrupt_while_everything_starts_ends_it_in_order(tmp_path: Path) -> None:
    """Ctrl-C before it is ready stops the start: exit code 0, and no process is left."""
    state = tmp_path / "state"
    command = [sys.executable, "-m", "services.cli", "up", "--dir", str(state), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["state"] == "up"
        process.send_signal(signal.SIGINT)
        states = [json.loads(line)["state"] for line in process.stdout]
    assert process.returncode == 0
    assert "ready" not in states
    assert states[-1] == "stopped"
    starting = System(state, tmp_path)
    assert starting.children("exchange") + starting.children("exchange-urgent") == []
