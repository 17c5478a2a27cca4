"""A backup of what runs is of one moment: what changes after it was copied is copied again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from services.cli import backup_copying
from services.cli.backup_copying import _copy_ahead, _copy_all, copy_state
from services.cli.backup_parts import STORE, Part, files_below

BLOCK = f"{STORE}/jetstream/HUB/streams/SUBMIT_demo_school/msgs/1.blk"
_HOUR_NS = 3600 * 10**9


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give a folder of state in whose store one block was written an hour ago."""
    folder = tmp_path / "state"
    (folder / BLOCK).parent.mkdir(parents=True)
    (folder / BLOCK).write_bytes(b"before")
    _date(folder / BLOCK, (folder / BLOCK).stat().st_mtime_ns - _HOUR_NS)
    return folder


def _date(path: Path, changed_ns: int) -> None:
    os.utime(path, ns=(changed_ns, changed_ns))


def _backed_up(state: Path, meanwhile: Callable[[Path], object]) -> dict[str, bytes]:
    """Copy the store as it stands, have something happen, and copy what changed, as a backup does.

    Returns what the record then holds of the store, by name.
    """
    into = state.parent / "into"
    seen = dict(_copy_ahead(state, into))
    meanwhile(state / BLOCK)
    _copy_all(state, into, seen)
    record = into / Part.RECORD.value
    return {name: (record / name).read_bytes() for name in files_below(record)}


def _same_time_within_a_tick(block: Path) -> None:
    """Write other bytes, as two writes within one tick of the clock: nothing of the file tells."""
    dated = block.stat().st_mtime_ns
    block.write_bytes(b"after!")
    _date(block, dated)


def test_bytes_of_the_same_length_written_meanwhile_are_in_the_backup(state: Path) -> None:
    """A block that was written to after it was copied is copied again, whatever its length."""
    held = _backed_up(state, lambda block: block.write_bytes(b"after!"))
    assert held == {BLOCK: b"after!"}


def test_a_block_that_grew_at_its_old_time_is_in_the_backup(state: Path) -> None:
    """Another length alone tells that a block has changed."""

    def grow(block: Path) -> None:
        dated = block.stat().st_mtime_ns
        block.write_bytes(b"before and after")
        _date(block, dated)

    assert _backed_up(state, grow) == {BLOCK: b"before and after"}


@pytest.mark.parametrize("age_ns", [0, 1_900_000_000])
def test_a_block_changed_lately_is_copied_again_whatever_its_time_says(
    state: Path, monkeypatch: pytest.MonkeyPatch, age_ns: int
) -> None:
    """Within two seconds of a change neither time nor length tell of another one."""
    now_ns = (state / BLOCK).stat().st_mtime_ns + age_ns
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    assert _backed_up(state, _same_time_within_a_tick) == {BLOCK: b"after!"}


def test_a_block_deleted_meanwhile_is_not_in_the_backup(state: Path) -> None:
    """What the server has deleted by the moment of the backup does not come back with it."""
    assert _backed_up(state, Path.unlink) == {}


def test_a_block_deleted_after_it_was_listed_is_not_in_the_backup(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was listed for the second copy and is gone when its turn comes: then it is left out."""
    monkeypatch.setattr(backup_copying, "files_below", lambda _: [BLOCK])
    assert _backed_up(state, Path.unlink) == {}


def test_a_block_made_meanwhile_is_in_the_backup(state: Path) -> None:
    """A file that the first copy could not know is copied with what changed."""
    held = _backed_up(state, lambda block: block.with_name("2.blk").write_bytes(b"new"))
    assert held == {BLOCK: b"before", BLOCK.replace("1.blk", "2.blk"): b"new"}


def test_what_certainly_did_not_change_is_not_copied_while_the_server_stands_still(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause is short, for a block of an hour ago was copied before it."""

    def refuse(_block: Path) -> None:
        monkeypatch.setattr(backup_copying, "_copy", lambda *_: pytest.fail("copied twice"))

    assert _backed_up(state, refuse) == {BLOCK: b"before"}


def test_nothing_is_backed_up_where_there_is_no_room(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk too small for all of it, and a tenth, is told before anything is written."""
    size = (state / BLOCK).stat().st_size
    into, there = state.parent / "into", shutil.disk_usage(state)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: there._replace(free=size))
    with pytest.raises(HandrailError) as raised:
        copy_state(state, into)
    assert raised.value.code == "backup.no-room"
    assert raised.value.remedy
    assert list(into.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: there._replace(free=2 * size))
    copy_state(state, into)
    assert set(files_below(into / Part.RECORD.value)) == {BLOCK}
