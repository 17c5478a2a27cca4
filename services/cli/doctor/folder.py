"""The folder of state: its file system, its space, its lock, and who may read what is secret."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.cli.doctor.finding import (
    AS_ANOTHER,
    DENIED,
    Finding,
    ok,
    some,
    unchecked,
    warning,
    wrong,
)
from services.runtime.keystore import KeyStore

_GIB: Final = 1024**3
_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"}
)
_SECRET: Final = ("keys", "nkeys", "tls")
_NOT_OURS: Final = frozenset({"store", "logs"})
"""Folders whose files are not looked at here: the server's own, and the logs."""

_PUBLIC: Final = frozenset({".pem", ".crt"})


@dataclass(frozen=True, slots=True)
class Space:
    """A file system's room, in bytes."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What was found of the folder of state.

    `kinds` are the types of file system by what lies there; None where this machine does not tell,
    as with `lock_held`. `servers` are process ids of nats-servers on the configuration here.
    `seeds` are NATS identities in plain text beside keys that are encrypted. `unreadable` are files
    and folders that the user who asks may not read.
    """

    kinds: dict[str, str | None]
    space: dict[str, Space]
    lock_held: bool | None
    servers: tuple[int, ...]
    exposed: tuple[str, ...]
    seeds: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def gather(folder: Path) -> FolderFacts:
    """Look at the folder of state; nothing is changed and no lock is taken."""
    places = {"state": folder, "store": folder / "nats" / "store"}
    there = {name: path for name, path in places.items() if os.path.exists(path)}  # noqa: PTH110 - `Path.exists` raises where rights are missing
    return FolderFacts(
        kinds={name: _kind(path) for name, path in there.items()},
        space={name: _space(path) for name, path in there.items()},
        lock_held=_lock_held(folder / "lock"),
        servers=servers_of(folder / "nats" / "server.conf"),
        exposed=tuple(exposed(folder)),
        seeds=tuple(seeds(folder)),
        unreadable=tuple(unreadable(folder)),
    )


def judge(facts: FolderFacts, *, embedded: bool, answers: bool) -> Iterator[Finding]:
    """Yield what the facts mean.

    `answers` tells whether a server answers, `embedded` whether it is the one of this folder.
    """
    yield from (_of_kind(name, kind) for name, kind in facts.kinds.items())
    yield from (_of_space(name, space) for name, space in facts.space.items())
    if embedded:
        yield _of_lock(facts, answers=answers)
    if facts.unreadable:
        yield of_rights(facts.unreadable)
    yield _of_files(facts)
    if facts.seeds:
        yield _of_seeds(facts.seeds)


def _of_kind(name: str, kind: str | None) -> Finding:
    check = f"file-system.{name}"
    if kind is None:
        return unchecked(check, "this machine does not tell the type of the file system")
    if kind in _VOLATILE:
        return wrong(
            check,
            f"it lies in memory ({kind})",
            "everything acknowledged is gone when the machine stops",
            "stop everything, move the folder to a local disk, and start with --dir there",
        )
    if kind in _REMOTE or kind.startswith("fuse."):
        return wrong(
            check,
            f"it lies on a network or user-space file system ({kind})",
            "neither locks nor syncing to disk can be relied on there, and a second server on one "
            "store destroys it",
            "stop everything and move the folder to a local file system such as ext4 or xfs",
        )
    return ok(check, f"a local file system ({kind})")


def _of_space(name: str, space: Space) -> Finding:
    check, share = f"disk.{name}", space.free / max(1, space.total)
    what = f"{space.free / _GIB:.1f} GiB free, {share:.0%}"
    means = "when the disk is full, nothing more is accepted from anybody"
    remedy = "make room or move the folder to a larger disk; never delete in nats/store by hand"
    if space.free < _GIB // 2 or share < 0.02:  # noqa: PLR2004 - the bounds are told in words
        return wrong(check, what, means, remedy)
    if space.free < 2 * _GIB or share < 0.1:  # noqa: PLR2004 - the bounds are told in words
        return warning(check, what, means, remedy)
    return ok(check, what)


def _of_lock(facts: FolderFacts, *, answers: bool) -> Finding:
    check = "lock"
    if len(facts.servers) > 1:
        return wrong(
            check,
            f"{len(facts.servers)} nats-servers run on this folder (processes "
            f"{some(map(str, facts.servers))})",
            "two servers on one store destroy it without a word",
            "stop them all now, start one with `handrail up`, and compare with the last backup",
        )
    if facts.lock_held is None:
        return unchecked(check, "this machine does not tell who holds a lock")
    if (answers or facts.servers) and not facts.lock_held:
        return wrong(
            check,
            "a server runs and nobody holds the lock of the folder",
            "a second server could be started on the same store, which destroys it",
            "start the server with `handrail up`, which holds the lock, and never delete the file",
        )
    return ok(check, "held" if facts.lock_held else "free: nothing runs here")


