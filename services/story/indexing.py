"""Keeping the blinded index: what is due is marked anew, at once and again until it is done."""

import asyncio
import zlib
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import HandrailError
from services.runtime import log
from services.runtime.sql import POSITIONS, read_position
from services.story import index
from services.story.store import Store

_log = log.get(__name__)

_EVERY_S: Final = 0.25
_FORM: Final = 1
"""How marks are made; another number makes every one of them anew at the next start."""

_POSITION: Final = "marks"


class Indexing:
    """Marks the children of one store; one task at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._working = asyncio.Lock()

    async def prepare(self) -> None:
        """Have every child marked anew where the matching key or the form of marks is another."""
        key = await self._store.matching_key(datetime.now(UTC))
        await self._store.run(partial(_same_key, made=zlib.crc32(key + bytes([_FORM])) + 1))

    async def work(self) -> None:
        """Mark every child that is due; one whose statements do not open is logged and left."""
        async with self._working:
            failed: set[str] = set()
            while left := [c for c in await self._due(len(failed)) if c not in failed]:
                for child in left:
                    try:
                        await self._renew(child)
                    except HandrailError as error:
                        _log.error("marks.not-made", **log.error_keys(error))
                        failed.add(child)

    async def keep_working(self) -> NoReturn:
        """Work until cancelled; what fails is logged and done again."""
        while True:
            try:
                await self.work()
            except (SQLAlchemyError, HandrailError) as error:
                _log.warning("marks.not-made", **log.error_keys(error))
            await asyncio.sleep(_EVERY_S)

    async def _due(self, beside: int) -> list[str]:
        return await self._store.run(partial(index.due_children, most=100 + beside))

    async def _renew(self, child: str) -> None:
        now = datetime.now(UTC)
        matching_key = await self._store.matching_key(now)
        async with self._store.changing:
            key = await self._store.child_key(child)
            await self._store.run(
                partial(index.renew, child=child, child_key=key, matching_key=matching_key, now=now)
            )


def _same_key(connection: Connection, made: int) -> None:
    if read_position(connection, _POSITION) == made:
        return
    index.all_due(connection)
    connection.execute(delete(POSITIONS).where(POSITIONS.c.name == _POSITION))
    connection.execute(insert(POSITIONS).values(name=_POSITION, sequence=made))
