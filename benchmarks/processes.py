"""How long things take to come up, and what each service holds in memory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from services.cli.running import SERVICES

_CLI = [sys.executable, "-m", "services.cli"]
_PAGE = os.sysconf("SC_PAGE_SIZE")


def help_seconds(times: int = 5) -> float:
    """Return the median seconds that `handrail --help` takes."""
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run([*_CLI, "--help"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return median(taken)


def up_and_memory() -> tuple[float, dict[str, int]]:
    """Return the seconds from `handrail up` to ready, and resident bytes of every service alone."""
    folder = Path(tempfile.mkdtemp(prefix="handrail-bench-"))
    try:
        subprocess.run(
            [*_CLI, "partnership", "create", str(folder), "--demonstration"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        started = time.perf_counter()
        up = _start("up", folder)
        try:
            _until(up, "ready")
            taken = time.perf_counter() - started
            return taken, _alone(folder)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alone(folder: Path) -> dict[str, int]:
    """Start each service a second time, alone, beside the running ones, and read its memory."""
    found: dict[str, int] = {}
    for name in SERVICES:
        process = _start("run", folder, name)
        try:
            _until(process, "ready")
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            found[name] = pages * _PAGE
        finally:
            process.terminate()
            process.wait(30)
    return found


def _start(command: str, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*_CLI, command, *arguments, "--dir", str(folder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _until(process: "subprocess.Popen[str]", state: str) -> None:
    if process.stdout is None:
        raise RuntimeError(process.args)
    for line in process.stdout:
        if json.loads(line).get("state") == state:
            return
    raise RuntimeError(process.args)
