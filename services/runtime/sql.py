"""SQL beside the ledger: connections, positions, and one thread that does the work.

SQLite in WAL mode is the embedded default, PostgreSQL the choice of an operator. A consumer writes
its rows and the sequence of the ledger it has reached in one transaction, so that a restart neither
skips nor repeats what the rows say.
"""

import asyncio
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from contracts.errors import HandrailError

Result = TypeVar("Result")

BUSY_TIMEOUT_MS: Final = 10_000

POSITIONS: Final = Table(
    "positions",
    MetaData(),
    Column("name", String(128), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)


def engine(url: str) -> Engine:
    """Open the database that `url` names, `sqlite:///…` or `postgresql://…`.

    SQLite runs in WAL mode with full synchronisation, foreign keys and a busy timeout; its file is
    readable by its owner alone, and its folder is made. Errors of the database never show the
    values of a statement. Raises `HandrailError` `database.url-invalid` without repeating the URL,
    which may hold a password.
    """
    target = _parsed(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target)
    if target.drivername == "postgresql":
        target = target.set(drivername="postgresql+psycopg")
    return create_engine(target, hide_parameters=True, pool_pre_ping=True)


def create_tables(database: Engine, *tables: MetaData) -> None:
    """Create the positions table, and every table and column of `tables` that is missing.

    A column comes to a table that is there already with its `server_default` in every row, so give
    each column that joins later one that is true of the rows of before.
    """
    for metadata in (POSITIONS.metadata, *tables):
        metadata.create_all(database)
        for table in metadata.sorted_tables:
            _add_columns(database, table)


def _add_columns(database: Engine, table: Table) -> None:
    there = {column["name"] for column in inspect(database).get_columns(table.name)}
    missing = [column for column in table.columns if column.name not in there]
    if not missing:
        return
    quoted = database.dialect.identifier_preparer.format_table(table)
    with database.begin() as connection:
        for column in missing:
            made = CreateColumn(column).compile(dialect=database.dialect)
            connection.execute(text(f"ALTER TABLE {quoted} ADD COLUMN {made}"))


def renewed(connection: Connection, name: str, content: int, metadata: MetaData) -> bool:
    """Have the tables of `metadata` laid out as they are now; tell whether they were made anew.

    The layout is remembered among the positions under `name`, as a checksum over the statements
    that make the tables and the number `content`. Tables of another layout are dropped with what
    they hold, so give only such as can be filled again.
    """
    layout = _layout(content, metadata)
    if read_position(connection, name) == layout:
        return False
    metadata.drop_all(connection)
    metadata.create_all(connection)
    connection.execute(delete(POSITIONS).where(POSITIONS.c.name == name))
    connection.execute(insert(POSITIONS).values(name=name, sequence=layout))
    return True


def _layout(content: int, metadata: MetaData) -> int:
    made = [str(CreateTable(table)) for table in metadata.sorted_tables]
    made += [str(CreateIndex(one)) for table in metadata.sorted_tables for one in _indexes(table)]
    return zlib.crc32("\n".join((str(content), *made)).encode()) + 1


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def read_position(connection: Connection, name: str) -> int:
    """Return the last ledger sequence stored under `name`, 0 where there is none."""
    found = connection.scalar(select(POSITIONS.c.sequence).where(POSITIONS.c.name == name))
    return int(found or 0)


def write_position(connection: Connection, name: str, sequence: int) -> None:
    """Store `sequence` under `name`, in the transaction of the rows that it stands for.

    Raises `HandrailError` `position.backwards` if a later one is stored already: then another
    process has written here, and the transaction must not be committed.
    """
    here = POSITIONS.c.name == name
    moved = connection.execute(
        update(POSITIONS).where(here, POSITIONS.c.sequence <= sequence).values(sequence=sequence)
    )
    if moved.rowcount:
        return
    if connection.scalar(select(POSITIONS.c.sequence).where(here)) is not None:
        raise HandrailError(
            "position.backwards",
            f"the position `{name}` is already beyond {sequence}",
            "make sure that one process alone writes to this database, then start it again",
        )
    connection.execute(insert(POSITIONS).values(name=name, sequence=sequence))


class SqlRunner:
    """Run transactions one after another in one thread, away from the event loop.

    One thread suits SQLite, which has one writer, and keeps the order in which work was asked for.
    """

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql")

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` with a connection inside a transaction and return what it returns.

        Commits when it returns and rolls back when it raises, and raises the same. A caller that is
        cancelled no longer waits, but the transaction goes on to its end.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._in_transaction, work
        )

    async def close(self) -> None:
        """Finish the work that has been asked for and close the connections."""
        await asyncio.to_thread(self._thread.shutdown)
        self._database.dispose()

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        with self._database.begin() as connection:
            return work(connection)


def _parsed(url: str) -> URL:
    try:
        target = make_url(url)
        if target.drivername in {"sqlite", "postgresql", "postgresql+psycopg"}:
            return target
    except (ArgumentError, ValueError):
        pass
    raise HandrailError(
        "database.url-invalid",
        "the database URL is not one of SQLite or PostgreSQL",
        "write it as `sqlite:///path/to/file` or `postgresql://user:password@host/database`",
    ) from None


def _sqlite(target: URL) -> Engine:
    if target.database and target.database != ":memory:":
        path = Path(target.database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create_private(path)
    database = create_engine(target, hide_parameters=True)
    event.listen(database, "connect", _prepare_sqlite)
    event.listen(database, "begin", _begin_sqlite)
    return database


def _create_private(path: Path) -> None:
    """Make the file where there is none, because SQLite gives its WAL file the same permissions.

    One that is there is never opened: closing any descriptor of a file drops every lock that the
    process holds on it, SQLite's too (fcntl(2), "Record locking"). Another process would then take
    itself for the last to leave and remove the WAL that this one goes on writing to.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    # Python's driver would open a transaction at the first write only; `_begin_sqlite` does it.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer; this one can.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
