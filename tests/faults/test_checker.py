"""The checker of the faults finds nothing where nothing is wrong, and each kind of damage by name.

A workload goes through real services and a real nats-server once; every test bends a copy of what
it left there.
"""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import orjson
import pytest

from tests.faults import checker
from tests.faults.checker_damage import DAMAGE
from tests.faults.checker_damage_bytes import SQL
from tests.faults.checker_evidence import Evidence, Recorded
from tests.faults.checks_found import LOST, TITLES
from tests.faults.checks_records import Reading
from tests.faults.checks_stores import Stores, compare_rebuilt, read_stores
from tests.faults.sender import send
from tests.live.commands import running

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES: Final = 240
SETTLE_S: Final = 60
ARITHMETIC: Final = ("base64url", "jws", "merkle", "strict_json")


@dataclass(frozen=True)
class Ran:
    """A folder of state after a workload has gone through it, and what it left."""

    folder: Path
    evidence: Evidence


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Send a workload through a running system; check it as the command does."""
    folder = tmp_path_factory.mktemp("checked")
    with running(folder) as system:
        out = folder / "sent" / "one.jsonl"
        asyncio.run(send(system.folder, out, MESSAGES, "checker", 0))
        url = system.partnership.nats_url()
        recorded = Recorded(checker.whom_to_trust(system.folder))
        stores = asyncio.run(_read(system.folder, url, recorded))
        stores.rebuilt = checker.rebuild_beside(system.folder, url)
        sent = checker.read_sent(out.parent)
        heard = checker.read_heard(out.parent)
        evidence = Evidence(recorded.trust, sent, recorded.kept, stores, heard)
        yield Ran(system.folder, evidence)


async def _read(state: Path, url: str, reading: Reading) -> Stores:
    client = await checker.connect(state, url)
    try:
        ledger = checker.Ledger(client, reading)
        return await checker.settle(ledger, reading, state / "db", SETTLE_S)
    finally:
        await client.close()


@pytest.fixture
def evidence(ran: Ran) -> Evidence:
    """A copy of what the workload left."""
    whole = ran.evidence
    trust = replace(whole.trust, groups={})
    stores = deepcopy(whole.stores)
    return Evidence(trust, list(whole.sent), list(whole.records), stores, list(whole.heard))


def test_nothing_is_found_where_nothing_is_wrong(evidence: Evidence) -> None:
    """A workload without faults, with forgeries and refusals in it, leaves every column at zero."""
    report = evidence.judged()
    assert report.clean, list(report.lines())
    assert report.counts["acknowledged"] >= MESSAGES
    assert min(report.counts["forgeries"], report.counts["set_aside"]) > 0
    assert report.counts["answered"] == report.counts["acknowledged"]
    assert min(report.counts[name] for name in ("clocks", "statements", "heads", "witnesses")) > 0
    assert {one.expect for one in evidence.sent} >= {"accepted", "refused"}


def test_an_empty_ledger_is_not_clean(evidence: Evidence) -> None:
    """Nothing sent proves nothing: the checker does not call it clean."""
    empty = Evidence(evidence.trust, [], [], Stores())
    assert not empty.judged().clean


def test_what_nothing_is_there_of_is_not_clean(evidence: Evidence) -> None:
    """Without answers, statements, heads or witnesses there was nothing to check of them."""
    report = evidence.judged()
    for name in ("acknowledged", "answered", "statements", "heads", "witnesses"):
        assert not replace(report, counts={**report.counts, name: 0}).clean
    evidence.heard.clear()
    assert evidence.judged().findings.total == 0
    assert not evidence.judged().clean


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda made: made.__name__.strip("_"))
def test_each_kind_of_damage_is_counted_in_its_own_column(
    evidence: Evidence, damage: Callable[[Evidence], None]
) -> None:
    """Whatever is missing, doubled, moved or forged turns the checker's answer to no, by name."""
    damage(evidence)
    report = evidence.judged()
    assert report.findings.found[DAMAGE[damage]]
    assert not report.clean


@pytest.mark.parametrize("damage", SQL)
def test_bytes_that_are_gone_from_the_services_databases_are_lost(
    ran: Ran, evidence: Evidence, tmp_path: Path, damage: str
) -> None:
    """Words without their key and deliveries without their bytes are lost, though rows remain."""
    pattern, statement = SQL[damage]
    changed = 0
    for path in (ran.folder / "db").glob("*.sqlite"):
        copy = tmp_path / path.name
        with closing(sqlite3.connect(path)) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as database, database:
            if fnmatch(path.stem, pattern):
                changed += database.execute(statement).rowcount
    assert changed > 0
    evidence.stores = replace(read_stores(tmp_path), rebuilt=[])
    report = evidence.judged()
    assert report.findings.found[LOST]


def test_packs_that_are_gone_are_no_loss(evidence: Evidence) -> None:
    """A pack only repeats what the statements hold, and is made again from them."""
    story = evidence.stores.story
    evidence.stores.story = {at: replace(told, packed=None) for at, told in story.items()}
    assert evidence.judged().clean


def test_every_column_has_its_damage() -> None:
    """No column of the table is one that nothing could ever fill."""
    assert set(DAMAGE.values()) == set(TITLES)


def test_a_table_that_was_built_otherwise_is_told(ran: Ran, tmp_path: Path) -> None:
    """A clock that a rebuild would not give, or gives otherwise, shows in the comparison."""
    live = tmp_path / "live.sqlite"
    with closing(sqlite3.connect(ran.folder / "db" / "tracker.sqlite")) as database:
        database.execute("VACUUM INTO ?", (str(live),))
    fresh = tmp_path / "fresh.sqlite"
    shutil.copy(live, fresh)
    assert compare_rebuilt(live, fresh) == []
    with closing(sqlite3.connect(fresh)) as database, database:
        database.execute("DELETE FROM clocks WHERE rowid = (SELECT min(rowid) FROM clocks)")
    (told,) = compare_rebuilt(live, fresh)
    assert told.startswith("clocks ")


def test_the_command_exits_1_when_something_was_found(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code says what the table says: 0 with nothing found, 1 when a message is lost."""
    url = f"nats://127.0.0.1:{orjson.loads((ran.folder / 'nats' / 'port').read_bytes())}"
    words = ["--state", str(ran.folder), "--url", url, "--no-rebuild", "--settle", "0", "--json"]
    sent = tmp_path / "sent"
    shutil.copytree(ran.folder.parent / "sent", sent)
    assert checker.main([*words, "--sent", str(sent)]) == 0
    assert orjson.loads(capsys.readouterr().out)["clean"] is True
    line = orjson.loads((sent / "one.jsonl").read_bytes().splitlines()[0])
    lost = {**line, "message": "M" * 26, "sealed": "0" * 64, "submission": "0" * 64}
    (sent / "two.jsonl").write_bytes(orjson.dumps(lost) + b"\n")
    assert checker.main([*words, "--sent", str(sent)]) == 1
    assert orjson.loads(capsys.readouterr().out)["found"]["lost"] == 1


def test_the_checker_shares_no_code_with_what_it_checks() -> None:
    """Of the project only signatures, Merkle paths and their encodings are used, and no service."""
    told = "import sys, tests.faults.checker; print(*sys.modules)"
    command = [sys.executable, "-c", told]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    ours = {name for name in made.stdout.split() if name.startswith(("services", "consent"))}
    assert ours == set()
    contracts = {name for name in made.stdout.split() if name.startswith("contracts.")}
    assert contracts <= {f"contracts.{name}" for name in ARITHMETIC}
