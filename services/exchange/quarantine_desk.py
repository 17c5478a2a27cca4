"""What the exchange answers to the operator about quarantine: the list, and releases.

Everything is read from the ledger and written through it. A release of what lies in a lane is an
order in the exchange's own lane, which the worker decides; a delivery that an agency's service set
aside is put into that agency's inbox once more, with the same bytes.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError
from pydantic import Field, ValidationError

from contracts.errors import HandrailError
from contracts.quarantine import (
    OPERATOR,
    PLACE,
    Released,
    ReleaseOrder,
    ReleaseOutcome,
    ReleaseReason,
    read_record,
)
from contracts.subjects import LEDGER, inbox_consumer, quarantine, submit, submit_stream
from contracts.submission import digest_of_bytes
from contracts.values import Value
from services.exchange.drafts import Draft, published
from services.exchange.ledger import Ledger, Stored
from services.exchange.releasing import lying, owner_of
from services.exchange.set_aside import MOST_SHOWN, Found, fold, reasons_json
from services.runtime import batch

LIST: Final = "exchange.admin.quarantine.list"
RELEASE: Final = "exchange.admin.quarantine.release"
MOST: Final = 50
"""Releases asked for at once."""

_ALL: Final = "quarantine.>"
_ANSWER_BYTES: Final = 768 * 1024
"""Below what the server carries in one message."""

_DECIDED_WITHIN_S: Final = 6.0
_LOOK_EVERY_S: Final = 0.05


class Wanted(Value):
    """One item to release: a lane or an agency's inbox consumer, the sequence, and the digest."""

    lane: Annotated[str, Field(pattern=PLACE)]
    sequence: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Release(Value):
    """What the operator asks for."""

    items: Annotated[tuple[Wanted, ...], Field(min_length=1, max_length=MOST)]
    because: ReleaseReason
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,40}$")] = ""
    by: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,100}$")] = OPERATOR


