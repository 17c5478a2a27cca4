"""Building the tables again from the ledger, beside the live ones, which are then replaced at once.

Nothing is sent: what had been told is found in the ledger, and the outbox stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from nats.aio.client import Client
from sqlalchemy import Connection, and_, delete, insert, select

from services.runtime import log
from services.runtime.connection import connect
from services.runtime.directories import from_file
from services.runtime.partnership import Partnership
from services.runtime.sql import POSITIONS, SqlRunner, engine
from services.tracker.due import due_clocks, mark_missed, note_outbox
from services.tracker.entries import FILTERS
from services.tracker.following import follow
from services.tracker.leaving import note_left
from services.tracker.reading import last_sequence, records
from services.tracker.rulebook import Rulebook, calendar_of, rulebook
from services.tracker.store import (
    FRESH,
    LIVE,
    claim_position,
    count_rows,
    prepare,
    set_position,
)

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the tables hold now, and up to which sequence of the ledger they are complete."""

    journeys: int
    messages: int
    clocks: int
    quarantined: int
    position: int


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


async def rebuild(partnership: Partnership, *, clock: Callable[[], datetime] = utc_now) -> Rebuilt:
    """Build the tables of `partnership` again, whether or not its tracker is running.

    `clock` says by what instant a clock counts as missed. Raises `HandrailError`: `nats.*`,
    `nkey.missing`, `directory.*`, `rules.*`, `ledger.unread`, `entry.*`; the tables are then as
    they were.
    """
    seen = partnership.folder / "seen" / "tracker.version"
    holder = from_file(partnership.directory_path, partnership.root_x, seen)
    await holder.refresh()
    book = rulebook(holder.current, calendar_of(partnership.settings))
    nkey = partnership.nkey("tracker")
    url, ca = partnership.nats_url(), partnership.nats_ca
    client = await connect(url, nkey, name="tracker-rebuild", ca=ca)
    database = engine(partnership.tracker_database)
    runner = SqlRunner(database)
    try:
        prepare(database)
        return await rebuild_tables(runner, client, book, clock())
    finally:
        await runner.close()
        await client.close()


async def rebuild_tables(
    runner: SqlRunner, client: Client, book: Rulebook, now: datetime
) -> Rebuilt:
    """Build the tables again by `book` as at `now`, while the live ones are followed as ever.

    They are replaced in one transaction once the new ones hold all that the live ones do. Raises
    `HandrailError` `ledger.unread` and `entry.*`; the live tables are then as they were.
    """
    await runner.run(_begin)
    try:
        reached = dict.fromkeys(FILTERS, 1)
        while True:
            live = await runner.run(partial(claim_position, tables=LIVE))
            complete = await last_sequence(client)
            for subject in FILTERS:
                reached[subject] = await _read_on(runner, client, subject, reached[subject], book)
            # A position beyond the ledger's end is of another ledger: there is nothing to keep.
            least = complete if live <= complete else None
            done = await runner.run(partial(_replace, least=least, now=now))
            if done is not None:
                _log.info("tables.rebuilt", sequence=done.position, records=done.messages)
                return done
    finally:
        await runner.run(_drop)


async def _read_on(
    runner: SqlRunner, client: Client, subject: str, first: int, book: Rulebook
) -> int:
    """Take what the ledger holds on `subject` from `first` on; return where to go on."""
    async for batch in records(client, subject, first):
        await runner.run(partial(follow, tables=FRESH, records=batch, book=book))
        first = batch[-1].sequence + 1
    return first


def _begin(connection: Connection) -> None:
    FRESH.metadata.drop_all(connection)
    FRESH.metadata.create_all(connection)
    set_position(connection, FRESH, 0)


def _replace(connection: Connection, least: int | None, now: datetime) -> Rebuilt | None:
    """Put the fresh rows in place of the live ones; None when those have gone beyond `least`."""
    if least is not None and claim_position(connection, LIVE) > least:
        return None
    due = due_clocks(connection, FRESH, now)
    mark_missed(connection, FRESH, now, due)
    note_outbox(connection, FRESH)
    note_left(connection, FRESH)
    if least is not None:
        _keep_refusals(connection)
    for live, fresh in zip(LIVE.all, FRESH.all, strict=True):
        connection.execute(delete(live))
        connection.execute(insert(live).from_select(list(live.c.keys()), select(fresh)))
    position = claim_position(connection, FRESH)
    set_position(connection, LIVE, position)
    return Rebuilt(
        journeys=count_rows(connection, LIVE.journeys),
        messages=count_rows(connection, LIVE.messages),
        clocks=count_rows(connection, LIVE.clocks),
        quarantined=count_rows(connection, LIVE.quarantined),
        position=position,
    )


def _keep_refusals(connection: Connection) -> None:
    """Keep what was counted of refusals whose receipts the ledger has let go meanwhile."""
    live, fresh = LIVE.refusals, FRESH.refusals
    same = and_(live.c.agency == fresh.c.agency, live.c.message == fresh.c.message)
    gone = select(live).where(~select(fresh.c.agency).where(same).exists())
    connection.execute(insert(fresh).from_select(list(fresh.c.keys()), gone))


def _drop(connection: Connection) -> None:
    FRESH.metadata.drop_all(connection)
    connection.execute(delete(POSITIONS).where(POSITIONS.c.name == FRESH.position))
