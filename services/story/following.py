"""Following the ledger: every accepted message's statements are stored, and the lanes move on.

The service makes its consumer anew at each start, from the position that the database holds, so
that progress belongs to the database: one restored from a backup reads again what it lacks, and a
process that was killed does not wait for redelivery.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from sqlalchemy.exc import SQLAlchemyError

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.subjects import LEDGER
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.settlement import PermanentFault
from services.runtime.sql import read_position
from services.runtime.subscribing import Record
from services.story.entries import AcceptedEntry, LaneCursor, Told, cursors_of, entries_of, tell
from services.story.erasing import carry_out
from services.story.intake import IntakeKeys
from services.story.keeping import SETTLED, keep, settle, unkept
from services.story.orders import between_orders, outstanding
from services.story.store import Store

_log = log.get(__name__)

DURABLE: Final = "story"
FOLLOWED: Final = ("journey.>", "cursor.>")
NEVER_GIVE_UP: Final = 2**62
"""The number of deliveries after which a record is set aside: the story is the original, so a
fault that may pass is tried for as long as it takes, and holds its lane's position meanwhile."""

_SETTLE_EVERY_S: Final = 0.5
_LOOK_EVERY_S: Final = 0.25
_ACK_WAIT_S: Final = 30.0
_UNSETTLED: Final = 1000
_NO_MESSAGE: Final = 10037


class Follower:
    """Store what ledger records tell; `settle` moves the lanes' positions afterwards."""

    def __init__(
        self, js: JetStreamContext, store: Store, directory: DirectoryHolder, intake: IntakeKeys
    ) -> None:
        self._js, self._store = js, store
        self._directory, self._intake = directory, intake
        self._waiting = True

    async def follow(self, records: tuple[Record, ...]) -> None:
        """Store the accepted messages among `records`, and note the cursors; bears repetition.

        Raises `PermanentFault` for a message whose statements can never be had (`entries.tell`,
        `story.submission-gone`), and any other error for what may pass.
        """
        entries, cursors = entries_of(records), cursors_of(records)
        told = await self._tell(await self._wanted(entries))
        for some, order in between_orders(told):
            await self._keep(some)
            if order is not None:
                done = await carry_out(self._store, order)
                _log.info("story.erased", count=done.statements, reason=order.because)
        await self._keep((), cursors)
        self._waiting = self._waiting or bool(cursors)
        if told:
            _log.info("statements.stored", count=len(told), to_sequence=records[-1].sequence)

    async def _wanted(self, entries: Sequence[AcceptedEntry]) -> list[AcceptedEntry]:
        """Return, in order, what is not stored yet, and orders that are not carried out yet."""
        wanted = {e.ledger for e in await self._store.run(partial(unkept, entries=entries))}
        wanted |= {e.ledger for e in await self._store.run(partial(outstanding, entries=entries))}
        return [e for e in entries if e.ledger in wanted]

    async def _keep(self, told: Sequence[Told], cursors: Sequence[LaneCursor] = ()) -> None:
        now = datetime.now(UTC)
        async with self._store.changing:
            keys = await self._store.child_keys((t.entry.child for t in told if t.statements), now)
            await self._store.run(partial(keep, told=told, keys=keys, cursors=cursors))

    async def settle(self) -> None:
        """Move the lanes up to where the consumer has nothing outstanding."""
        if not self._waiting:
            return
        self._waiting = False
        try:
            info = await self._js.consumer_info(LEDGER, DURABLE)
            floor = info.ack_floor.stream_seq if info.ack_floor else 0
            left = await self._store.run(partial(settle, floor=floor))
        except BaseException:
            self._waiting = True
            raise
        self._waiting = self._waiting or left > 0

    async def keep_settling(self) -> NoReturn:
        """Settle until cancelled; one that fails is logged and done again."""
        while True:
            await asyncio.sleep(_SETTLE_EVERY_S)
            try:
                await self.settle()
            except (NatsError, TimeoutError, SQLAlchemyError, HandrailError) as error:
                _log.warning("positions.not-settled", **log.error_keys(error))

    async def _tell(self, entries: Sequence[AcceptedEntry]) -> list[Told]:
        bodies = await asyncio.gather(*(self._submission(e) for e in entries))
        directory, now = self._directory.current, datetime.now(UTC)
        return await asyncio.to_thread(self._open, entries, bodies, directory, now)

    def _open(
        self,
        entries: Sequence[AcceptedEntry],
        bodies: Sequence[bytes],
        directory: Directory,
        now: datetime,
    ) -> list[Told]:
        key_of_month = partial(self._intake.of, now=now)
        pairs = zip(entries, bodies, strict=True)
        return [tell(entry, body, directory, key_of_month) for entry, body in pairs]

    async def _submission(self, entry: AcceptedEntry) -> bytes:
        """Return the submission's bytes from the lane's leader: a follower may not have it yet."""
        try:
            found = await self._js.get_msg(entry.decision.lane, entry.decision.sequence)
        except NotFoundError as error:
            if error.err_code != _NO_MESSAGE:
                raise
            raise PermanentFault(
                "story.submission-gone",
                "the submission of an accepted message is no longer in its lane",
                "restore the lane or the story from a backup, or ask the sender to send it anew",
            ) from None
        return found.data or b""


async def bind(js: JetStreamContext, store: Store) -> None:
    """Wait for the ledger, then make the consumer `story` from the position in `store`.

    Raises `HandrailError` `story.ledger-behind` when the ledger ends before that position.
    """
    last = await _end_of_ledger(js)
    settled = await store.run(partial(read_position, name=SETTLED))
    if last < settled:
        raise HandrailError(
            "story.ledger-behind",
            "the ledger ends before what the story has already stored",
            "restore a newer backup of the ledger, or a story of the same time",
        )
    with suppress(NotFoundError):
        await js.delete_consumer(LEDGER, DURABLE)
    await js.add_consumer(
        LEDGER,
        ConsumerConfig(
            name=DURABLE,
            durable_name=DURABLE,
            filter_subjects=list(FOLLOWED),
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=settled + 1,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
            max_deliver=-1,
            max_ack_pending=_UNSETTLED,
        ),
    )


async def _end_of_ledger(js: JetStreamContext) -> int:
    told = False
    while True:
        try:
            return (await js.stream_info(LEDGER)).state.last_seq
        except NotFoundError:
            if not told:
                _log.info("ledger.awaited")
            told = True
        await asyncio.sleep(_LOOK_EVERY_S)
