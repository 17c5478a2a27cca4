"""A folder of state has one owner."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from services.runtime.state_lock import StateLock


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    """While one holds the lock another gets an error with the process id and a remedy."""
    with StateLock(tmp_path), pytest.raises(HandrailError) as refusal:
        StateLock(tmp_path).acquire(timeout_s=0)

    assert refusal.value.code == "state.locked"
    assert str(os.getpid()) in refusal.value.message
    assert refusal.value.remedy


def test_another_process_is_refused_too(tmp_path: Path) -> None:
    """The lock holds between processes."""
    code = "import sys; from pathlib import Path; from services.runtime.state_lock import StateLock"
    code += "; StateLock(Path(sys.argv[1])).acquire(0)"
    with StateLock(tmp_path):
        command = [sys.executable, "-c", code, str(tmp_path)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)

    assert other.returncode == 1
    assert "state.locked" in other.stderr


def test_a_predecessor_that_is_going_down_is_waited_for(tmp_path: Path) -> None:
    """The lock is taken as soon as it is free, if that is within the time allowed."""
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    leaving = threading.Timer(0.1, first.release)
    leaving.start()

    second.acquire(timeout_s=30)
    leaving.join()

    assert second.held
    second.release()


def test_the_lock_can_be_taken_again_after_letting_go(tmp_path: Path) -> None:
    """Taking it twice is harmless, letting go frees it, and its descriptor exists only between."""
    lock = StateLock(tmp_path / "state")
    for _ in range(2):
        lock.acquire()
        lock.acquire()
        assert lock.fileno() > 0
        lock.release()
        with pytest.raises(HandrailError, match=r"state\.not-locked"):
            lock.fileno()


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder is made on demand and nobody else can look into it."""
    with StateLock(tmp_path / "new" / "state") as lock:
        assert lock.state_dir.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder leads to an error with a remedy, not to a traceback."""
    (tmp_path / "file").touch()

    with pytest.raises(HandrailError, match=r"state\.unusable"):
        StateLock(tmp_path / "file").acquire()
