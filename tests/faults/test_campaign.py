"""The tools that faults are made with do what they say, and harm nothing else."""

import asyncio
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from tests.faults.campaign import Report, ending_lines, recovery_lines
from tests.faults.disks import Disk
from tests.faults.fault import UnmetError
from tests.faults.jumping import ClockJump, _instants, _library
from tests.faults.kept import Kept, run_once
from tests.faults.killing import TwoExchanges
from tests.faults.links import Cut, between, to_node
from tests.faults.storing import _tells_of_no_room
from tests.faults.watching import SentFiles, _tells
from tests.faults.world import World


def test_power_is_never_cut_to_what_is_no_loop_device(tmp_path: Path) -> None:
    """A folder of the machine's own file system is refused, before anything is done to it."""
    with pytest.raises(RuntimeError, match="loop device"):
        Disk(tmp_path / "image", tmp_path, 1).cut_power()
    (tmp_path / "still-writable").write_text("yes")


async def test_a_killed_program_is_started_again_until_it_is_to_stay_away(tmp_path: Path) -> None:
    """Each start becomes ready anew; `away` ends it for good, and no killing counts as its own."""
    talk = "print('ready', flush=True); import time; time.sleep(600)"
    kept = Kept("talker", [sys.executable, "-c", talk], tmp_path / "log")
    await kept.start()
    for _ in range(2):
        await kept.kill()
        assert not kept.is_ready
        await kept.ready()
    starts = kept.starts
    await kept.away()
    assert (starts, kept.starts, kept.ended_by_itself, kept.is_ready) == (3, 3, 0, False)


async def test_a_program_that_ends_by_itself_is_counted_and_started_again(tmp_path: Path) -> None:
    """A service that gives up shows in the campaign's table."""
    kept = Kept("brief", [sys.executable, "-c", "pass"], tmp_path / "log")
    kept.begin()
    async with asyncio.timeout(30):
        while kept.ended_by_itself < 2:
            await asyncio.sleep(0.05)
    await kept.away()
    assert kept.starts >= 2


def test_what_senders_wrote_is_read_once_and_whole_lines_only(tmp_path: Path) -> None:
    """A line that is still being written waits; what was there at the fault is left out."""
    sent, file = SentFiles(tmp_path), tmp_path / "one.jsonl"
    file.write_bytes(b'{"n":1}\n')
    sent.skip()
    assert list(sent.new()) == []
    with file.open("ab") as out:
        out.write(b'{"n":2}\n{"n":')
    assert [line["n"] for line in sent.new()] == [2]
    with file.open("ab") as out:
        out.write(b"3}\n")
    assert [line["n"] for line in sent.new()] == [3]


def test_recovery_is_told_by_a_usual_message_acknowledged_after_the_fault() -> None:
    """Neither an earlier one, nor a repeated, refused or other lane's message tells it."""
    since = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    usual = {
        "subject": "submit.demo.hilltop-school.x",
        "expect": "accepted",
        "again": False,
        "at": "2026-11-23T12:00:00.001+00:00",
    }
    assert _tells(usual, "submit", since)
    others = (
        {"at": "2026-11-23T11:59:59.999+00:00"},
        {"again": True},
        {"expect": "refused"},
        {"subject": "urgent.demo.hilltop-school.x"},
    )
    assert not any(_tells({**usual, **other}, "submit", since) for other in others)


def test_the_table_names_each_fault_and_why_another_could_not_be_made() -> None:
    """What was not tried is said, with the reason."""
    report = Report(calm_s=0.1, impossible={"disk full": "a loop-mounted file system needs root"})
    report.recovery_s["a service killed"] += [1.0, 4.0, 2.0]
    lines = recovery_lines(report)
    assert any(line.split()[-3:] == ["3", "2.00", "4.00"] for line in lines)
    assert any("not made here: a loop-mounted file system needs root" in line for line in lines)


def test_a_campaign_without_a_fault_or_with_an_ending_that_nobody_explains_is_not_good() -> None:
    """Nothing made proves nothing; a program that ended by itself must have said why."""
    report = Report(code=0)
    assert not report.good
    assert any("proves nothing" in line for line in recovery_lines(report))
    report.recovery_s["a service killed"] += [1.0]
    assert report.good
    report.ended["exchange"] = ["nats.unreachable"]
    assert report.good
    report.ended["story"] = [""]
    assert not report.good
    assert [line.rpartition(" x ")[2] for line in ending_lines(report)] == [
        "nats.unreachable",
        "NO REASON KNOWN",
    ]