def of_rights(names: Iterable[str]) -> Finding:
    """Return that the user who asks may not read files or folders."""
    return warning(
        "rights",
        f"{some(names)} {DENIED}",
        "what hangs on it cannot be checked, and a service that runs as this user fails on it",
        AS_ANOTHER,
    )


def _of_files(facts: FolderFacts) -> Finding:
    if not facts.exposed and any(Path(name).parts[0] in _SECRET for name in facts.unreadable):
        return unchecked("files", f"some of the keys {DENIED}")
    if not facts.exposed:
        return ok("files", "keys are readable by their owner alone")
    return wrong(
        "files",
        f"others may read {some(facts.exposed)}",
        "whoever has a key can sign or connect as its owner",
        "take the permission away (chmod 600, folders 700), and make new keys unless it is certain "
        "that nobody read them",
    )


def _of_seeds(plain: tuple[str, ...]) -> Finding:
    return warning(
        "seeds",
        f"{some(plain)} in plain text beside keys that are encrypted",
        "whoever copies the folder connects as one of ours without the passphrase",
        "stop the services and run `handrail key protect`, which encrypts them as well",
    )


def seeds(folder: Path) -> Iterator[str]:
    """Yield the NATS identities in plain text of a folder whose keys are encrypted."""
    keys = KeyStore(folder / "keys")
    if any(_is_encrypted(keys, name) for name in keys.names()):
        yield from sorted(f"nkeys/{path.name}" for path in (folder / "nkeys").glob("*.seed"))


def _is_encrypted(keys: KeyStore, name: str) -> bool:
    try:
        return keys.is_encrypted(name)
    except PermissionError:
        return False


def exposed(folder: Path) -> Iterator[str]:
    """Yield the secret files that others than their owner may read, relative to `folder`."""
    for below in _SECRET:
        found = os.walk(folder / below)
        for path in sorted(Path(place, name) for place, _, names in found for name in names):
            public = below == "tls" and path.suffix in _PUBLIC
            if not public and _is_open(path):
                yield str(path.relative_to(folder))


def _is_open(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(stat.S_IMODE(mode) & 0o077)


def unreadable(folder: Path) -> Iterator[str]:
    """Yield what the user who asks may not read, relative to `folder`; below a folder nothing."""
    for place, below, names in os.walk(folder):
        closed = {one for one in below if _is_closed(Path(place, one), os.R_OK | os.X_OK)}
        files = {one for one in names if _is_closed(Path(place, one), os.R_OK)}
        yield from sorted(str(Path(place, one).relative_to(folder)) for one in closed | files)
        below[:] = sorted(set(below) - closed - _NOT_OURS)


def _is_closed(path: Path, mode: int) -> bool:
    # What vanished since it was listed is not closed.
    return not os.access(path, mode) and os.path.exists(path)  # noqa: PTH110 - `Path.exists` raises where rights are missing


def _space(path: Path) -> Space:
    usage = shutil.disk_usage(path)
    return Space(usage.total, usage.free)


def _kind(path: Path) -> str | None:
    """Return the type of the file system on which `path` lies, by Linux's table of mounts."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return kind_of(path.resolve(), lines)


def kind_of(path: Path, mounts: Iterable[str]) -> str | None:
    """Return the type of the mount that holds `path`, from lines as of proc_pid_mountinfo(5)."""
    best, kind = -1, None
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:  # noqa: PLR2004 - the fifth field is the mount point
            continue
        point = Path(fields[4].replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0]
    return kind


def _lock_held(lock: Path) -> bool | None:
    try:
        inode = lock.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False if Path("/proc/locks").exists() else None
    except OSError:
        return None
    return any(f":{inode} " in f"{line} " and "FLOCK" in line for line in lines)


def servers_of(config: Path) -> tuple[int, ...]:
    """Return the process ids of servers that run with the configuration `config`."""
    return tuple(_running(config))


def _running(config: Path) -> Iterator[int]:
    """Yield the process ids of servers that run with the configuration in this folder."""
    wanted = {os.fsencode(config), os.fsencode(config.absolute())}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"nats-server" in words[0] and wanted & set(words):
            yield int(entry.name)