class QuarantineDesk:
    """Answers about quarantine."""

    def __init__(self, client: Client, js: JetStreamContext, exchange: str) -> None:
        """Read and write through `client`; orders go into the lane of `exchange`."""
        self._client, self._js, self._exchange = client, js, exchange
        self._ledger = Ledger(client, js)

    async def listing(self, _data: bytes) -> bytes:
        """Answer with what was set aside, the newest first: never the bytes."""
        found, first, most = await self._found(), await self._begins(), MOST_SHOWN
        while len(told := orjson.dumps(found.told(first, most))) > _ANSWER_BYTES:
            most //= 2
        return told

    async def release(self, data: bytes) -> bytes:
        """Release each item and answer with what came of each; raises `quarantine.bad-request`."""
        try:
            asked = Release.model_validate_json(data)
        except ValidationError:
            raise _bad_request() from None
        found = await self._found()
        results = await asyncio.gather(*(self._one(asked, one, found) for one in asked.items))
        return orjson.dumps({"results": results})

    async def _one(self, asked: Release, wanted: Wanted, found: Found) -> dict[str, Any]:
        order = ReleaseOrder(
            lane=wanted.lane,
            sequence=wanted.sequence,
            digest=wanted.digest,
            because=asked.because,
            reference=asked.reference,
            by=asked.by,
        )
        told = {"item": f"{wanted.lane}:{wanted.sequence}"}
        if wanted.lane == inbox_consumer(owner_of(wanted.lane)):
            return told | await self._deliver_again(order)
        item = found.items.get((wanted.lane, wanted.sequence))
        if item is None or item.record.digest != wanted.digest:
            return told | {"outcome": "unknown"}
        if not item.is_open:
            return told | _told(item.releases[-1], before=True)
        return told | await self._decide_again(order)

    async def _decide_again(self, order: ReleaseOrder) -> dict[str, Any]:
        """Order it, and return what was decided, or that it is not decided yet."""
        if await lying(self._js, order) is None:
            return {"outcome": ReleaseOutcome.GONE.value}
        subject = submit(self._exchange, order.digest[:32])
        lane = submit_stream(self._exchange)
        sent = await self._js.publish(subject, order.model_dump_json().encode(), stream=lane)
        clock = asyncio.get_running_loop().time
        until = clock() + _DECIDED_WITHIN_S
        while clock() < until:
            for record in await self._releases(order):
                if record.order == sent.seq:
                    return _told(record)
            await asyncio.sleep(_LOOK_EVERY_S)
        return {"outcome": "pending"}

    async def _deliver_again(self, order: ReleaseOrder) -> dict[str, Any]:
        """Put a delivery into its inbox once more, in one batch with the record of its release."""
        subject, data = await self._delivery(order)
        place = quarantine(owner_of(order.lane), order.digest)
        last = await self._ledger.last(place)
        for record in await self._releases(order):
            if (record.lane, record.sequence) == (order.lane, order.sequence):
                return _told(record, before=True)
        if not subject:
            return {"outcome": ReleaseOutcome.GONE.value}
        record = _delivered_again(order)
        self._ledger.know(place, last.sequence if last else 0)
        drafts = (
            Draft(subject, data),
            Draft(place, record.model_dump_json().encode(), guard=place),
        )
        done = await batch.commit(self._client, [published(d, self._ledger) for d in drafts])
        if isinstance(done, batch.Committed):
            return {**_told(record), "message": subject.rpartition(".")[2], "sequence": done.first}
        return {"outcome": "pending"}

    async def _delivery(self, order: ReleaseOrder) -> tuple[str, bytes]:
        """Return subject and bytes of the very delivery meant; empty where it is none."""
        try:
            found = await self._js.get_msg(LEDGER, order.sequence)
        except NotFoundError:
            return "", b""
        subject, data = str(found.subject), found.data or b""
        own = subject.startswith(f"inbox.{owner_of(order.lane)}.")
        return (subject, data) if own and digest_of_bytes(data) == order.digest else ("", b"")

    async def _releases(self, order: ReleaseOrder) -> list[Released]:
        """Return the releases of these bytes of this owner, in order, from the leader."""
        subject = quarantine(owner_of(order.lane), order.digest)
        records = (read_record(stored.data) for _, stored in await self._records(subject))
        return [record for record in records if isinstance(record, Released)]

    async def _found(self) -> Found:
        return fold((subject, one.data) for subject, one in await self._records(_ALL))

    async def _records(self, subject: str) -> Sequence[tuple[str, Stored]]:
        """Return every record under `subject`; the newest from the leader."""
        records: list[tuple[str, Stored]] = []
        after = 0
        while page := await self._ledger.page_of(subject, after):
            records += page
            after = page[-1][1].sequence
        while (one := await self._ledger.next_of(subject, after)) is not None:
            records.append(one)
            after = one[1].sequence
        return records

    async def _begins(self) -> dict[str, int]:
        """Return the first sequence that each stream still holds."""
        try:
            infos = await self._js.streams_info()
        except (JetStreamError, TimeoutError):
            return {}
        return {str(info.config.name): info.state.first_seq for info in infos}


def _delivered_again(order: ReleaseOrder) -> Released:
    return Released(
        lane=order.lane,
        sequence=order.sequence,
        digest=order.digest,
        because=order.because,
        reference=order.reference,
        by=order.by,
        outcome=ReleaseOutcome.DELIVERED_AGAIN,
        at=datetime.now(UTC),
    )


def _told(record: Released, *, before: bool = False) -> dict[str, Any]:
    """Return what came of a release; `before` says that it was another one's."""
    told = {"outcome": record.outcome.value, "reasons": reasons_json(record.reasons)}
    return told | {"released_before": True} if before else told


def _bad_request() -> HandrailError:
    return HandrailError(
        "quarantine.bad-request",
        "that is no request to release",
        f"name up to {MOST} items as `handrail quarantine list` shows them, and a known reason",
    )
