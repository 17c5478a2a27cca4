"""Copying a folder of state at one moment, also while everything runs.

What the server stores is copied first as it stands, then the server is held still, and what changed
meanwhile is copied again together with the databases. So all of it is of one moment, and the pause
is short. What lies on disk is then what a crash would leave, from which the server recovers
whatever it has acknowledged. Messages sent during the pause wait.

The services go on, and finish what they have in hand: the story and its keys are copied until
neither changed while both were, since words are lost with the key that they were stored under.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGSTOP
from typing import Final

from contracts.errors import HandrailError
from services.cli.backup_checking import check_databases, check_story
from services.cli.backup_parts import (
    STORE,
    STORY_FILES,
    Part,
    files_below,
    is_database,
    part_of,
    place_in,
    reading_database,
)
from services.cli.doctor.folder import servers_of
from services.cli.whole_folder import holds_ledger
from services.runtime.state_lock import StateLock

_FICLONE: Final = 0x40049409
_FRESH_NS: Final = 2_000_000_000
"""A file changed as lately may change again without its time or size telling so."""

_STILL_WITHIN_S: Final = 5.0
_BUSY_S: Final = 30.0
_STORY_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file was just before it was copied."""

    size: int
    changed_ns: int
    looked_ns: int

    def is_same(self, now: os.stat_result) -> bool:
        """Tell whether the file certainly has not changed since."""
        settled = self.looked_ns - self.changed_ns > _FRESH_NS
        return settled and (now.st_size, now.st_mtime_ns) == (self.size, self.changed_ns)


@contextmanager
def whole_or_nothing(into: Path) -> Iterator[None]:
    """Take away the parts of a backup below `into` where what writes them fails."""
    try:
        yield
    except BaseException:
        for part in Part:
            shutil.rmtree(into / part.value, ignore_errors=True)
        raise


def copy_state(state: Path, into: Path) -> float:
    """Copy what a backup of `state` holds into the three parts below `into`, all of one moment.

    Returns for how many seconds the server was held still, 0 where none runs. Raises HandrailError
    `state.locked` when something starts just now, `backup.server-elsewhere`, `backup.no-room`,
    `backup.unreadable-database`, `backup.damaged-database` and `backup.incomplete`; what was
    written until then is left there.
    """
    _check_room(state, into)
    for part in Part:
        (into / part.value).mkdir(mode=0o700, parents=True)
    held_s = _copied(state, into)
    check_databases(into)
    if holds_ledger(state):
        check_story(into)
    return held_s


def _copied(state: Path, into: Path) -> float:
    """Copy everything, and return for how long the server was held still."""
    running = servers_of(state / "nats" / "server.conf")
    if not running:
        if not (state / STORE).is_dir():
            raise _server_elsewhere()
        with _alone(state):
            _copy_all(state, into, {})
            return 0.0
    seen = dict(_copy_ahead(state, into))
    with _still(running[0]):
        begun = time.monotonic()
        _copy_all(state, into, seen)
        return time.monotonic() - begun


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the folder's lock, so that nothing starts meanwhile."""
    lock = StateLock(state)
    lock.acquire(timeout_s=2.0)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _still(server: int) -> Iterator[None]:
    """Hold a process still; it goes on however this process ends.

    A small shell waits for our end of a pipe to close, which the system does for a process that
    was killed as well, and wakes the server then.
    """
    waking = 'read -r _ || true; kill -CONT "$1"'
    shell = ["/bin/sh", "-c", waking, "sh", str(server)]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, start_new_session=True) as waker:
        os.kill(server, SIGSTOP)
        try:
            _wait_until_still(server)
            yield
        finally:
            assert waker.stdin is not None  # noqa: S101 - a pipe was asked for
            waker.stdin.close()


def _wait_until_still(server: int) -> None:
    """Return when every thread of the process has stopped."""
    deadline = time.monotonic() + _STILL_WITHIN_S
    while not all(state in "Tt" for state in _threads(server)):
        if time.monotonic() > deadline:
            raise _not_still("the server could not be held still")
        time.sleep(0.005)


