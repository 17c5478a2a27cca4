"""A network, mounts and process numbers of the campaign's own, so that no fault leaves them.

Linux namespaces (namespaces(7)): what the campaign drops, mounts or leaves behind exists for it
alone and is gone when it ends, however it ends. Without them the campaign runs all the same, and
says which faults it cannot make.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

_MARK: Final = "FAULTS_ENCLOSED"
_ROOT: Final = "root"
_USER: Final = "user"
_UNSHARE: Final = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def enter(module: str) -> None:
    """Start this program, the module named, again inside namespaces of its own where that is let.

    Returns inside them, and outside where they cannot be had.
    """
    if _MARK in os.environ:
        _run("ip", "link", "set", "lo", "up")
        return
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("ip") is None:
        return
    for kind, more in ((_ROOT, ()), (_USER, ("--user", "--map-root-user"))):
        enter_by = [unshare, *more, *_UNSHARE]
        if (kind == _USER or os.geteuid() == 0) and _run(*enter_by, "true"):
            again = [sys.executable, "-m", module, *sys.argv[1:]]
            os.execve(unshare, [*enter_by, *again], {**os.environ, _MARK: kind})  # noqa: S606


def enclosed() -> bool:
    """Tell whether the network, the mounts and the process numbers are the campaign's own."""
    return _MARK in os.environ


@cache
def no_network() -> str | None:
    """Return why packets cannot be dropped here, or None."""
    if not enclosed():
        return "no network namespace: this needs root, or user namespaces that are allowed"
    if shutil.which("iptables") is None:
        return "the program iptables is not installed"
    if not _run("iptables", "-w", "-L", "INPUT"):
        return "iptables does not work in this kernel's namespaces"
    return None


@cache
def no_disk() -> str | None:
    """Return why no file system can be mounted from a file here, or None."""
    if os.environ.get(_MARK) != _ROOT:
        return "a loop-mounted file system needs root"
    if shutil.which("mkfs.ext4") is None:
        return "the program mkfs.ext4 is not installed"
    if not os.access("/dev/loop-control", os.R_OK | os.W_OK):
        return "this machine has no loop devices"
    return None


def run_tool(name: str, *arguments: str | Path, must: bool = True) -> None:
    """Run a program of the operating system; raises CalledProcessError unless `must` is False."""
    subprocess.run([shutil.which(name) or name, *arguments], check=must, capture_output=True)


def _run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
