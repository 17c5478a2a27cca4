"""The story's two databases: statements and reads in one, the children's keys in another.

They are apart so that destroying a key in the small one erases a story in every copy of the large
one. SQLite files by default, PostgreSQL by URL; both runners have one thread.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, MetaData, bindparam, event, insert, select

from contracts.errors import HandrailError
from contracts.kinds import iso
from contracts.matching import KEY_BYTES
from services.runtime.sql import SqlRunner, create_tables, engine
from services.story import own_words
from services.story.attachment_tables import OBJECTS
from services.story.erasure_tables import NEXT_KEYS
from services.story.index_tables import MATCHING_KEYS
from services.story.locking import new_child_key
from services.story.recent import Recent
from services.story.tables import CHILD_KEYS, KEYS, STORY

Result = TypeVar("Result")

_SQLITE: Final = "sqlite"
_KEY_OF: Final = select(CHILD_KEYS.c.secret).where(CHILD_KEYS.c.child == bindparam("of_child"))


class Store:
    """Open the databases and make what tables are missing; URLs as `runtime.sql.engine` takes."""

    def __init__(self, story_url: str, keys_url: str, objects_url: str | None = None) -> None:
        """Keep attachments in `objects_url`; where it is left out, beside the statements."""
        self._databases = (_opened(story_url, STORY), _opened(keys_url, KEYS))
        _settle_own_words(*self._databases)
        self._story, self._keys = (SqlRunner(database) for database in self._databases)
        self._apart = _opened(objects_url, OBJECTS) if objects_url else None
        self._objects = SqlRunner(self._apart) if self._apart is not None else self._story
        if self._apart is None:
            create_tables(self._databases[0], OBJECTS)
        self.recent = Recent()
        self.changing = asyncio.Lock()
        """Held while a child's key changes, and from looking a key up until it has been used."""

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in a transaction on the database of statements and reads."""
        return await self._story.run(work)

    async def run_with_key(
        self, child: str, work: Callable[[Connection, bytes | None], Result]
    ) -> Result:
        """Do as `run` does, and give `work` the key of `child` too, None where there is none.

        Both databases are asked in one go: going to another thread and back costs as much as the
        question. Hold `changing`.
        """

        def with_key(connection: Connection) -> Result:
            with self._databases[1].begin() as keys:
                key = keys.scalar(_KEY_OF, {"of_child": child})
            return work(connection, None if key is None else bytes(key))

        return await self._story.run(with_key)

    async def run_objects(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in a transaction on the database of attachments."""
        return await self._objects.run(work)

    async def flush_objects(self) -> None:
        """Have what was removed from the database of attachments leave its log file too.

        Deleted pages are overwritten already; what a reader holds back goes with the next one.
        """
        if self._apart is not None and self._apart.dialect.name == _SQLITE:
            await asyncio.to_thread(_flush, self._apart)

    async def child_keys(self, children: Iterable[str], now: datetime) -> dict[str, bytes]:
        """Return the keys of `children`; a child without one gets one, stored before it is used."""
        wanted = sorted(set(children))
        return await self._keys.run(lambda c: _keys_of(c, wanted, now)) if wanted else {}

    async def child_key(self, child: str) -> bytes | None:
        """Return the key of `child`, or None where there is none."""
        found = await self._keys.run(lambda c: _held(c, [child]))
        return found.get(child)

    async def matching_key(self, now: datetime) -> bytes:
        """Return the partnership's matching key, made and stored when it is first asked for."""
        return await self._keys.run(lambda c: _matching_key(c, now))

    async def next_key(self, child: str, now: datetime) -> tuple[bytes | None, bytes]:
        """Return the present key of `child`, if any, and the one that is to take its place.

        The next one is stored before it is used, and stays the same until `change_key`.
        """
        return await self._keys.run(lambda c: _next_of(c, child, now))

    async def change_key(self, child: str, *, kept: bool) -> bool:
        """Destroy the present key of `child`, and put the next one in its place if it is `kept`.

        Returns whether there was one; `scrub` ends it on disk.
        """
        self.recent.forget(child)
        return await self._keys.run(lambda c: _change(c, child, kept=kept))

    async def changing_keys(self) -> dict[str, tuple[bytes | None, bytes]]:
        """Return the present and the next key of every child whose key was about to change."""
        return await self._keys.run(_unchanged)

    async def destroy_key(self, child: str) -> bool:
        """Destroy the key of `child` and return whether there was one; `scrub` ends it on disk."""
        self.recent.forget(child)
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
        if self._apart is not None:
            await self._objects.close()
        await self._keys.close()


def _opened(url: str, tables: MetaData) -> Engine:
    database = engine(url)
    if database.dialect.name == _SQLITE:
        event.listen(database, "connect", _overwrite_deleted)
    create_tables(database, tables)
    return database


def _settle_own_words(story: Engine, keys: Engine) -> None:
    with story.begin() as connection, keys.begin() as held:
        own_words.settle(connection, lambda child: held.scalar(_KEY_OF, {"of_child": child}))


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


def _matching_key(connection: Connection, now: datetime) -> bytes:
    found = connection.scalar(select(MATCHING_KEYS.c.secret))
    if found is None:
        found = secrets.token_bytes(KEY_BYTES)
        made = {"purpose": "children", "secret": found, "made_at": iso(now)}
        connection.execute(insert(MATCHING_KEYS).values(**made))
    return bytes(found)


def _next_of(connection: Connection, child: str, now: datetime) -> tuple[bytes | None, bytes]:
    here = NEXT_KEYS.c.child == child
    found = connection.scalar(select(NEXT_KEYS.c.secret).where(here))
    secret = bytes(found) if found is not None else new_child_key()
    if found is None:
        connection.execute(insert(NEXT_KEYS).values(child=child, secret=secret, made_at=iso(now)))
    return _held(connection, [child]).get(child), secret


def _change(connection: Connection, child: str, *, kept: bool) -> bool:
    here = NEXT_KEYS.c.child == child
    following = connection.execute(select(NEXT_KEYS).where(here)).mappings().one_or_none()
    gone = connection.execute(CHILD_KEYS.delete().where(CHILD_KEYS.c.child == child)).rowcount
    if kept and following is not None:
        connection.execute(insert(CHILD_KEYS).values(**following))
    connection.execute(NEXT_KEYS.delete().where(here))
    return gone > 0


def _unchanged(connection: Connection) -> dict[str, tuple[bytes | None, bytes]]:
    rows = connection.execute(select(NEXT_KEYS.c.child, NEXT_KEYS.c.secret)).all()
    present = _held(connection, [row.child for row in rows])
    return {row.child: (present.get(row.child), bytes(row.secret)) for row in rows}


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


def _flush(database: Engine) -> None:
    raw = database.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


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
