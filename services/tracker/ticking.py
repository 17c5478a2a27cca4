"""Looking at the clocks: what is running out, what has run out, and which leads have left.

Each is told exactly once: who owes is warned, manager and who owes hear of a miss, and the lead's
manager hears that a child's lead is no longer there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, select

from contracts.messages.notices import LEAD_LEFT, MISSED, WARNED
from contracts.subjects import LEDGER, journey
from services.runtime import log
from services.runtime.sql import SqlRunner
from services.tracker.drafting import Nobody, drafted, find
from services.tracker.due import mark_missed
from services.tracker.outbox import Notice, Sealer, hand_in, note_submitted, put
from services.tracker.rulebook import Rulebook
from services.tracker.store import LIVE

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one look did: clocks newly missed, notices handed in, and what nobody could be told.

    `told` are misses, `warned` warnings, `left` leads who have left; `nobody` counts all three.
    """

    missed: int = 0
    told: int = 0
    nobody: int = 0
    warned: int = 0
    left: int = 0


class Ticker:
    """Finds what has to be told, seals a notice for each and hands it in."""

    def __init__(
        self,
        runner: SqlRunner,
        js: JetStreamContext,
        sealer: Sealer,
        book: Callable[[], Rulebook],
    ) -> None:
        """Look into the live tables through `runner`; read the ledger and submit through `js`."""
        self._runner = runner
        self._js = js
        self._sealer = sealer
        self._book = book
        self._nobody: set[str] = set()

    async def keep_ticking(self, clock: Callable[[], datetime], every_s: float) -> None:
        """Tick every `every_s` seconds, at the instants that `clock` gives, until cancelled.

        What fails is logged and tried again at the next tick.
        """
        while True:
            try:
                await self.tick(clock())
            except Exception as error:  # noqa: BLE001 - whatever it was, the clocks go on
                _log.error("tick.failed", **log.error_keys(error))
            await asyncio.sleep(every_s)

    async def tick(self, now: datetime) -> Ticked:
        """Mark what was missed at `now` and hand in a notice for all that has not been told.

        A child is judged only when every entry of its journey that the ledger holds has been
        followed: what would have stopped a clock may be among them; a journey that cannot be read
        is not judged. Raises `HandrailError` when
        there is no directory or rule pack to go by, and what nats-py raises when the ledger does
        not answer. Where the lane does not answer, the rest waits for the next tick.
        """
        directory = self._book().directory
        found = await self._runner.run(partial(find, directory=directory, now=now))
        followed = [child for child in found.children if await self._is_followed(child)]
        ripe = found.about(frozenset(followed))
        missed = 0
        if ripe.missed:
            mark = partial(mark_missed, tables=LIVE, now=now, clocks=ripe.missed)
            missed = await self._runner.run(mark)
        drafts = tuple(drafted(ripe, directory, self._sealer.tracker, now))
        nobody = tuple(draft for draft in drafts if isinstance(draft, Nobody))
        self._say_once(nobody)
        sent = await self._tell(tuple(d for d in drafts if isinstance(d, Notice)), now)
        return Ticked(
            missed, sent[MISSED.name], len(nobody), sent[WARNED.name], sent[LEAD_LEFT.name]
        )

    async def _is_followed(self, child: str) -> bool:
        """Tell whether the tables hold the journey as the ledger's leader has it now.

        One that cannot be read is not followed: it is told, and stops nobody else's clocks.
        """
        try:
            last = await self._js.get_last_msg(LEDGER, journey(child))
        except NotFoundError:
            return False
        try:
            in_ledger = int(orjson.loads(last.data or b"")["journey"]["entries"])
        except (ValueError, LookupError, TypeError) as error:
            _log.error("journey.damaged", sequence=last.seq or 0, **log.error_keys(error))
            return False
        return await self._runner.run(partial(_entries, child=child)) >= in_ledger

    def _say_once(self, nobody: tuple[Nobody, ...]) -> None:
        """Log of each notice without an addressee once; they are looked for at every tick."""
        for one in nobody:
            if one.id not in self._nobody:
                _log.error("clock.no-manager", rule=one.rule, agency=one.agency)
        self._nobody = {one.id for one in nobody}

    async def _tell(self, notices: tuple[Notice, ...], now: datetime) -> Counter[str]:
        """Hand in the notices and return how many of each kind have been."""
        sent: Counter[str] = Counter()
        for notice in notices:
            try:
                sent[notice.event.kind] += await self._hand_in(notice, now)
            except (NatsError, TimeoutError) as error:
                _log.warning("notice.not-sent", **log.error_keys(error))
                break
        return sent

    async def _hand_in(self, notice: Notice, now: datetime) -> bool:
        """Hand in a notice; it counts as told only after the lane has acknowledged it."""
        sealed = self._sealer.sealed(notice.event)
        waiting = await self._runner.run(partial(put, notice=notice, sealed=sealed))
        if waiting is None:
            return False
        if not waiting.handed_in:
            await hand_in(self._js, self._sealer.tracker, waiting)
        await self._runner.run(partial(note_submitted, notice=notice, now=now))
        _log.info("notice.sent", message_id=waiting.id, rule=notice.rule)
        return True


def _entries(connection: Connection, child: str) -> int:
    held = select(LIVE.journeys.c.entries).where(LIVE.journeys.c.child == child)
    return int(connection.scalar(held) or 0)
