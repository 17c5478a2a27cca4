"""A backup of a folder that is damaged, half or incomplete: it is refused, and leaves nothing."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import backup as backup_command
from services.cli.backup_parts import STORY_FILES, files_below
from services.cli.main import app
from tests.unit.test_backup import state

__all__ = ["state"]
RUNNER = CliRunner()


@pytest.fixture
def harmed(state: Path, tmp_path: Path) -> Path:
    """Give a copy of a sound folder of state to harm."""
    return Path(shutil.copytree(state, tmp_path / "state"))


def refused(folder: Path, code: str) -> dict[str, Any]:
    """Back up what must be refused with a code; nothing may be left of the backup."""
    into = folder.parent / "into"
    words = ["backup", "create", str(into), "--dir", str(folder), "--json"]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exc_info
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    assert error["code"] == code, error
    assert error["remedy"]
    assert not into.exists() or not list(files_below(into))
    assert not (folder / "seen/backup.json").exists()
    return error


def _large(folder: Path) -> Path:
    path = folder / STORY_FILES[0]
    with closing(sqlite3.connect(path)) as base:
        base.execute("pragma journal_mode = delete")
        base.executemany("insert into t values (?)", [(n,) for n in range(20_000)])
        base.commit()
    return path


def test_a_database_with_damaged_pages_is_no_backup(harmed: Path) -> None:
    """Random bytes in the middle of the story are told by its name, before a manifest is made."""
    path = _large(harmed)
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(8 * 4096))
    assert "db/story.sqlite" in refused(harmed, "backup.damaged-database")["message"]


@pytest.mark.parametrize("name", STORY_FILES)
@pytest.mark.parametrize("empty", [False, True])
def test_a_story_that_is_missing_or_empty_beside_a_ledger_is_no_backup(
    harmed: Path, name: str, *, empty: bool
) -> None:
    """Nobody takes a backup without the children's words or keys for a good one."""
    for path in harmed.glob(f"{name}*"):
        path.unlink()
    if empty:
        (harmed / name).write_bytes(b"")
    assert name in refused(harmed, "backup.incomplete")["message"]


def test_a_folder_whose_restore_did_not_end_is_not_backed_up(harmed: Path) -> None:
    """Half a story is not saved in the place of a whole one."""
    (harmed / ".restoring/db").mkdir(parents=True)
    (harmed / ".restoring/db/story.sqlite").write_bytes(b"x")
    refused(harmed, "state.half")


@pytest.mark.parametrize("name", ["db/story.sqlite", "db/story-keys.sqlite", "db/tracker.sqlite"])
def test_a_file_that_is_no_database_is_named_and_ends_in_no_traceback(
    harmed: Path, name: str
) -> None:
    """A header overwritten is told as a code, with the file and what to do."""
    for path in harmed.glob(f"{name}*"):
        path.unlink()
    (harmed / name).write_bytes(b"no header of SQLite, and longer than a hundred bytes " * 100)
    assert name in refused(harmed, "backup.unreadable-database")["message"]


def _bounded(folder: Path, *, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Back up as a user whom permissions bind, and whose files end at `limit` bytes."""
    into = folder.parent / "into"
    command = [sys.executable, "-m", "services.cli", "backup", "create", str(into)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything, and setpriv is not here to give that up")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]

    def bound() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [*command, "--dir", str(folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=bound,
    )


def test_a_database_that_may_not_be_read_is_named_and_ends_in_no_traceback(harmed: Path) -> None:
    """The remedy is another user."""
    (harmed / "db/story.sqlite").chmod(0)
    done = _bounded(harmed)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "backup.unreadable-database", done
    assert "db/story.sqlite" in error["message"]
    assert not list(files_below(harmed.parent / "into"))


def test_a_disk_that_fills_while_a_database_is_copied_ends_in_no_traceback(harmed: Path) -> None:
    """What was written until then is taken away."""
    _large(harmed)
    done = _bounded(harmed, limit=160 * 1024)
    assert json.loads(done.stdout)["error"]["code"].startswith("backup."), done
    assert not list(files_below(harmed.parent / "into"))


@pytest.mark.parametrize("step", ["_describe", "write_whole"])
def test_a_backup_whose_manifests_fail_leaves_nothing_of_it(
    harmed: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The same folder can be named again after a disk that filled at the last step."""

    def full(*_: object) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patched:
        patched.setattr(backup_command, step, full)
        refused(harmed, "system.failed")
    words = ["backup", "create", str(harmed.parent / "into"), "--dir", str(harmed)]
    assert RUNNER.invoke(app, words).exit_code == 0
