"""Handing in the notices that somebody broke the glass, and trying again until the lane has them.

Handing in again hands in the same bytes, which the exchange knows for the same message.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NoReturn

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import SQLAlchemyError

from contracts.kinds import iso
from contracts.subjects import submit, submit_stream
from contracts.submission import Wire
from services.runtime import log
from services.story.breaking_tables import GLASS_NOTICES
from services.story.store import Store

_log = log.get(__name__)

_AGAIN_S: Final = 5.0
_AT_ONCE: Final = 100


class NoticeTeller:
    """Hands in what waits, as the service `service`."""

    def __init__(self, js: JetStreamContext, store: Store, service: str) -> None:
        self._js, self._store, self._service = js, store, service

    async def tell(self) -> int:
        """Hand in every notice that waits and return how many there were.

        Raises what nats-py raises where the lane does not answer; what it acknowledged is noted.
        """
        rows = await self._store.run(_waiting)
        for row in rows:
            body = Wire(seal=row.sealed).model_dump_json(exclude_none=True).encode()
            lane = submit_stream(self._service)
            await self._js.publish(submit(self._service, row.child), body, stream=lane)
            await self._store.run(partial(_note, notice=row.id, now=datetime.now(UTC)))
        return len(rows)

    async def tell_or_later(self) -> None:
        """Hand in what waits; where that fails now, it is logged and left to `keep_telling`."""
        try:
            await self.tell()
        except (NatsError, TimeoutError, SQLAlchemyError) as error:
            _log.warning("notices.not-told", **log.error_keys(error))

    async def keep_telling(self) -> NoReturn:
        """Hand in until cancelled."""
        while True:
            await self.tell_or_later()
            await asyncio.sleep(_AGAIN_S)


def _waiting(connection: Connection) -> Sequence[Row[Any]]:
    wanted = select(GLASS_NOTICES).where(GLASS_NOTICES.c.submitted_at.is_(None)).limit(_AT_ONCE)
    return connection.execute(wanted).all()


def _note(connection: Connection, notice: str, now: datetime) -> None:
    here = GLASS_NOTICES.c.id == notice
    connection.execute(update(GLASS_NOTICES).where(here).values(submitted_at=iso(now)))
