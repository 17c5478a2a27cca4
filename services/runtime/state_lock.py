"""One owner per folder of state: an exclusive lock that children can hold on to.

flock(2) ties the lock to the open file, not to the process: a child that inherits the descriptor
holds the lock too, and it is free only when the last of them has closed it. Hence nothing here ever
unlocks; letting go is closing.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from contracts.errors import HandrailError

_POLL_S = 0.02


class StateLock:
    """Hold `<state_dir>/lock` exclusively, among all processes of this machine.

    The folder should be on a local file system; over NFS the lock is only as good as the server's.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock now."""
        return self._descriptor is not None

    def fileno(self) -> int:
        """Return the descriptor to hand to a child that shall hold the lock as well.

        Raises `HandrailError` `state.not-locked` when the lock is not held.
        """
        if self._descriptor is None:
            raise HandrailError(
                "state.not-locked",
                "the folder of state is used without its lock",
                "take the lock first: `StateLock.acquire`",
            )
        return self._descriptor

    def acquire(self, timeout_s: float = 10.0) -> None:
        """Take the lock, creating the folder where there is none; harmless when already held.

        Waits up to `timeout_s` seconds for a predecessor that is going down. Raises `HandrailError`
        `state.locked` when another process still holds it then, `state.unusable` when the folder
        cannot be written.
        """
        if self.held:
            return
        descriptor = self._open()
        deadline = time.monotonic() + timeout_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
                os.close(descriptor)
                raise _locked(owner)
            time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; the folder stays locked while a child that was given the lock still lives."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _open(self) -> int:
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            return os.open(self.state_dir / "lock", flags, 0o600)
        except OSError as error:
            raise HandrailError(
                "state.unusable",
                "the folder of state cannot be created or written",
                "choose another folder with `--dir`, or correct its owner and permissions",
            ) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(owner: str) -> HandrailError:
    who = f" (taken by process {owner})" if owner.isdecimal() else ""
    return HandrailError(
        "state.locked",
        f"another Handrail, or a nats-server it left behind, uses this folder of state{who}",
        "stop it and try again, or choose another folder with `--dir`; never delete the lock file",
    )
