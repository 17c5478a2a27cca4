"""The story's two databases: statements and reads in one, the children's keys in another.

They are apart so that destroying a key in the small one erases a story in every copy of the large
one. SQLite files by default, PostgreSQL by URL; both runners have one thread.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, MetaData, event, insert, select

from contracts.errors import HandrailError
from contracts.kinds import iso
from services.runtime.sql import SqlRunner, create_tables, engine
from services.story.locking import new_child_key
from services.story.tables import CHILD_KEYS, KEYS, STORY

Result = TypeVar("Result")

_SQLITE: Final = "sqlite"


class Store:
    """Open both databases and make what tables are missing; URLs as `runtime.sql.engine` takes."""

    def __init__(self, story_url: str, keys_url: str) -> None:
        self._databases = (_opened(story_url, STORY), _opened(keys_url, KEYS))
        self._story, self._keys = (SqlRunner(database) for database in self._databases)

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in a transaction on the database of statements and reads."""
        return await self._story.run(work)

    async def child_keys(self, children: Iterable[str], now: datetime) -> dict[str, bytes]:
        """Return the keys of `children`; a child without one gets one, stored before it is used."""
        wanted = sorted(set(children))
        return await self._keys.run(lambda c: _keys_of(c, wanted, now)) if wanted else {}

    async def child_key(self, child: str) -> bytes | None:
        """Return the key of `child`, or None where there is none."""
        found = await self._keys.run(lambda c: _held(c, [child]))
        return found.get(child)

    async def destroy_key(self, child: str) -> bool:
        """Destroy the key of `child` and return whether there was one; `scrub` ends it on disk."""
        gone = await self._keys.run(
            lambda c: c.execute(CHILD_KEYS.delete().where(CHILD_KEYS.c.child == child)).rowcount
        )
        return gone > 0

    async def scrub(self) -> None:
        """Rewrite both databases so that nothing deleted is left in their files.

        Raises `HandrailError` `story.erasure-unfinished` when another process is in the way.
        """
        for database, tables in zip(self._databases, (STORY, KEYS), strict=True):
            await asyncio.to_thread(_scrub, database, tables)

    async def close(self) -> None:
        """Finish what has been asked for and close the connections."""
        await self._story.close()
        await self._keys.close()


def _opened(url: str, tables: MetaData) -> Engine:
    database = engine(url)
    if database.dialect.name == _SQLITE:
        event.listen(database, "connect", _overwrite_deleted)
    create_tables(database, tables)
    return database


def _overwrite_deleted(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    connection.execute("PRAGMA secure_delete = ON")
    # What VACUUM sorts would otherwise lie in a temporary file.
    connection.execute("PRAGMA temp_store = MEMORY")


def _keys_of(connection: Connection, children: list[str], now: datetime) -> dict[str, bytes]:
    held = _held(connection, children)
    made = {child: new_child_key() for child in children if child not in held}
    if made:
        rows = [{"child": c, "secret": key, "made_at": iso(now)} for c, key in made.items()]
        connection.execute(insert(CHILD_KEYS), rows)
    return held | made


def _held(connection: Connection, children: list[str]) -> dict[str, bytes]:
    found = connection.execute(
        select(CHILD_KEYS.c.child, CHILD_KEYS.c.secret).where(CHILD_KEYS.c.child.in_(children))
    )
    return {row.child: bytes(row.secret) for row in found}


def _scrub(database: Engine, tables: MetaData) -> None:
    if database.dialect.name == _SQLITE:
        _scrub_sqlite(database)
        return
    with database.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for table in tables.sorted_tables:
            connection.exec_driver_sql(f"VACUUM (FULL) {table.name}")


def _scrub_sqlite(database: Engine) -> None:
    # A connection of SQLAlchemy's own would begin a transaction, in which VACUUM cannot run.
    raw = database.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        blocked = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        cursor.close()
    finally:
        raw.close()
    if blocked:
        raise HandrailError(
            "story.erasure-unfinished",
            "the erased rows are gone, but their bytes may still be in the database's files",
            "close other programs that have the story's databases open, then erase again",
        )