_LOGGED = '{"event": "lanes.not-trimmed", "code": "story.behind", "level": "warning"}'
_FAILED = '{"event": "process.failed", "error_type": "sqlite3.OperationalError", "where": "a.b"}'
_TOLD = "nats.unreachable: no server answers\n  what to do: start one"


@pytest.mark.parametrize(
    ("said", "ending", "why"),
    [
        (_TOLD, "sys.exit(1)", "nats.unreachable"),
        (f"{_LOGGED}\n{_TOLD}", "sys.exit(1)", "nats.unreachable"),
        (_FAILED, "sys.exit(1)", "sqlite3.OperationalError"),
        ("nats.errors.NoServersError: none", "sys.exit(1)", "NoServersError"),
        ("[7] 2026/11/23 [FTL] no store", "sys.exit(1)", "no store"),
        ("", "pass", ""),
        (_LOGGED, "os._exit(1)", ""),
        (f"{_TOLD}\nand went on", "sys.exit(1)", ""),
        (_LOGGED, "os.kill(os.getpid(), signal.SIGSEGV)", ""),
        (_TOLD, "os.kill(os.getpid(), signal.SIGKILL)", ""),
    ],
)
async def test_why_a_program_ended_by_itself_is_read_from_its_own_log(
    tmp_path: Path, said: str, ending: str, why: str
) -> None:
    """The code or type of error with which it ended; nothing where it crashed, whatever it logged.

    A line that it wrote about something else before is no reason, and a signal leaves no time.
    """
    program = f"import os, signal, sys; sys.stderr.write({said!r}); sys.stderr.flush(); {ending}"
    kept = Kept("brief", [sys.executable, "-c", program], tmp_path / "log")
    kept.begin()
    async with asyncio.timeout(30):
        while not kept.endings:
            await asyncio.sleep(0.05)
    await kept.away()
    assert kept.endings[0] == why


async def test_a_program_beside_another_that_ended_by_itself_is_counted(tmp_path: Path) -> None:
    """A second exchange that crashed is in the table, also once it was taken away."""
    world = World(tmp_path / "world", 1)
    names = ("exchange-second", "exchange-second", "story-second")
    ended = [Kept(name, [sys.executable, "-c", "pass"], tmp_path / "log") for name in names]
    for one in ended:
        world.spares.append(one)
        one.begin()
    async with asyncio.timeout(30):
        while not all(one.endings for one in ended):
            await asyncio.sleep(0.05)
    await world.dismiss(ended[0])
    await world.kill_all()
    assert world.spares == []
    told = {name: len(reasons) for name, reasons in world.ended().items()}
    assert told["exchange-second"] == len(ended[0].endings) + len(ended[1].endings)
    assert told["story-second"] == len(ended[2].endings)


async def test_a_program_that_is_run_once_never_outlives_its_time(tmp_path: Path) -> None:
    """Its exit code and what it said come back, or it is killed and the time is told."""
    talk = "import sys; sys.stdout.write('out'); sys.stderr.write('wrong'); sys.exit(3)"
    assert await run_once([sys.executable, "-c", talk], 30) == (3, b"out", b"wrong")
    mark = tmp_path / "pid"
    stay = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(TimeoutError):
        await run_once([sys.executable, "-c", stay], 2)
    assert not Path(f"/proc/{mark.read_text()}").exists()


