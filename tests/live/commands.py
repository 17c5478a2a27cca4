"""`handrail up` as a process of its own, and commands run against it as a person would."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import structlog
from typer.testing import CliRunner

from contracts.errors import HandrailError
from services.cli.main import app
from services.cli.options import load
from services.runtime import log
from services.runtime.connection import connect
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership
from services.runtime.seen import Seen, seen_in

T = TypeVar("T")
READY_S: Final = 60.0
SETTLE_S: Final = 60.0

SCHOOL, FRONT = "demo.hilltop-school", "demo.first-response"
TEACHER, MANAGER = f"{SCHOOL}.jo-marsh", f"{SCHOOL}.ruth-adeyemi"
DUTY = f"{FRONT}.claire-dunmore"
CAF_MANAGER, CAF_WORKER = "demo.caf-team.beth-carmody", "demo.caf-team.nina-holt"

_RUNNER: Final = CliRunner()
_EXAMPLES: Final = Path(__file__).parents[2] / "examples"
ACCEPTED: Final = _EXAMPLES / "accepted"
OVERRIDE: Final = ACCEPTED / "school-consent-set-aside-line-manager-signs.json"


@dataclass(frozen=True, slots=True)
class Said:
    """What one command said: its JSON, and its standard error."""

    json: dict[str, Any]
    err: str


@dataclass(frozen=True)
class System:
    """A running demonstration partnership in `folder`, and a folder of `papers` beside it."""

    folder: Path
    papers: Path

    @cached_property
    def partnership(self) -> Partnership:
        """The partnership in the folder of state."""
        return load(self.folder)

    def say(self, *words: object, code: int = 0) -> Said:
        """Run a command with `--json`; it must end with exit code `code` and no exception."""
        return say(*words, "--dir", self.folder, code=code)

    def run(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command as `say` does and return its JSON."""
        return self.say(*words, code=code).json

    def ask(self, *words: object) -> dict[str, Any]:
        """Run a command that may be refused as yet, and return its JSON either way."""
        done = _RUNNER.invoke(app, [*map(str, words), "--dir", str(self.folder), "--json"])
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def send(self, document: dict[str, Any], author: str, *more: object, code: int = 0) -> Said:
        """Write `document` into a file and send it as `author`."""
        return self.say("send", self.paper(document), "--as", author, *more, code=code)

    def paper(self, document: dict[str, Any]) -> Path:
        """Write a document into a file of its own."""
        file = self.papers / f"{len(list(self.papers.iterdir()))}.json"
        file.write_text(json.dumps(document))
        return file

    def children(self, service: str) -> list[int]:
        """Return the process ids of a service that `up` runs beside itself."""
        return self._processes(b"run", service.encode(), b"--dir", str(self.folder).encode())

    def servers(self) -> list[int]:
        """Return the process ids of the nats-server on this folder of state."""
        return self._processes(b"-c", str(self.folder / "nats" / "server.conf").encode())

    def kill(self) -> None:
        """End everything at once, as a power cut does; `running` has to expect it."""
        up = self._processes(b"up", b"--dir", str(self.folder).encode())
        services = [*self.children("exchange"), *self.children("exchange-urgent")]
        for process in (*up, *services, *self.servers()):
            os.kill(process, signal.SIGKILL)

    def _processes(self, *words: bytes) -> list[int]:
        wanted = b"\0".join(words)
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and wanted in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found


@contextmanager
def running(folder: Path, ends: int = 0) -> Iterator[System]:
    """Run `handrail up` on `folder`, where it founds a demonstration partnership, until the end.

    It has to end with exit code `ends`, which is below 0 for one that was killed.
    """
    command = [sys.executable, "-m", "services.cli", "up", "--dir", str(folder / "state"), "--json"]
    papers = folder / "papers"
    papers.mkdir()
    with (folder / "err").open("w") as err, own_logs():
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True) as process:
            try:
                assert process.stdout is not None
                states = [json.loads(line)["state"] for line in _until_ready(process.stdout)]
                assert states[-1:] == ["ready"], (folder / "err").read_text()
                yield System(folder / "state", papers)
            finally:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(READY_S)
                process.kill()
        assert process.returncode == ends


