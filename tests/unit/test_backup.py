"""Backups and restores that are cut short, and what a part may hold; nothing runs meanwhile."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.errors import HandrailError
from services.cli import backup_copying, backup_restoring
from services.cli.backup_copying import copy_state, copy_story, whole_or_nothing
from services.cli.backup_parts import STORY_FILES, Part, files_below
from services.cli.backup_restoring import folders, restore, restore_story
from services.cli.founding import create
from services.cli.main import app
from services.cli.up import found_if_missing
from services.cli.whole_folder import STORY_TABLES

RUNNER = CliRunner()
_LEDGER = "nats/store/jetstream/HUB/streams/LEDGER/msgs/1.blk"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of state with a ledger and a story, as it lies when nothing runs."""
    folder = tmp_path_factory.mktemp("backup") / "state"
    create(folder, now=datetime.now(UTC), demonstration=True)
    (folder / _LEDGER).parent.mkdir(parents=True)
    (folder / _LEDGER).write_bytes(b"what was decided")
    (folder / "nkeys").mkdir(exist_ok=True)
    (folder / "nkeys" / "handed-over.seed").write_bytes(b"an identity in plain text")
    story(folder)
    return folder


@pytest.fixture(scope="module")
def backup(state: Path) -> Path:
    """Give a backup of that folder."""
    into = state.parent / "backup"
    done = RUNNER.invoke(app, ["backup", "create", str(into), "--dir", str(state)])
    assert done.exit_code == 0, done.output
    return into


def story(folder: Path) -> None:
    """Make the story's databases, with one number each."""
    (folder / "db").mkdir(exist_ok=True)
    for name in STORY_FILES:
        with closing(sqlite3.connect(folder / name)) as base:
            base.execute("pragma journal_mode = wal")
            base.execute("create table t (n integer)")
            base.execute(f"create table {STORY_TABLES[Path(name).name]} (n integer)")
            base.execute("insert into t values (1)")
            base.commit()


def number(path: Path) -> int:
    """The number in one of those databases."""
    with closing(sqlite3.connect(path)) as base:
        return int(base.execute("select max(n) from t").fetchone()[0])


class CutOffError(Exception):
    """Stands for the end of the process."""


