"""What becomes of a message after its handler: acknowledged, tried again, or set aside.

One middleware settles for every JetStream subscriber of a broker. A fault that will never pass goes
to quarantine and the message is terminated; any other fault sends the message back with a growing
delay. A fault of ours, such as a full disk, is never held against a message, however often it comes
again. Beyond the limit the number of deliveries is looked at before the handler as well, so a
message that kills the process ends in quarantine too. As long as quarantine cannot be written
nothing is given up.
"""

import copy
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import nats.errors
from faststream import BaseMiddleware, ContextRepo, StreamMessage
from nats.aio.msg import Msg
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError

from contracts.errors import HandrailError
from services.runtime import log

_log = log.get(__name__)

DELIVERY_LIMIT: Final = 20
FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 60.0
DEATHS: Final = 3
"""Tries beyond the limit that may have no end before a message counts as one that kills."""

_OURS: Final = (OSError, nats.errors.Error, OperationalError, InterfaceError, HandrailError)
"""What fails for want of a disk, a database, a server or a directory; no message does that."""

INVALID: Final = "message.invalid"
EXHAUSTED: Final = "deliveries.exhausted"


class PermanentFault(HandrailError):  # noqa: N818 - the field says fault
    """Say of a message that trying again can never help: it belongs in quarantine."""

    @classmethod
    def of(cls, error: HandrailError) -> Self:
        """Declare `error`, raised while looking at a message, to be permanent."""
        return cls(error.code, error.message, error.remedy)


class Quarantine(Protocol):
    """Write down durably that a message was set aside; never the bytes themselves."""

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Store the record; any exception means that it was not stored.

        `sequence` is the message's place in its stream, `digest` the SHA-256 of its bytes in hex,
        `reason` a stable code. The same record may be asked for twice.
        """


class Tries(Protocol):
    """Remember durably which messages were begun and never ended: who tried may have died of it."""

    async def begin(self, subject: str, sequence: int) -> int:
        """Store that the message is tried; return how many tries before this one had no end."""

    async def end(self, subject: str, sequence: int) -> None:
        """Forget all tries of the message: this one was survived."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again after `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class SetAside:
    """Write to quarantine under the code `reason`, then terminate."""

    reason: str


def retry_delay(deliveries: int) -> float:
    """Return the seconds to wait after the given number of deliveries: 0.2, 0.4 … at most 60."""
    # The exponent is bounded because 2.0 to a very large power overflows.
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(deliveries - 1, 16))


def judge(error: Exception, deliveries: int, limit: int) -> Retry | SetAside:
    """Decide what a failed handler means for a message delivered `deliveries` times.

    `limit` is not for faults of ours: those the message outlives.
    """
    if isinstance(error, PermanentFault):
        return SetAside(error.code)
    if isinstance(error, ValidationError):
        return SetAside(INVALID)
    if deliveries >= limit and not isinstance(error, _OURS):
        return SetAside(EXHAUSTED)
    return Retry(retry_delay(deliveries))


class Settlement:
    """Make the middleware that settles; give it to a broker once.

    `quarantine` writes records; without one nothing is ever set aside, only delayed. `limit` is the
    number of deliveries after which a message is set aside. With `tries` a message that comes again
    beyond it is still tried, until that was begun and not ended `DEATHS` times; without, it is not.
    """

    def __init__(
        self,
        quarantine: Quarantine | None,
        limit: int = DELIVERY_LIMIT,
        tries: Tries | None = None,
    ) -> None:
        self.quarantine = quarantine
        self.limit = limit
        self._tries = tries

    def __call__(
        self,
        msg: Any | None,  # noqa: ANN401 - FastStream's own signature
        /,
        *,
        context: ContextRepo,
    ) -> "SettlingMiddleware":
        """Return the middleware of one message or batch, as FastStream asks for it."""
        return SettlingMiddleware(msg, context=context, settlement=self)

    @asynccontextmanager
    async def tried(self, raw: Msg) -> AsyncIterator[Retry | SetAside | None]:
        """Give what becomes of a message without its being handled; None where it may be tried."""
        if raw.metadata.num_delivered <= self.limit:
            yield None
            return
        tries, sequence = self._tries, _sequence(raw)
        if tries is None:
            yield SetAside(EXHAUSTED)
            return
        try:
            deaths = await tries.begin(raw.subject, sequence)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing was stored
            _log.warning("try.not-stored", sequence=sequence, **log.error_keys(error))
            yield Retry(retry_delay(raw.metadata.num_delivered))
            return
        try:
            yield SetAside(EXHAUSTED) if deaths >= DEATHS else None
        finally:  # also where the service is told to stop meanwhile
            await self._end(tries, raw)

    async def _end(self, tries: Tries, raw: Msg) -> None:
        try:
            await tries.end(raw.subject, _sequence(raw))
        except Exception as error:  # noqa: BLE001 - then this try counts as one without an end
            _log.warning("try.not-stored", sequence=_sequence(raw), **log.error_keys(error))

    async def settle(self, raw: Msg, verdict: Retry | SetAside | None) -> None:
        """Carry out `verdict` on `raw`; None acknowledges.

        A settlement that the connection swallows is only logged: the server delivers again.
        """
        try:
            if verdict is None:
                await raw.ack()
            elif isinstance(verdict, SetAside) and await self._recorded(raw, verdict.reason):
                await raw.term()
            else:
                await raw.nak(delay=_delay(raw, verdict))
        except nats.errors.Error as error:
            _log.warning("settlement.failed", sequence=_sequence(raw), **log.error_keys(error))

    async def _recorded(self, raw: Msg, reason: str) -> bool:
        known = {"sequence": _sequence(raw), "stream": raw.metadata.stream, "reason": reason}
        if self.quarantine is None:
            _log.error("quarantine.missing", **known)
            return False
        digest = hashlib.sha256(raw.data).hexdigest()
        try:
            await self.quarantine(raw.subject, _sequence(raw), digest, reason)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing was recorded
            _log.error("quarantine.failed", **{**log.error_keys(error), **known})
            return False
        _log.warning("message.quarantined", **known)
        return True


