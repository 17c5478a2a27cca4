"""The tools that faults are made with do what they say, and harm nothing else."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.campaign import Report, ending_lines, recovery_lines
from tests.faults.disks import Disk
from tests.faults.jumping import _instants
from tests.faults.kept import Kept
from tests.faults.links import Cut, between, to_node
from tests.faults.storing import _tells_of_no_room
from tests.faults.watching import SentFiles, _tells


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


async def test_why_a_program_ended_by_itself_is_read_from_its_own_log(tmp_path: Path) -> None:
    """The last code or type of error that it logged; nothing where it said nothing."""
    line = '{"event": "service.ended", "code": "nats.unreachable"}'
    for said, why in (
        (f"import sys; sys.stderr.write({line!r})", "nats.unreachable"),
        ("pass", ""),
    ):
        kept = Kept("brief", [sys.executable, "-c", said], tmp_path / "log")
        kept.begin()
        async with asyncio.timeout(30):
            while not kept.endings:
                await asyncio.sleep(0.05)
        await kept.away()
        assert kept.endings[0] == why


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