async def test_two_exchanges_are_two_only_once_the_second_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is made when all four are ready; one that never comes up is told."""
    world = World(tmp_path / "world", 1)
    world.logs.mkdir(parents=True)
    program = "import time; time.sleep(0.5); print('ready', flush=True); time.sleep(600)"
    mute = "import time; time.sleep(600)"

    def service(name: str, suffix: str = "") -> Kept:
        talk = mute if name in silent and suffix else program
        return Kept(f"{name}{suffix}", [sys.executable, "-c", talk], world.logs / f"{name}{suffix}")

    world.service = service  # type: ignore[method-assign]
    for silent, within_s in (((), 90.0), (("exchange-urgent",), 3.0)):
        world.services = {name: service(name) for name in ("exchange", "exchange-urgent")}
        for one in world.services.values():
            await one.start()
        fault = TwoExchanges(world, Random(1))
        monkeypatch.setattr("tests.faults.kept.READY_S", within_s)
        try:
            with pytest.raises(TimeoutError) if silent else nullcontext():
                await fault.strike()
            assert all(one.is_ready for one in world.everyone()) == (not silent)
        finally:
            await fault.heal()
            await world.kill_all()


async def test_a_server_that_never_met_the_full_disk_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what the server's log says after the disk was filled shows that the fault was one."""
    monkeypatch.setattr("tests.faults.storing._TOLD_WITHIN_S", 0.3)
    log = tmp_path / "n1.log"
    log.write_bytes(b"[ERR] write: no space left on device\n")
    since = log.stat().st_size
    assert await _tells_of_no_room(log, 0)
    assert not await _tells_of_no_room(log, since)


def test_a_service_whose_log_is_dated_as_ever_has_not_seen_its_clock_jump(tmp_path: Path) -> None:
    """Instants are read from where the jump was made, by the service's own clock."""
    log = tmp_path / "exchange.log"
    log.write_bytes(b'{"timestamp": "2026-11-23T03:00:00.000000Z"}\n')
    since = log.stat().st_size
    with log.open("ab") as out:
        out.write(b'{"timestamp": "2026-11-24T09:00:00.000000Z"}\n')
    assert list(_instants(log, since)) == [datetime(2026, 11, 24, 9, 0, tzinfo=UTC)]


@pytest.mark.skipif(_library() is None, reason="libfaketime is not installed")
@pytest.mark.parametrize(
    ("program", "sees"),
    [
        ("signal.pause()", False),
        ("asyncio.run(look(False))", True),
        ("asyncio.run(look(True))", True),
    ],
)
async def test_a_silent_service_that_never_took_the_new_time_has_not_seen_its_clock_jump(
    tmp_path: Path, program: str, *, sees: bool
) -> None:
    """What does not look at its clock after the jump has not met it, and that is a problem."""
    world = World(tmp_path / "world", 1)
    world.logs.mkdir(parents=True)
    script = tmp_path / "script.py"
    script.write_text(_LOOKING + f"print('ready', flush=True)\n{program}\n")
    names = ("exchange", "exchange-urgent", "tracker", "story", "first-response")
    one = Kept("one", [sys.executable, str(script)], world.logs / "one.log")
    world.services = dict.fromkeys(names, one)
    await one.start()
    fault = ClockJump(world, Random(1))
    try:
        await fault.strike()
        if sees:
            async with asyncio.timeout(30):
                while not fault._has_seen():
                    await asyncio.sleep(0.1)
            await fault.heal()
        else:
            await asyncio.sleep(2.5)  # longer than the library goes by what it read before
            with pytest.raises(UnmetError, match="never saw its clock jump"):
                await fault.heal()
    finally:
        await one.away()
    assert one.ended_by_itself == 0


_LOOKING = """
import asyncio, datetime, signal, sys

async def look(aloud):
    while True:
        at = datetime.datetime.now(datetime.UTC)
        if aloud:
            print(f'"timestamp": "{at.isoformat()}"', file=sys.stderr, flush=True)
        await asyncio.sleep(0.2)
"""


def test_every_link_of_a_cut_is_dropped_in_the_directions_that_are_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half-open means one direction; mending takes away every rule that was made."""
    monkeypatch.setenv("FAULTS_ENCLOSED", "root")
    rules: list[tuple[str, ...]] = []
    monkeypatch.setattr("tests.faults.links._iptables", lambda *rule: rules.append(rule))
    cut = Cut([to_node(1, 2), between(3, 1)], towards=False, share=0.5)
    cut.make()
    assert [rule[2:4] for rule in rules] == [("-s", "127.2.1.2"), ("-s", "127.1.3.1")]
    assert all("0.50" in rule for rule in rules)
    cut.mend()
    assert sorted(rule[0] for rule in rules) == ["-A", "-A", "-D", "-D"]
    assert sorted(rule[1:] for rule in rules[:2]) == sorted(rule[1:] for rule in rules[2:])