def cut_off(monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> None:
    """Have a restore end at the call of one of its functions that follows so many."""
    whole: Callable[..., None] = getattr(backup_restoring, name)
    calls = iter(range(after))

    def call(*arguments: object) -> None:
        if next(calls, None) is None:
            raise CutOffError
        whole(*arguments)

    monkeypatch.setattr(backup_restoring, name, call)


def doctor(folder: Path) -> dict[str, dict[str, Any]]:
    """What the doctor says, by check; something must be wrong."""
    done = RUNNER.invoke(app, ["doctor", "--dir", str(folder), "--json"])
    assert done.exit_code == 2, done.output
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


def refused(work: Callable[[], object], code: str) -> None:
    """Do what must be refused with a code and a remedy."""
    with pytest.raises(HandrailError) as raised:
        work()
    assert raised.value.code == code
    assert raised.value.remedy


def test_the_record_holds_no_private_key_and_no_identity(backup: Path) -> None:
    """Whoever has the record alone can neither sign nor connect in anybody's name."""
    record = list(files_below(backup / Part.RECORD.value))
    assert not [name for name in record if name.endswith((".seed", ".key", ".next"))]
    kept = set(files_below(backup / Part.PARTNERSHIP.value))
    assert {"nkeys/handed-over.seed", "keys/root.key"} <= kept
    assert not {Path(name).parts[0] for name in record} & {"keys", "nkeys", "tls"}


@pytest.mark.parametrize(
    ("name", "after"), [("_put", 0), ("_put", 9), ("sync_folder", 3), ("_settle", 0)]
)
def test_on_a_restore_cut_off_nothing_is_founded_and_it_can_be_done_again(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    """What a restore left half is no partnership: `up` refuses, doctor says so, restore mends."""
    into = tmp_path / "into"
    with monkeypatch.context() as patched:
        cut_off(patched, name, after)
        with pytest.raises(CutOffError):
            restore(folders(backup), into)
    refused(lambda: found_if_missing(into), "state.half")
    assert "did not end" in doctor(into)["partnership"]["what"]
    restore(folders(backup), into)
    assert found_if_missing(into).root_x == json.loads(_root(backup))["root_x"]
    assert not list(into.glob(".restoring"))
    assert (into / _LEDGER).read_bytes() == b"what was decided"


def test_a_restore_cut_off_while_files_move_to_their_places_is_no_partnership(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever file it ends, the folder is refused until all of it is there."""
    moved = 0
    while True:
        into = tmp_path / str(moved)
        with monkeypatch.context() as patched:
            _end_at_the_move(patched, moved)
            try:
                restore(folders(backup), into)
            except CutOffError:
                refused(partial(found_if_missing, into), "state.half")
                if moved:
                    refused(partial(restore, folders(backup), into), "restore.not-empty")
                moved += 1
                continue
        break
    assert moved > 3
    assert found_if_missing(into).root_x == json.loads(_root(backup))["root_x"]


def _end_at_the_move(patched: pytest.MonkeyPatch, after: int) -> None:
    rename, calls = Path.rename, iter(range(after))

    def call(self: Path, target: Path) -> Path:
        if ".restoring" not in self.parts:
            return rename(self, target)
        if next(calls, None) is None:
            raise CutOffError
        return rename(self, target)

    patched.setattr(Path, "rename", call)


def test_a_story_restored_half_does_not_start(
    state: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between keys and statements, nothing starts until the story is put back whole."""
    into = tmp_path / "state"
    shutil.copytree(state, into, ignore=shutil.ignore_patterns("story*"))
    for name, after in (("_put", 1), ("sync_folder", 1)):
        with monkeypatch.context() as patched:
            cut_off(patched, name, after)
            with pytest.raises(CutOffError):
                restore_story(folders(backup), into, "demo")
        refused(lambda: found_if_missing(into), "state.half")
        assert doctor(into)["restore"]["state"] == "wrong"
    with monkeypatch.context() as patched:
        _end_at_the_move(patched, 1)
        with pytest.raises(CutOffError):
            restore_story(folders(backup), into, "demo")
    refused(lambda: found_if_missing(into), "state.half")
    run = RUNNER.invoke(app, ["run", "story", "--dir", str(into), "--json"])
    assert json.loads(run.stdout)["error"]["code"] == "state.half"
    restore_story(folders(backup), into, "demo")
    assert {number(into / name) for name in STORY_FILES} == {1}
    assert found_if_missing(into).id == "demo"


def test_a_story_is_not_restored_beside_the_logs_of_another(
    state: Path, backup: Path, tmp_path: Path
) -> None:
    """A write-ahead log that was left behind would be played into the story put back."""
    into = tmp_path / "state"
    shutil.copytree(state, into, ignore=shutil.ignore_patterns("story*"))
    (into / "db" / "story.sqlite-wal").write_bytes(b"of another file")
    refused(lambda: restore_story(folders(backup), into, "demo"), "restore.not-empty")


def test_nothing_is_restored_where_there_is_no_room(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk too small is told before anything is written."""
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    into = tmp_path / "into"
    refused(lambda: restore(folders(backup), into), "restore.no-room")
    assert not list(files_below(into / ".restoring"))


@pytest.mark.parametrize("name", ["db/story.sqlite", _LEDGER, "keys/root.key"])
def test_up_founds_nothing_beside_what_lies_there(tmp_path: Path, name: str) -> None:
    """A folder that holds something and no partnership is left as it is."""
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"x")
    refused(lambda: found_if_missing(tmp_path), "state.half")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    if not name.startswith("keys"):
        refused(lambda: create(tmp_path, now=datetime.now(UTC)), "state.half")


def test_up_founds_in_an_empty_folder_whether_or_not_it_was_locked(tmp_path: Path) -> None:
    """The lock of an earlier try is nothing that lies there."""
    (tmp_path / "lock").touch()
    assert found_if_missing(tmp_path).id == "demo"


def test_files_that_vanish_while_they_are_copied_are_left_out(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed and is gone when its turn comes does not end the backup."""
    gone = ("nats/store/jetstream/HUB/streams/LEDGER/obs/gone/o.dat", "seen/gone.json")

    def listed(folder: Path) -> list[str]:
        return [*files_below(folder), *gone]

    monkeypatch.setattr(backup_copying, "files_below", listed)
    copy_state(state, tmp_path / "into")
    there = set(files_below(tmp_path / "into" / Part.RECORD.value))
    assert _LEDGER in there
    assert not there & set(gone)


def test_a_backup_that_fails_leaves_no_half_of_one(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same folder can be named again after a full disk."""
    into = tmp_path / "into"

    def full(*_: object) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patched:
        patched.setattr(backup_copying, "_copy_database", full)
        with pytest.raises(OSError, match="full"), whole_or_nothing(into):
            copy_state(state, into)
    assert not list(files_below(into))
    done = RUNNER.invoke(app, ["backup", "create", str(into), "--dir", str(state)])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("at", range(len(STORY_FILES)))
def test_story_and_keys_are_copied_as_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """A change of a key and its statements between the copies has all of them copied again."""
    source, into, left = tmp_path / "state", tmp_path / "into", [2, 3]
    source.mkdir()
    story(source)
    copied: Callable[[Path, Path], None] = backup_copying._copy_database

    def copy(old: Path, new: Path) -> None:
        copied(old, new)
        if old == source / STORY_FILES[at] and left:
            after = left.pop(0)
            for name in STORY_FILES:
                with closing(sqlite3.connect(source / name)) as base:
                    base.execute("update t set n = ?", (after,))
                    base.commit()

    monkeypatch.setattr(backup_copying, "_copy_database", copy)
    copy_story(source, into, STORY_FILES)
    copies = [next(into.glob(f"*/{name}")) for name in STORY_FILES]
    assert [number(path) for path in copies] == [3, 3, 3]


def test_a_story_that_is_always_written_to_is_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than statements and keys of different moments there is an error."""
    story(tmp_path)
    versions = iter(range(1000))
    monkeypatch.setattr(backup_copying, "_version", lambda _: next(versions))
    monkeypatch.setattr(backup_copying, "_STORY_WITHIN_S", 0.0)
    into = tmp_path / "into"
    refused(lambda: copy_story(tmp_path, into, STORY_FILES), "backup.not-still")


def _root(backup: Path) -> bytes:
    return (backup / Part.RECORD.value / "partnership.json").read_bytes()
