"""A file is there as it was or as it is to be, and nobody else can read it."""

import os
import stat
from pathlib import Path

import pytest

from services.runtime.whole_files import write_whole


def test_what_is_written_stands_in_place_of_what_was_there(tmp_path: Path) -> None:
    """The new content is there whole, its owner alone may read it, and no draft is left."""
    path = tmp_path / "directory.jws"
    path.write_bytes(b"old")
    path.chmod(0o644)

    write_whole(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """A disk that is full leaves the old content, and no draft beside it."""
    path = tmp_path / "directory.jws"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    owner = os if fails == "fsync" else Path
    monkeypatch.setattr(owner, fails, full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_is_on_the_disk_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced before it takes the name, and the folder after."""
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def replaced(path: Path, target: Path) -> Path:
        done.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_whole(tmp_path / "seen", b"1")

    assert done == ["file", "name", "folder"]
