"""Waking held messages: when something was accepted about their child, or when their time is up.

A wake-up is a submission to the exchange's own lane, so that it has a place, an instant and a
cursor as every other one. It survives a crash, and a second one for the same message does no harm.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from nats.js import JetStreamContext

from contracts.holding import WakeUp
from contracts.subjects import journey, submit
from services.exchange.held import Open
from services.exchange.worker import Worker
from services.runtime.log import error_keys, get

_log = get(__name__)
_EVERY_S: Final = 1.0
_LOOK_EVERY_S: Final = 5.0
"""How often every held message's journey is looked at: another process may have moved it."""
_ASK_AGAIN_S: Final = 5.0
_SETTLE_S: Final = 10.0
_SETTLE_AT_MOST_S: Final = 600.0
"""After a start nobody's time is up for as long, or until the lanes were empty once: what was
waited for may lie in them."""


class Waker:
    """Looks at what is held, and submits the wake-ups."""

    def __init__(self, js: JetStreamContext, worker: Worker, exchange: str) -> None:
        """Wake what `worker` holds, submitting through `js` in the lane of `exchange`."""
        self._js, self._worker, self._exchange = js, worker, exchange
        self._ledger, self._holds = worker.ledger, worker.holds
        self._look_at = 0.0
        self._started = time.monotonic()

    async def run(self) -> None:
        """Wake whatever is to be woken until cancelled; what fails is logged and done again."""
        self._started = time.monotonic()
        while True:
            try:
                await self._holds.catch_up()
                await self._look(datetime.now(UTC))
            except Exception as error:  # noqa: BLE001 - tried again, whatever it was
                _log.warning("held.not-woken", **error_keys(error))
                await asyncio.sleep(_EVERY_S)
            await self._holds.news(self._pause_s(datetime.now(UTC)))

    async def _look(self, now: datetime) -> None:
        moved = self._holds.moved()
        at = time.monotonic()
        everyone = at >= self._look_at
        if everyone:
            self._look_at = at + _LOOK_EVERY_S
        for one in self._holds.open():
            looks = everyone or one.fresh or one.child in moved
            if (looks and await self._has_moved(one)) or self._is_up(one, now, at):
                await self._wake(one, at)

    async def _has_moved(self, one: Open) -> bool:
        """Tell whether the journey has an entry that the last decision on the message had not.

        The holding stands in the ledger after every entry it was decided on, and before the rest.
        """
        subject = journey(one.child)
        found = await self._ledger.next_of(subject, one.seen)
        one.fresh = False
        if found is None:
            return False
        last = await self._ledger.last(subject)
        one.seen = last.sequence if last else found[1].sequence
        return True

    def _is_up(self, one: Open, now: datetime, at: float) -> bool:
        due = one.record.until <= now and at - one.asked_at >= _ASK_AGAIN_S
        return due and self._has_settled(at - self._started)

    def _has_settled(self, running_s: float) -> bool:
        enough = running_s >= min(_SETTLE_S, self._holds.rule.length.total_seconds())
        return enough and (self._worker.drained or running_s >= _SETTLE_AT_MOST_S)

    async def _wake(self, one: Open, at: float) -> None:
        one.asked_at = at
        body = WakeUp(wake=one.message).model_dump_json().encode()
        try:
            subject = submit(self._exchange, one.child)
            await self._js.publish(subject, body, stream=self._holds.lane)
        except BaseException:
            one.fresh, one.seen, one.asked_at = True, one.sequence, float("-inf")
            raise

    def _pause_s(self, now: datetime) -> float:
        """Return how long nothing is due: at most a second, at least a twentieth of one."""
        times = [(one.record.until - now).total_seconds() for one in self._holds.open()]
        return min(_EVERY_S, max(0.05, min((t for t in times if t > 0), default=_EVERY_S)))
