"""Positions and rows stand or fall together, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.exc import IntegrityError

from contracts.errors import HandrailError
from services.runtime.sql import SqlRunner, create_tables, engine, read_position, write_position

METADATA = MetaData()
ROWS = Table("rows", METADATA, Column("id", Integer, primary_key=True))
PARTS = Table("parts", METADATA, Column("row", ForeignKey("rows.id"), nullable=False))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file in a folder that does not exist yet."""
    return f"sqlite:///{tmp_path}/state/store.sqlite"


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database with tables, once of each kind."""
    opened = engine(request.getfixturevalue(request.param).replace("+psycopg", ""))
    create_tables(opened, METADATA)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Engine]:
    """Give an empty SQLite database with tables."""
    opened = engine(sqlite_url)
    create_tables(opened, METADATA)
    yield opened
    opened.dispose()


def count(connection: Connection) -> int:
    """Count the rows."""
    return connection.scalar(select(func.count()).select_from(ROWS)) or 0


def test_a_position_starts_at_zero_and_moves_forward(database: Engine) -> None:
    """A position is 0 until it is written, may be written again and moves up."""
    with database.begin() as connection:
        assert read_position(connection, "tracker") == 0
        for sequence in (3, 3, 9):
            write_position(connection, "tracker", sequence)
    with database.begin() as connection:
        assert read_position(connection, "tracker") == 9
        assert read_position(connection, "other") == 0


def test_a_column_that_joins_later_comes_to_the_rows_of_before(database: Engine) -> None:
    """A database of an earlier version goes on with what it holds; opening it twice is the same."""
    before, after = MetaData(), MetaData()
    Table("things", before, Column("id", Integer, primary_key=True))
    things = Table(
        "things",
        after,
        Column("id", Integer, primary_key=True),
        Column("own", Boolean, nullable=False, server_default=true()),
    )
    create_tables(database, before)
    with database.begin() as connection:
        connection.execute(insert(before.tables["things"]).values(id=1))
    create_tables(database, after)
    create_tables(database, after)
    with database.begin() as connection:
        connection.execute(insert(things).values(id=2, own=False))
        assert connection.execute(select(things).order_by(things.c.id)).all() == [
            (1, True),
            (2, False),
        ]


def test_a_position_never_moves_back(database: Engine) -> None:
    """A writer that is behind another is refused, and what it wrote is rolled back."""
    with database.begin() as connection:
        write_position(connection, "tracker", 9)

    def fall_behind() -> None:
        with database.begin() as connection:
            connection.execute(insert(ROWS).values(id=1))
            write_position(connection, "tracker", 8)

    with pytest.raises(HandrailError, match=r"position\.backwards"):
        fall_behind()

    with database.begin() as connection:
        assert (read_position(connection, "tracker"), count(connection)) == (9, 0)


async def test_rows_and_position_are_rolled_back_together(database: Engine) -> None:
    """Work that raises after writing leaves neither its rows nor its position."""
    runner = SqlRunner(database)

    def work(connection: Connection) -> None:
        connection.execute(insert(ROWS).values(id=1))
        write_position(connection, "tracker", 5)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await runner.run(work)

    assert await runner.run(lambda c: (read_position(c, "tracker"), count(c))) == (0, 0)
    await runner.close()


async def test_work_runs_in_one_thread_in_the_order_asked_for(sqlite: Engine) -> None:
    """Transactions asked for together run one after another, away from the event loop."""
    runner = SqlRunner(sqlite)
    threads = set()

    def add(number: int) -> Callable[[Connection], int]:
        def work(connection: Connection) -> int:
            threads.add(threading.get_ident())
            connection.execute(insert(ROWS).values(id=number))
            return count(connection)

        return work

    counts = await asyncio.gather(*(runner.run(add(number)) for number in range(20)))
    await runner.close()

    assert counts == list(range(1, 21))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_two_writers_of_sqlite_wait_for_each_other(sqlite_url: str) -> None:
    """A transaction that reads before it writes does not fail beside another writer."""
    engine(sqlite_url).dispose()
    first, second = engine(sqlite_url), engine(sqlite_url)
    create_tables(first, METADATA)

    def add(database: Engine) -> None:
        for _ in range(25):
            with database.begin() as connection:
                write_position(connection, "shared", read_position(connection, "shared") + 1)

    writers = [threading.Thread(target=add, args=(database,)) for database in (first, second)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with first.begin() as connection:
        assert read_position(connection, "shared") == 50
    first.dispose()
    second.dispose()


def test_sqlite_is_durable_checked_and_private(sqlite: Engine, tmp_path: Path) -> None:
    """SQLite writes ahead with full synchronisation, keeps foreign keys, and hides its files."""
    with sqlite.begin() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        connection.execute(insert(ROWS).values(id=1))
        files = list((tmp_path / "state").iterdir())
        assert len(files) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    with pytest.raises(IntegrityError), sqlite.begin() as connection:
        connection.execute(insert(PARTS).values(row=99))

    assert modes == ["wal", 2, 1]


def test_an_error_of_the_database_does_not_show_values(database: Engine) -> None:
    """The text of a failed statement holds none of its parameters."""
    with pytest.raises(IntegrityError) as caught, database.begin() as connection:
        connection.execute(insert(ROWS).values([{"id": 424242}, {"id": 424242}]))

    assert "[SQL parameters hidden" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "hunter2", "mysql://a:hunter2@b/c", "postgresql://a:hunter2@b:x/c"]
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: str) -> None:
    """A wrong URL is an error with a remedy, and its password is not repeated."""
    with pytest.raises(HandrailError) as caught:
        engine(url)

    assert caught.value.code == "database.url-invalid"
    assert "hunter2" not in str(caught.value)


def test_a_second_opening_keeps_the_locks_of_the_first(sqlite_url: str) -> None:
    """What is written after another program has read the database is on disk, not in a lost WAL."""
    path = sqlite_url.removeprefix("sqlite:///")
    first = engine(sqlite_url)
    create_tables(first, METADATA)
    with first.begin() as connection:
        connection.execute(insert(ROWS).values(id=1))
    second = engine(sqlite_url)
    reads = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select * from rows').fetchall()"
    )
    subprocess.run([sys.executable, "-c", reads, path], check=True)

    with first.begin() as connection:
        connection.execute(insert(ROWS).values(id=2))

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("select id from rows order by id").fetchall() == [(1,), (2,)]
    first.dispose()
    second.dispose()