def _threads(server: int) -> Iterator[str]:
    for task in Path(f"/proc/{server}/task").iterdir():
        with suppress(OSError):
            yield (task / "stat").read_text().rpartition(")")[2].split()[0]


def _copy_ahead(state: Path, into: Path) -> Iterator[tuple[str, Seen]]:
    """Copy the store as it stands, and yield how each file was; one that vanishes is left out."""
    for name in _wanted(state):
        if not name.startswith(f"{STORE}/"):
            continue
        with suppress(OSError):
            now = (state / name).stat()
            yield name, Seen(now.st_size, now.st_mtime_ns, time.time_ns())
            _copy(state / name, into / Part.RECORD.value / name)


def _copy_all(state: Path, into: Path, seen: dict[str, Seen]) -> None:
    """Copy what is not copied yet or has changed, and take away what is no longer there."""
    wanted = set(_wanted(state))
    for name in sorted(wanted - set(STORY_FILES)):
        target = place_in(into, name)
        try:
            before = seen.get(name)
            if before is not None and target.exists() and before.is_same((state / name).stat()):
                continue
            if is_database(name):
                _copy_database(state / name, target)
            else:
                _copy(state / name, target)
        except FileNotFoundError:
            target.unlink(missing_ok=True)  # gone since it was listed
    for name in seen.keys() - wanted:
        (into / Part.RECORD.value / name).unlink(missing_ok=True)
    copy_story(state, into, [name for name in STORY_FILES if name in wanted])


def copy_story(state: Path, into: Path, names: Sequence[str]) -> None:
    """Copy the story's databases as of one moment, in which none of them was written to.

    Raises HandrailError `backup.not-still` where they never were as they had been for long enough.
    """
    deadline = time.monotonic() + _STORY_WITHIN_S
    with ExitStack() as opened:
        bases = [opened.enter_context(closing(_opened(state / name))) for name in names]
        while True:
            before = _versions(bases, names)
            for name in names:
                _copy_database(state / name, place_in(into, name))
            if _versions(bases, names) == before:
                return
            if time.monotonic() > deadline:
                raise _not_still("the story goes on being written to")


def _versions(bases: Sequence[sqlite3.Connection], names: Sequence[str]) -> list[int]:
    found: list[int] = []
    for base, name in zip(bases, names, strict=True):
        with reading_database(name):
            found.append(_version(base))
    return found


def _version(base: sqlite3.Connection) -> int:
    """Return a number that changes with every transaction of somebody else."""
    return int(base.execute("pragma data_version").fetchone()[0])


def _opened(path: Path) -> sqlite3.Connection:
    with reading_database(f"db/{path.name}"):
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S)


def _wanted(state: Path) -> Iterator[str]:
    return (name for name in files_below(state) if part_of(name) is not None)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can, readable by its owner alone."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as old, open(target, "wb", opener=_private) as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1024**2)


def _copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite database as of one transaction, whoever has it open.

    Raises HandrailError as `reading_database` does.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        reading_database(f"db/{source.name}"),
        closing(_opened(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute("pragma journal_mode = delete")


def _check_room(state: Path, into: Path) -> None:
    size = sum(_size(state / name) for name in _wanted(state))
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    if shutil.disk_usage(into).free < size * 1.1:
        raise HandrailError(
            "backup.no-room",
            f"there is no room there for {size / 1024**2:.0f} MiB",
            "name a folder on a disk with more room",
        )


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _not_still(what: str) -> HandrailError:
    return HandrailError(
        "backup.not-still",
        what,
        "run the backup as the user who runs the server, or stop everything first",
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _server_elsewhere() -> HandrailError:
    return HandrailError(
        "backup.server-elsewhere",
        "the server's store is not in this folder of state, so the ledger cannot be copied here",
        "run the backup where the server runs, or copy its store with the server stopped",
    )