def say(*words: object, code: int = 0) -> Said:
    """Run a command with `--json`; it must end with exit code `code` and no exception."""
    done = _RUNNER.invoke(app, [*map(str, words), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return Said(json.loads(done.stdout), done.stderr)


def until(ask: Callable[[], T], right: Callable[[T], object], settle_s: float = SETTLE_S) -> T:
    """Ask again until the answer is right, or fail with the last one after `settle_s` seconds."""
    deadline = time.monotonic() + settle_s
    while True:
        answer = ask()
        if right(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


def referral(**changes: Any) -> dict[str, Any]:
    """Return a school's referral on the basis of statutory duty."""
    return {
        "kind": "referral.submitted",
        "child": "new",
        "recipients": [FRONT],
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "data": {"concern": "child_in_need", "source": "2A"},
        "statements": [
            {"question": "concern.what_happened", "value": "as told", "said_by": "teacher"}
        ],
        **deepcopy(changes),
    }


def supported_child(system: System) -> str:
    """Record a family whom a team led by the school's teacher supports; return the child."""
    opening = json.loads((ACCEPTED / "tac-led-by-the-school.json").read_text())
    told = system.send(
        {**opening, "child": "new", "recipients": [SCHOOL]}, CAF_MANAGER, "--countersign", TEACHER
    )
    child: str = told.json["child"]
    return child


def tracked(system: System, child: str, messages: int) -> dict[str, Any]:
    """Return what the tracker says of `child` once it knows of `messages` and their deliveries."""

    def complete(track: dict[str, Any]) -> bool:
        expected = sum(
            1
            for one in track.get("messages", ())
            for to in one["recipients"]
            if to["agency"] != one["agency"]
        )
        return len(track.get("messages", ())) == messages and len(track["told"]) >= expected

    def ask() -> dict[str, Any]:
        done = _RUNNER.invoke(app, ["track", child, "--dir", str(system.folder), "--json"])
        made: dict[str, Any] = json.loads(done.stdout)
        return made

    return until(ask, complete)


def received(system: System, agency: str, message: str) -> list[dict[str, Any]]:
    """Return the lines of an agency's inbox about `message`, once there is one."""

    def ask() -> list[dict[str, Any]]:
        lines = system.run("inbox", agency)["messages"]
        return [line for line in lines if line["message"] == message]

    return until(ask, bool)


def readable(system: System, message: str, reader: str, *more: object) -> dict[str, Any]:
    """Open a message as `reader` once the story service has it; return what is shown."""

    def ask() -> dict[str, Any]:
        return system.ask("open", message, "--as", reader, *more)

    return until(ask, lambda shown: "statements" in shown)


def in_force(system: System, service: str) -> Seen:
    """Return what directory a service has taken, by its own file; none as long as it has none."""
    own = system.folder / "seen" / f"{service}.version"
    return seen_in(own) if own.exists() else Seen()


def refusal(system: System, identity: NKey) -> str:
    """Return the code with which the server refuses an identity's connection, or nothing."""

    async def attempt() -> None:
        held = system.partnership
        client = await connect(held.nats_url(), identity, name="test", ca=held.nats_ca)
        await client.close()

    try:
        asyncio.run(attempt())
    except HandrailError as error:
        return error.code
    return ""


@contextmanager
def own_logs() -> Iterator[None]:
    """Put the hooks for uncaught errors and the log's settings back after commands ran here."""
    root, structure = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(threading, "excepthook", threading.excepthook)
        log.configure("test", sys.stderr, "ERROR")
        yield
    structlog.configure(**structure)
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


def _until_ready(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if json.loads(line)["state"] == "ready":
            return
