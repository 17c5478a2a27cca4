"""Tie a child process to its parent: when the parent dies, however it dies, so does the child.

Run as a program it ties itself to its parent and then becomes the command it was given:
`python lifeline.py PARENT_PID COMMAND ARGUMENT…`. It needs the standard library only, so that this
costs a few milliseconds, and replaces `preexec_fn`, which is not safe in a process with threads.

On Linux this is `prctl(PR_SET_PDEATHSIG)` (prctl(2)). The kernel counts the *thread* that started
the child as its parent, so children are started from the main thread. Other systems have no
such call: there a child outlives a parent that was killed, and the lock of the state folder, which
the server holds too, is what still keeps a second server away.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> bool:
    """Have the kernel send SIGKILL to this process when its parent dies.

    Call it first thing in the child; `parent_pid` is the parent's own `os.getpid()`, handed over by
    it. A parent that died before the call ends this process at once. Returns whether this
    operating system can do it.
    """
    if not sys.platform.startswith("linux"):
        return False
    result: int = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return result == 0


def main() -> None:
    """Become the command in the arguments, tied to the parent whose process id comes first."""
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - an absolute path, and no shell is wanted


if __name__ == "__main__":
    main()
