"""What `handrail doctor` finds of what lies on the disk, with nothing running."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.doctor import server, stored
from services.cli.doctor.databases import Condition
from services.cli.doctor.finding import State
from services.cli.founding import create
from services.cli.main import app
from services.runtime.sql import create_tables, engine
from services.story.tables import KEYS, STORY
from tests.unit.test_doctor import states

CHILD = "11111111-1111-4111-8111-111111111111"
WELL = stored.StoredFacts(half_restored=False, ledger=True, used=True, keyless=0)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give a folder with a ledger's stream, a story that says something, and its keys."""
    (tmp_path / "nats/store/jetstream/HUB/streams/LEDGER").mkdir(parents=True)
    for name, tables in (("story", STORY), ("story-keys", KEYS)):
        database = engine(f"sqlite:///{tmp_path}/db/{name}.sqlite")
        create_tables(database, tables)
        database.dispose()
    write(
        tmp_path / "db/story.sqlite",
        "insert into messages values (44, ?, 'm', 'SUBMIT_a_b', 1, 'a.b', 'k', '', '', 0, '')",
        CHILD,
    )
    write(
        tmp_path / "db/story.sqlite",
        "insert into statements "
        "(ledger, place, digest, category, question, ciphertext, wrapped_key)"
        " values (44, 0, ?, '', 0, x'00', x'00')",
        "d",
    )
    write(tmp_path / "db/story-keys.sqlite", "insert into child_keys values (?, x'00', '')", CHILD)
    return tmp_path


def write(path: Path, statement: str, *values: str) -> None:
    """Change a database, and leave none of the files beside it."""
    with closing(sqlite3.connect(path)) as base:
        base.execute(statement, values)
        base.commit()


def found(folder: Path, last: int | None = None) -> dict[str, State]:
    """What is said of a folder by check."""
    return states(stored.judge(stored.gather(folder), embedded=True, last=last))


def test_what_is_whole_is_ok_and_is_left_as_it_is(state: Path) -> None:
    """Every check is made, none finds anything, and no file is changed or made."""
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    assert set(found(state, 44).values()) == {State.OK}
    assert set(found(state)) == {"databases", "ledger", "story.keys"}
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


def test_a_database_that_somebody_has_open_is_read_with_what_is_in_its_log(state: Path) -> None:
    """What is committed and not yet in the file itself counts."""
    with closing(sqlite3.connect(state / "db/story-keys.sqlite")) as base:
        base.execute("pragma journal_mode = wal")
        base.execute("delete from child_keys")
        base.commit()
        assert found(state)["story.keys"] is State.WRONG


def _random_bytes(state: Path) -> None:
    path = state / "db/story.sqlite"
    path.write_bytes(os.urandom(path.stat().st_size))


def _some_random_bytes(state: Path) -> None:
    with (state / "db/story.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096))


def _no_keys(state: Path) -> None:
    (state / "db/story-keys.sqlite").unlink()


def _one_key_less(state: Path) -> None:
    write(state / "db/story-keys.sqlite", "delete from child_keys")


def _no_ledger(state: Path) -> None:
    streams = state / "nats/store/jetstream/HUB/streams"
    (streams / "LEDGER").rename(state.parent / "elsewhere")


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        (_random_bytes, "databases"),
        (_some_random_bytes, "databases"),
        (_no_keys, "story.keys"),
        (_one_key_less, "story.keys"),
        (_no_ledger, "ledger"),
    ],
)
def test_data_that_is_gone_is_found_with_everything_down(
    state: Path, tmp_path_factory: pytest.TempPathFactory, harm: Callable[[Path], None], check: str
) -> None:
    """Overwritten, deleted, or moved away: the doctor says which, without a server."""
    moved = state.rename(tmp_path_factory.mktemp("harmed") / "state")
    harm(moved)
    assert found(moved)[check] is State.WRONG


def test_a_ledger_made_anew_beside_a_story_is_found() -> None:
    """A ledger that ends before what the story has stored is not the one that it followed."""
    judged = states(stored.judge(replace(WELL, reached=44), embedded=True, last=3))
    assert judged["ledger"] is State.WRONG
    assert states(stored.judge(replace(WELL, reached=44), embedded=True, last=44))["ledger"] is (
        State.OK
    )


def test_what_took_too_long_is_said_and_is_no_fault(state: Path) -> None:
    """A database that could not be read in time was not checked."""
    write(
        state / "db/story.sqlite",
        "insert into positions with recursive n(x) as "
        "(select 1 union all select x + 1 from n where x < 50000) select 'p' || x, x from n",
    )
    facts = stored.gather(state, within_s=-1)
    assert "story.sqlite" in facts.that_are(Condition.UNREAD)
    assert State.WRONG not in states(stored.judge(facts, embedded=True)).values()


def test_where_the_server_runs_elsewhere_the_ledger_is_not_looked_for() -> None:
    """Its store is not in this folder, and that is no fault."""
    assert "ledger" not in states(stored.judge(replace(WELL, ledger=False), embedded=False))


def test_a_folder_without_a_partnership_is_wrong_and_says_what_it_holds(tmp_path: Path) -> None:
    """Exit code 2 for a folder that is not there, is empty, or lacks what names the partnership."""
    words = {}
    for name, make in (
        ("absent", lambda _: None),
        ("empty", Path.mkdir),
        ("ledger", lambda folder: (folder / "nats/store").mkdir(parents=True)),
        ("other", lambda folder: (folder / "papers").mkdir(parents=True)),
    ):
        make(tmp_path / name)
        done = CliRunner().invoke(app, ["doctor", "--dir", str(tmp_path / name), "--json"])
        assert done.exit_code == 2
        (one,) = json.loads(done.stdout)["checks"]
        assert (one["check"], one["state"]) == ("partnership", "wrong")
        assert one["remedy"]
        words[name] = one["what"]
    assert len(set(words.values())) == 4
    assert "ledger" in words["ledger"]


def test_a_half_restored_folder_is_wrong_although_it_has_a_partnership(tmp_path: Path) -> None:
    """A story that was being put back is told beside everything else."""
    create(tmp_path / "state", now=datetime.now(UTC))
    (tmp_path / "state/.restoring/db").mkdir(parents=True)
    (tmp_path / "state/.restoring/db/story.sqlite").touch()
    assert found(tmp_path / "state")["restore"] is State.WRONG


def test_a_server_that_runs_and_does_not_answer_is_named_by_its_process() -> None:
    """The remedy is to end it, and not to start another on the same folder first."""
    (one,) = server.judge_answer(None, None, (4711,))
    assert one.state is State.WRONG
    assert "4711" in one.what
    assert "kill 4711" in one.remedy
