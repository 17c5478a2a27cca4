"""Backup and restore of running systems: what was acknowledged is there, and proved, afterwards."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.backup_copying import _still, copy_state
from services.cli.backup_parts import Part
from services.cli.main import app
from tests.live.commands import (
    DUTY,
    FRONT,
    TEACHER,
    System,
    received,
    referral,
    running,
    say,
    supported_child,
    tracked,
    until,
)
from tests.live.test_family_erasing import erase, files_with_text

pytestmark = pytest.mark.live

RUNNER = CliRunner()

_WORDS = "Ottoline counts the magpies on the roof"


def told(words: str = _WORDS) -> dict[str, Any]:
    """A referral that says something."""
    statement = {**referral()["statements"][0], "value": words}
    return referral(statements=[statement])


def readable(system: System, message: str) -> dict[str, Any]:
    """Open a message as soon as it can be opened."""
    return until(lambda: system.ask("open", message, "--as", DUTY), lambda a: "error" not in a)


def fails(*words: object, code: str) -> dict[str, Any]:
    """Run a command that must fail with an error of this code."""
    error: dict[str, Any] = say(*words, code=1).json["error"]
    assert error["code"] == code, error
    assert error["remedy"]
    return error


def test_everything_acknowledged_before_a_backup_is_there_after_everything_was_destroyed(
    tmp_path: Path,
) -> None:
    """Backed up while messages are being sent, destroyed, restored elsewhere: nothing is lost."""
    backup, proof = tmp_path / "backup", tmp_path / "proof.json"
    before: list[dict[str, Any]] = []
    with running(_folder(tmp_path / "a")) as system:
        before += [system.send(told(), TEACHER).json for _ in range(5)]
        system.run("acknowledge", before[0]["message"], "--as", DUTY)
        readable(system, before[1]["message"])
        until(lambda: system.ask("evidence", before[0]["child"], "--out", proof), _no_error)
        stop = threading.Event()
        meanwhile: list[dict[str, Any]] = []
        sender = threading.Thread(target=_keep_sending, args=(system, stop, meanwhile))
        sender.start()
        try:
            until(lambda: meanwhile, bool)
            acknowledged = [*before, *meanwhile]
            made = system.run("backup", "create", backup)
            states = {one["check"]: one["state"] for one in _doctor(system)["checks"]}
            assert states["backup"] == "ok"
        finally:
            stop.set()
            sender.join()
        after = system.send(told(), TEACHER).json
        assert received(system, FRONT, after["message"])
    shutil.rmtree(tmp_path / "a" / "state")
    assert set(made["parts"]) == {"record", "children-keys", "partnership-keys"}
    assert say("backup", "verify", backup).json["backup"] == made["backup"]
    assert files_with_text(backup, _WORDS) == set()
    say("restore", backup, "--dir", _folder(tmp_path / "b") / "state")
    with running(tmp_path / "b") as system:
        for one in acknowledged:
            assert len(received(system, FRONT, one["message"])) == 1
        assert _WORDS in json.dumps(readable(system, before[2]["message"]))
        track = tracked(system, before[0]["child"], 2)
        assert track["messages"][1]["kind"] == "message.acknowledged"
        sent = system.run("sent", before[0]["message"], "--as", TEACHER)
        assert sent["receipt"] == before[0]["receipt"]
        again = tmp_path / "again.json"
        until(lambda: system.ask("evidence", before[0]["child"], "--out", again), _no_error)
        root = json.loads((system.folder / "partnership.json").read_text())["root_x"]
        for file in (proof, again):
            assert say("verify", file, "--root", root).json
        assert system.send(told(), TEACHER).json["outcome"] == "accepted"
        states = {one["check"]: one["state"] for one in _doctor(system)["checks"]}
        assert states["streams.settings"] == states["log"] == "ok"


def test_a_backup_takes_nothing_from_the_inboxes_of_the_system_that_it_saves(
    tmp_path: Path,
) -> None:
    """Everything killed after a backup: every delivery of before and after it is still there."""
    with running(_folder(tmp_path / "a"), ends=-signal.SIGKILL) as system:
        messages = [_delivered(system) for _ in range(3)]
        system.run("backup", "create", tmp_path / "backup")
        messages += [_delivered(system) for _ in range(3)]
        system.run("backup", "create", tmp_path / "another")
        messages += [_delivered(system) for _ in range(3)]
        system.kill()
    state = _folder(tmp_path / "b") / "state"
    shutil.move(tmp_path / "a" / "state", state)
    with running(tmp_path / "b") as system:
        for message in messages:
            assert len(received(system, FRONT, message)) == 1
        assert not system.run("quarantine", "list")["quarantined"]


def _delivered(system: System) -> str:
    message: str = system.send(told(), TEACHER).json["message"]
    received(system, FRONT, message)
    return message


def test_erasures_ordered_after_a_backup_are_carried_out_again_on_a_restored_story(
    tmp_path: Path,
) -> None:
    """The story comes back older than its ledger, reads on, and what was erased is erased."""
    backup = tmp_path / "backup"
    with running(_folder(tmp_path / "a")) as system:
        child = supported_child(system)
        erased = system.send(
            {**told(), "child": child, "kind": "story.added", "data": {}}, TEACHER
        ).json
        kept = system.send(told(), TEACHER).json
        readable(system, erased["message"])
        system.run("backup", "create", backup)
        later = system.send(told("said after the backup"), TEACHER).json
        readable(system, later["message"])
        erase(system, child)
    state = _folder(tmp_path / "b") / "state"
    shutil.move(tmp_path / "a" / "state", state)
    fails("restore", backup, "--story", "--dir", state, code="restore.not-empty")
    for file in (state / "db").glob("story*"):
        file.unlink()
    say("restore", backup, "--story", "--dir", state)
    with running(tmp_path / "b") as system:
        readable(system, kept["message"])
        readable(system, later["message"])
        gone = until(
            lambda: system.ask("open", erased["message"], "--as", DUTY),
            lambda a: a.get("error", {}).get("code") == "story.erased",
        )
        assert _WORDS not in json.dumps(gone)


def test_a_backup_of_what_does_not_run_is_the_same_and_takes_the_lock(tmp_path: Path) -> None:
    """With everything stopped the folder is locked and copied, and the same parts come of it."""
    with running(_folder(tmp_path / "a")) as system:
        message = system.send(told(), TEACHER).json["message"]
        received(system, FRONT, message)
    state, backup = tmp_path / "a" / "state", tmp_path / "backup"
    made = say("backup", "create", backup, "--dir", state).json
    assert made["held_still_s"] == 0
    store = [n for n in _names(backup / Part.RECORD.value) if n.startswith("nats/store")]
    assert store
    restored = tmp_path / "c"
    say("restore", backup, "--dir", restored)
    for part in Part:
        for name in _names(backup / part.value) - {"manifest.json"}:
            assert (restored / name).read_bytes() == (backup / part.value / name).read_bytes()
            assert (restored / name).stat().st_mode & 0o077 == 0
    assert not list((restored / "keys").glob("intake/*"))
    assert not list((restored / "keys").glob("delivery/*/*"))
    _hostile(backup, tmp_path)


def _hostile(backup: Path, tmp_path: Path) -> None:
    """Whatever is wrong with a backup is found before anything is restored."""
    fresh = tmp_path / "fresh"
    parts = {part: backup / part.value for part in Part}
    other = tmp_path / "other"
    shutil.copytree(backup, other)
    made = json.loads((other / "children-keys" / "manifest.json").read_text())
    made["backup"] = "0" * 32
    (other / "children-keys" / "manifest.json").write_text(json.dumps(made))
    fails("backup", "verify", other, code="backup.mixed")
    fails("restore", other, "--dir", fresh, code="backup.mixed")
    away = ("--children-keys", parts[Part.CHILDREN])
    assert say("backup", "verify", other, *away).json["backup"]
    shutil.rmtree(other / "partnership-keys")
    fails("restore", other, *away, "--dir", fresh, code="backup.part-missing")
    swapped = ("--children-keys", parts[Part.PARTNERSHIP])
    fails("backup", "verify", backup, *swapped, code="backup.other-part")
    others = tmp_path / "others"
    RUNNER.invoke(app, ["partnership", "create", str(others), "--id", "elm", "--demonstration"])
    fails("backup", "verify", backup, "--dir", others, code="backup.other-partnership")
    fails("restore", backup, "--story", "--dir", others, code="backup.other-partnership")
    for harm in (_change, _add, _take_away):
        broken = tmp_path / harm.__name__
        shutil.copytree(backup, broken)
        harm(broken / "record")
        fails("backup", "verify", broken, code="backup.damaged")
        fails("restore", broken, "--dir", fresh, code="backup.damaged")
    climbing = tmp_path / "climbing"
    shutil.copytree(backup, climbing)
    made = json.loads((climbing / "record" / "manifest.json").read_text())
    made["files"]["../../outside"] = {"sha256": "0" * 64, "size": 0}
    (climbing / "record" / "manifest.json").write_text(json.dumps(made))
    fails("restore", climbing, "--dir", fresh, code="backup.no-manifest")
    fails("restore", tmp_path / "nothing", "--dir", fresh, code="backup.no-manifest")
    assert not fresh.exists()
    fails("restore", backup, "--dir", tmp_path / "c", code="restore.not-empty")


def _change(record: Path) -> None:
    file = record / "directory.jws"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _add(record: Path) -> None:
    (record / "db" / "extra.sqlite").write_bytes(b"")


def _take_away(record: Path) -> None:
    (record / "db" / "story.sqlite").unlink()


def test_a_backup_goes_only_where_nothing_is_and_outside_the_state(tmp_path: Path) -> None:
    """An earlier backup is never written over, and none lies in the folder that it saves."""
    state = tmp_path / "state"
    RUNNER.invoke(app, ["partnership", "create", str(state), "--demonstration"])
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    fails("backup", "create", full, "--dir", state, code="backup.not-empty")
    fails("backup", "create", state / "backup", "--dir", state, code="backup.inside")
    fails("backup", "create", tmp_path / "new", "--dir", state, code="backup.server-elsewhere")


def test_a_process_held_still_goes_on_when_the_backup_is_killed(tmp_path: Path) -> None:
    """Killed in the middle of it, a backup does not leave the server standing still."""
    script = (
        "import sys, time\n"
        "from services.cli.backup_copying import _still\n"
        "with _still(int(sys.argv[1])):\n"
        "    print('still', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with (
        _killed_after([sys.executable, "-c", "import time; time.sleep(600)"]) as held,
        _killed_after([sys.executable, "-c", script, str(held.pid)]) as backup,
    ):
        assert backup.stdout is not None
        assert backup.stdout.readline() == "still\n"
        assert _state(held.pid) == "T"
        backup.kill()
        backup.wait()
        until(lambda: _state(held.pid), lambda state: state != "T")
        with _still(held.pid):
            assert _state(held.pid) == "T"
        until(lambda: _state(held.pid), lambda state: state != "T")


@contextmanager
def _killed_after(command: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a command that would go on for long, and kill it whatever the test finds."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_database_is_copied_as_of_one_transaction_while_it_is_written(tmp_path: Path) -> None:
    """What is committed is in the copy, what is under way is not."""
    state = tmp_path / "state"
    (state / "db").mkdir(parents=True)
    (state / "nats" / "store").mkdir(parents=True)
    with closing(sqlite3.connect(state / "db" / "story.sqlite")) as base:
        base.execute("pragma journal_mode = wal")
        base.execute("create table t (n)")
        base.execute("insert into t values (1)")
        base.commit()
        base.execute("insert into t values (2)")
        copy_state(state, tmp_path / "backup")
        base.rollback()
    with closing(sqlite3.connect(tmp_path / "backup" / "record" / "db" / "story.sqlite")) as copy:
        assert copy.execute("select n from t").fetchall() == [(1,)]


def _keep_sending(system: System, stop: threading.Event, sent: list[dict[str, Any]]) -> None:
    command = [sys.executable, "-m", "services.cli", "send", str(system.paper(told()))]
    options = ["--as", TEACHER, "--dir", str(system.folder), "--json"]
    while not stop.is_set():
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            sent.append(json.loads(done.stdout))


def _doctor(system: System) -> dict[str, Any]:
    done = RUNNER.invoke(app, ["doctor", "--dir", str(system.folder), "--json"])
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _no_error(answer: dict[str, Any]) -> bool:
    return "error" not in answer


def _names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _state(process: int) -> str:
    """The state of a process as of proc(5): R, S, T."""
    return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
