"""Looking at the clocks: which have run out, and telling the manager of each exactly once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, select

from contracts.subjects import LEDGER, journey
from services.runtime import log
from services.runtime.sql import SqlRunner
from services.tracker.clocks import Kept, due_clocks, mark_missed, note_handed_in
from services.tracker.notices import manager_for
from services.tracker.outbox import Sealer, hand_in, note_submitted, put
from services.tracker.rulebook import Rulebook
from services.tracker.store import LIVE

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one look found: clocks newly missed, managers told, and clocks without a manager."""

    missed: int = 0
    told: int = 0
    nobody: int = 0


class Ticker:
    """Finds the clocks that have run out, seals a notice for each and hands it in."""

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
        self._without_manager: set[str] = set()

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

        A clock is judged only when every entry of its journey that the ledger holds has been
        followed: what would have stopped it may be among them. Raises `HandrailError` when there is
        no directory or rule pack to go by, and what nats-py raises when the ledger does not answer.
        Where the lane does not answer, the rest waits for the next tick.
        """
        due = await self._runner.run(partial(due_clocks, tables=LIVE, now=now))
        ripe = [kept for kept in due if await self._is_followed(kept.clock.child)] if due else []
        if not ripe:
            return Ticked()
        missed = await self._runner.run(partial(mark_missed, tables=LIVE, now=now, clocks=ripe))
        told, nobody = 0, 0
        for kept in ripe:
            manager = self._manager(kept, now)
            if manager is None:
                nobody += 1
                continue
            try:
                told += await self._tell(kept, manager, now)
            except (NatsError, TimeoutError) as error:
                _log.warning("notice.not-sent", **log.error_keys(error))
                break
        return Ticked(missed, told, nobody)

    async def _is_followed(self, child: str) -> bool:
        """Tell whether the tables hold the journey as the ledger's leader has it now."""
        try:
            last = await self._js.get_last_msg(LEDGER, journey(child))
        except NotFoundError:
            return False
        in_ledger = orjson.loads(last.data or b"{}").get("journey", {}).get("entries", 0)
        followed = await self._runner.run(partial(_entries, child=child))
        return followed >= int(in_ledger)

    def _manager(self, kept: Kept, now: datetime) -> str | None:
        """Return who is told; say once that there is nobody, and look again at every tick."""
        directory, clock = self._book().directory, kept.clock
        manager = manager_for(directory, clock.agency, kept.practitioner, now)
        if manager is None and kept.notice not in self._without_manager:
            self._without_manager.add(kept.notice)
            _log.error("clock.no-manager", rule=clock.rule, agency=clock.agency)
        if manager is not None:
            self._without_manager.discard(kept.notice)
        return manager

    async def _tell(self, kept: Kept, manager: str, now: datetime) -> bool:
        """Hand in the notice; the clock counts as told only after the lane has acknowledged it."""
        sealed = self._sealer.notice(kept, manager, now)
        waiting = await self._runner.run(partial(put, kept=kept, sealed=sealed))
        if waiting is None:
            return False
        if not waiting.handed_in:
            await hand_in(self._js, self._sealer.tracker, waiting)
        await self._runner.run(partial(_told, kept=kept, now=now))
        _log.info("notice.sent", message_id=waiting.id, rule=kept.clock.rule)
        return True


def _entries(connection: Connection, child: str) -> int:
    held = select(LIVE.journeys.c.entries).where(LIVE.journeys.c.child == child)
    return int(connection.scalar(held) or 0)


def _told(connection: Connection, kept: Kept, now: datetime) -> None:
    note_submitted(connection, kept.notice, now)
    note_handed_in(connection, LIVE, (kept,))