Call = Callable[[StreamMessage[Any]], Awaitable[Any]]


class SettlingMiddleware(BaseMiddleware[Any, Any]):
    """Settle what JetStream delivered once its handler is done; leave other messages alone."""

    def __init__(
        self,
        msg: Any | None,  # noqa: ANN401 - FastStream's own signature
        /,
        *,
        context: ContextRepo,
        settlement: Settlement,
    ) -> None:
        super().__init__(msg, context=context)
        self._settlement = settlement

    async def consume_scope(self, call_next: Call, msg: StreamMessage[Any]) -> Any:  # noqa: ANN401
        """Run the handler of `msg` and settle."""
        raw = msg.raw_message
        if isinstance(raw, list):
            await self._batch(call_next, msg, raw)
            return None
        if not isinstance(raw, Msg) or raw.is_acked:  # a request: FastStream marks it as settled
            return await call_next(msg)
        await self._one(call_next, msg, raw)
        return None

    async def _one(self, call_next: Call, message: StreamMessage[Any], raw: Msg) -> None:
        async with self._settlement.tried(raw) as untried:
            verdict = untried
            if untried is None:
                try:
                    await call_next(message)
                except Exception as error:  # noqa: BLE001 - every fault of a handler is settled here
                    verdict = self._verdict(error, raw)
            await self._settlement.settle(raw, verdict)

    async def _batch(
        self, call_next: Call, message: StreamMessage[list[Msg]], raws: list[Msg]
    ) -> None:
        """Handle what is new together, and alone what was delivered before or fails together.

        Alone, a message that cannot be handled, or that kills the process, does not take its
        neighbours with it.
        """
        alone = [raw for raw in raws if raw.metadata.num_delivered > 1]
        for raw in sorted(alone, key=_sequence):
            await self._one(call_next, _part(message, [raw]), raw)
        fresh = [raw for raw in raws if raw.metadata.num_delivered == 1]
        if not fresh:
            return
        try:
            await call_next(_part(message, fresh))
        except Exception as error:  # noqa: BLE001 - every fault of a handler is settled here
            if len(fresh) == 1:
                await self._settlement.settle(fresh[0], self._verdict(error, fresh[0]))
                return
            _log.warning("batch.divided", count=len(fresh), **log.error_keys(error))
            for raw in fresh:
                await self._one(call_next, _part(message, [raw]), raw)
        else:
            for raw in fresh:
                await self._settlement.settle(raw, None)

    def _verdict(self, error: Exception, raw: Msg) -> Retry | SetAside:
        verdict = judge(error, raw.metadata.num_delivered, self._settlement.limit)
        _log.warning(
            "message.failed",
            stream=raw.metadata.stream,
            sequence=_sequence(raw),
            attempt=raw.metadata.num_delivered,
            **log.error_keys(error),
        )
        return verdict


def _sequence(raw: Msg) -> int:
    return raw.metadata.sequence.stream


def _delay(raw: Msg, verdict: Retry | SetAside) -> float:
    if isinstance(verdict, Retry):
        return verdict.delay_s
    return retry_delay(raw.metadata.num_delivered)


def _part(message: StreamMessage[list[Msg]], raws: list[Msg]) -> StreamMessage[list[Msg]]:
    part = copy.copy(message)
    part.raw_message = raws
    part.body = [raw.data for raw in raws]
    part.batch_headers = [raw.headers or {} for raw in raws]
    return part
