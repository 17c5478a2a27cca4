"""`handrail evidence` and `handrail verify` against a running partnership, and without one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.evidence import dump, load
from contracts.evidence.form import Evidence
from services.cli.options import load as load_partnership
from tests.live.commands import (
    CAF_MANAGER,
    CAF_WORKER,
    FRONT,
    TEACHER,
    System,
    received,
    referral,
    running,
    supported_child,
    tracked,
    until,
)
from tests.live.test_family_erasing import forms

pytestmark = pytest.mark.live

COUNTERSIGNER = "demo.caf-team.ali-rezaei"
SAID = "Quillotine Wrenfield hides beneath the ochre harmonium"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("evidence")) as started:
        yield started


def told(system: System, child: str) -> str:
    """Refer a child with a sentence that nobody else says; return the message."""
    statements = [{"question": "concern.what_happened", "value": SAID, "said_by": "mother"}]
    sent = system.send(added(child, statements=statements), TEACHER).json
    received(system, FRONT, sent["message"])
    message: str = sent["message"]
    return message


def added(child: str, **changes: Any) -> dict[str, Any]:
    """Tell more of a child who is supported already."""
    return referral(child=child, kind="story.added", data={}, **changes)


def elsewhere(folder: Path, *words: object, code: int = 0) -> dict[str, Any]:
    """Run a command in a process of its own, in an empty folder and without any state."""
    folder.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HANDRAIL_")}
    command = [sys.executable, "-m", "services.cli", *map(str, words), "--json"]
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def made(system: System, about: str, out: Path) -> dict[str, Any]:
    """Have a file written about a child or a message, once witnesses saw all of it in the log."""

    def write() -> dict[str, Any]:
        return system.ask("evidence", about, "--out", out)

    def whole(told: dict[str, Any]) -> bool:
        seen = int(told.get("witnesses", 0)) > 0
        return seen and bool(told["logged"] == told["attestations"])

    return until(write, whole)


def root_of(system: System) -> str:
    """The root key that the partnership has made known."""
    return load_partnership(system.folder).root_x


def test_evidence_holds_before_and_after_everything_said_is_erased(
    system: System, tmp_path: Path
) -> None:
    """Both files prove the same elsewhere with the root key alone, and hold no word of a family."""
    child = supported_child(system)
    told(system, child)
    refused = system.send(referral(child=child), TEACHER, code=3).json
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    tracked(system, child, 2)
    first = made(system, child, before)
    whole = ("--because", "request", "--as", CAF_MANAGER, "--countersign", COUNTERSIGNER)
    until(lambda: system.ask("erase", child, *whole), lambda said: "outcome" in said)
    tracked(system, child, 3)
    made(system, child, after)

    root = root_of(system)
    then = elsewhere(tmp_path / "empty", "verify", before, "--root", root)
    now = elsewhere(tmp_path / "empty", "verify", after, "--root", root, "--against", before)
    believed = elsewhere(tmp_path / "empty", "verify", after)

    assert (first["holds"], first["logged"]) == (True, first["attestations"])
    assert (then["holds"], now["holds"], believed["root_believed"]) == (True, True, True)
    assert believed["root"] == root
    assert [one["number"] for one in now["messages"]] == [1, 2, 3]
    assert now["messages"][:2] == then["messages"]
    assert (
        now["led"]
        == then["led"]
        == [{"child": child, "practitioner": TEACHER, "from": then["led"][0]["from"], "to": None}]
    )
    assert refused["message"] in {one["message"] for one in then["answers"]}
    assert any(line.startswith("Jo Marsh of demo.hilltop-school") for line in now["proved"])
    data = before.read_bytes() + after.read_bytes()
    assert not [form for form in forms(SAID) if form in data]


def test_evidence_about_a_message_proves_what_was_decided_of_it(
    system: System, tmp_path: Path
) -> None:
    """Of an accepted message its seal and its answer, of a refused one its answer; each holds."""
    child = supported_child(system)
    accepted = told(system, child)
    bad = system.send(referral(child=child), TEACHER, code=3).json["message"]
    one, other = tmp_path / "accepted.json", tmp_path / "refused.json"
    made(system, accepted, one)
    made(system, bad, other)
    named = system.run("evidence", f"demo.hilltop-school/{accepted}", "--out", one)
    proved = elsewhere(tmp_path / "empty", "verify", one, "--root", root_of(system))
    turned_away = elsewhere(tmp_path / "empty", "verify", other, "--root", root_of(system))

    assert named["message"] == accepted
    assert [m["message"] for m in proved["messages"]] == [accepted]
    assert [(a["message"], a["outcome"]) for a in turned_away["answers"]] == [(bad, "refused")]
    assert system.say("evidence", "0" * 26, "--out", one, code=1).json["error"]["code"] == (
        "evidence.unknown"
    )


def test_a_joined_child_is_proved_under_all_its_references(system: System, tmp_path: Path) -> None:
    """Whichever reference is asked for, the file holds both and the messages that join them."""
    first, second = supported_child(system), supported_child(system)
    for child in (first, second):
        tracked(system, child, 1)
    joining = ("same", "link", first, second, "--as", CAF_WORKER, "--because", "family_confirmed")
    system.run(*joining, "--countersign", CAF_MANAGER)
    for child in (first, second):
        tracked(system, child, 2)
    for asked, file in ((first, tmp_path / "a.json"), (second, tmp_path / "b.json")):
        said = made(system, asked, file)
        proved = elsewhere(tmp_path / "empty", "verify", file, "--root", root_of(system))
        assert set(said["references"]) == {first, second}
        assert {one["child"] for one in proved["messages"]} == {first, second}
        assert any("join the references" in line for line in proved["proved"])


def test_what_was_kept_is_missed_when_it_is_left_out(system: System, tmp_path: Path) -> None:
    """A receipt that its sender kept shows that a file about the child lacks that message."""
    child = supported_child(system)
    receipt, file, other = tmp_path / "receipt.json", tmp_path / "all.json", tmp_path / "less.json"
    system.send(added(child), TEACHER, "--receipt", receipt)
    tracked(system, child, 2)
    made(system, child, file)
    whole = load(file.read_bytes())
    assert isinstance(whole, Evidence)
    journey = whole.journeys[0]
    gone = journey.entries[-1].decision
    less = whole.model_copy(
        update={
            "journeys": (journey.model_copy(update={"entries": journey.entries[:-1]}),),
            "answers": tuple(one for one in whole.answers if one.decision != gone),
            "clocks": (),
        }
    )
    other.write_bytes(dump(less))
    words = ("--root", root_of(system), "--against", receipt)
    agrees = elsewhere(tmp_path / "empty", "verify", file, *words)
    alone = elsewhere(tmp_path / "empty", "verify", other, *words[:2])
    lacks = elsewhere(tmp_path / "empty", "verify", other, *words, code=1)

    assert agrees["holds"]
    assert alone["holds"]
    assert [one["code"] for one in lacks["findings"]] == ["evidence.kept-absent"]
