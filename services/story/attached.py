"""Which statements have an attachment, and removing every object that none names any more.

A row of `attached` outlives its statement until the object has been removed, so that what a killed
process left undone is done at the next start.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NoReturn

import orjson
from sqlalchemy import Connection, Row, and_, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from services.runtime import log
from services.story import objects
from services.story.attachment_tables import ATTACHED
from services.story.entries import Told
from services.story.store import Store
from services.story.tables import STATEMENTS

KEEP_UNNAMED: Final = timedelta(days=62)
"""How long an upload waits for its message: a seal is good for 30 days, and it may be held then."""

_SWEEP_EVERY_S: Final = 3600.0
_MARK: Final = b'"attachment"'
_STATEMENT: Final = and_(
    STATEMENTS.c.ledger == ATTACHED.c.ledger, STATEMENTS.c.place == ATTACHED.c.place
)
_log = log.get(__name__)


def note(connection: Connection, told: Iterable[Told]) -> None:
    """Write down which statements of messages just stored have an attachment; bears repetition."""
    rows = [row for one in told for row in _rows(one)]
    if rows:
        ledgers = {row["ledger"] for row in rows}
        connection.execute(delete(ATTACHED).where(ATTACHED.c.ledger.in_(ledgers)))
        connection.execute(insert(ATTACHED), rows)


def object_of(connection: Connection, ledger: int, place: int) -> str | None:
    """Return the object that is attached to a statement, or None where none is."""
    here = (ATTACHED.c.ledger == ledger, ATTACHED.c.place == place)
    found: str | None = connection.scalar(select(ATTACHED.c.object).where(*here))
    return found


async def marked(store: Store, body: bytes) -> bytes:
    """Return an answer in which each statement with an attachment says whether it is stored.

    `document` is `stored`, or `missing` where nobody has uploaded it whole.
    """
    if _MARK not in body:
        return body
    told = orjson.loads(body)
    having = [one for one in told["statements"] if one["statement"].get("attachment")]
    names = {one["statement"]["attachment"]["object"] for one in having}
    there = await store.run_objects(partial(objects.whole, objects=names))
    for one in having:
        stored = one["statement"]["attachment"]["object"] in there
        one["document"] = "stored" if stored else "missing"
    return orjson.dumps(told)


async def clear(store: Store, child: str | None = None, until: datetime | None = None) -> int:
    """Remove every object whose statements have all been erased, and return how many there were.

    With `child` and `until`, what was uploaded about that child until then goes too, whether or not
    a message has named it.
    """
    dead = await store.run(_dead)
    doomed = {row.object for row in dead}
    if child is not None and until is not None:
        doomed |= await store.run_objects(partial(objects.begun, until=until, child=child))
    gone = await _remove(store, doomed)
    await store.run(partial(_forget, rows=dead))
    return gone


async def sweep(store: Store, now: datetime) -> int:
    """Remove what was uploaded long before `now` and that no statement names."""
    old = await store.run_objects(partial(objects.begun, until=now - KEEP_UNNAMED))
    return await _remove(store, old)


async def keep_swept(store: Store) -> NoReturn:
    """Sweep until cancelled; one that fails is logged and done again."""
    while True:
        try:
            gone = await sweep(store, datetime.now(UTC))
            if gone:
                _log.info("attachments.swept", count=gone)
        except SQLAlchemyError as error:
            _log.warning("attachments.not-swept", **log.error_keys(error))
        await asyncio.sleep(_SWEEP_EVERY_S)


def _rows(told: Told) -> list[dict[str, Any]]:
    return [
        {
            "ledger": told.entry.ledger,
            "place": place,
            "child": told.entry.child,
            "object": one.statement.attachment.object,
        }
        for place, one in enumerate(told.statements)
        if one.statement.attachment is not None
    ]


async def _remove(store: Store, doomed: set[str]) -> int:
    left = doomed - await store.run(_live) if doomed else doomed
    if not left:
        return 0
    gone = await store.run_objects(partial(objects.remove, objects=left))
    await store.flush_objects()
    return gone


def _live(connection: Connection) -> set[str]:
    joined = ATTACHED.join(STATEMENTS, _STATEMENT)
    return set(connection.scalars(select(ATTACHED.c.object).select_from(joined)))


def _dead(connection: Connection) -> Sequence[Row[Any]]:
    joined = ATTACHED.outerjoin(STATEMENTS, _STATEMENT)
    columns: tuple[Any, ...] = (ATTACHED.c.ledger, ATTACHED.c.place, ATTACHED.c.object)
    wanted = select(*columns).select_from(joined).where(STATEMENTS.c.ledger.is_(None))
    return connection.execute(wanted).all()


def _forget(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    for row in rows:
        here = (ATTACHED.c.ledger == row.ledger, ATTACHED.c.place == row.place)
        connection.execute(delete(ATTACHED).where(*here))
