"""What the story service answers and follows: one thin function per subject."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Final

import orjson
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import ValidationError
from sqlalchemy import Connection, func, select

from contracts import subjects
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.journey_json import load
from contracts.records import Decision, Delivery, Entry
from services.agency.faults import Unproven, fault
from services.agency.reading import READ_TYP, ReadRequest, verify_request
from services.agency.trusting import judged
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.sql import read_position
from services.runtime.subscribing import (
    Record,
    Request,
    ledger_batch_subscriber,
    request_subscriber,
)
from services.story import attached, reading
from services.story.erasing import is_erased
from services.story.following import DURABLE, Follower
from services.story.joined import Joined, join, with_retired
from services.story.keeping import SETTLED, positions
from services.story.refusing import SignedDesk, agency_of_subject
from services.story.store import Store
from services.story.tables import ERASED, MESSAGES, READS, SET_ASIDE, STATEMENTS

_log = log.get(__name__)

_ON_ITS_WAY_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.05
_COUNTED: Final = (MESSAGES, STATEMENTS, READS, ERASED, SET_ASIDE)


def subscribe(
    broker: NatsBroker, follower: Follower, desk: "ReadingDesk", signed: SignedDesk
) -> None:
    """Subscribe to the ledger and to every request that the service answers."""

    # The consumer exists already (`following.bind`), and its own filters hold.
    @ledger_batch_subscriber(broker, ">", DURABLE)
    async def follow(records: tuple[Record, ...]) -> None:
        await follower.follow(records)

    signed.subscribe("read", desk.read)

    @request_subscriber(broker, "story.admin.positions")
    async def tell_positions(_request: Request) -> bytes:
        return orjson.dumps(await desk.store.run(positions))

    @request_subscriber(broker, "story.admin.status")
    async def tell_status(_request: Request) -> bytes:
        return orjson.dumps(await desk.store.run(_status))


class ReadingDesk:
    """Answer signed requests to read, on the journey and the directory as they stand."""

    def __init__(self, js: JetStreamContext, store: Store, directory: DirectoryHolder) -> None:
        self.store = store
        self._js, self._directory = js, directory

    async def read(self, request: Request) -> bytes:
        """Answer `{"statements": […], "withheld": n}` to a request on `story.<agency>.read`.

        Raises `read.*` for a request that is not good, what `reading.read` raises, and
        `story.behind` for a message that was delivered to the agency and whose statements are not
        stored yet.
        """
        inquiry = await self.inquiry(request)
        if inquiry.request.message is not None:
            await self._wait_for_delivered(inquiry)
        joined = await self.joined(inquiry.request.child)
        answer = await self._decided(inquiry, joined.own.journey)
        if inquiry.request.message is None:
            answer = await with_retired(inquiry, joined, answer, self._decided)
        _log.info("story.read", count=answer.shown)
        return await attached.marked(self.store, answer.body)

    async def _decided(self, inquiry: reading.Inquiry, journey: Journey) -> reading.Answer:
        child, now = inquiry.request.child, datetime.now(UTC)
        async with self.store.changing:
            work = partial(
                reading.read, inquiry=inquiry, journey=journey, now=now, recent=self.store.recent
            )
            return await self.store.run_with_key(child, lambda c, key: work(c, child_key=key))

    async def inquiry(
        self, request: Request, form: type[ReadRequest] = ReadRequest, typ: str = READ_TYP
    ) -> reading.Inquiry:
        """Return a request of `form` that a practitioner of the subject's agency signed just now.

        Raises `read.*` for any other.
        """
        agency, now = agency_of_subject(request), datetime.now(UTC)
        asked = await judged(
            self._directory,
            lambda d: verify_request(request.data, agency, d, now, form=form, typ=typ),
        )
        if isinstance(asked, Unproven):
            raise fault(asked.code)
        found = self._directory.current.agency(agency, now)
        return reading.Inquiry(asked, agency, found.role if found else None)

    async def journey(self, child: str) -> Journey:
        """Return the journey as it stands, guarded by what the child's other references keep back.

        Raises `story.not-found` for a child without one.
        """
        return (await self.joined(child)).own.journey

    async def joined(self, child: str) -> Joined:
        """Return the journey with those that were joined to it; raises as `journey` does."""
        return await join(await self._newest(child), self._newest)

    async def _newest(self, child: str) -> Journey:
        """Return the journey as its newest entry has it, read from the ledger's leader."""
        data = await self._last(subjects.journey(child))
        if data is None:
            raise reading.not_found()
        return load(dict(Entry.model_validate_json(data).journey))

    async def _wait_for_delivered(self, inquiry: reading.Inquiry) -> None:
        """Give the follower a moment with a message that the agency holds a delivery of."""
        if await self._known(inquiry):
            return
        accepted_at = await self._delivered(inquiry)
        if accepted_at is None:
            raise reading.not_found()
        child = inquiry.request.child
        if await self.store.run(partial(is_erased, child=child, accepted_at=accepted_at)):
            raise reading.erased()
        clock = asyncio.get_running_loop().time
        deadline = clock() + _ON_ITS_WAY_S
        while not await self._known(inquiry):
            if clock() > deadline:
                raise HandrailError(
                    "story.behind",
                    "the statements of this message are not stored yet",
                    "ask again in a minute; if it stays so, tell the story service's operator",
                )
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _known(self, inquiry: reading.Inquiry) -> bool:
        return bool(await self.store.run(partial(reading.known, inquiry=inquiry)))

    async def _delivered(self, inquiry: reading.Inquiry) -> datetime | None:
        """Return when the message asked for was accepted, if the agency holds a delivery of it."""
        message = inquiry.request.message
        data = await self._last(subjects.inbox(inquiry.agency, message)) if message else None
        if data is None:
            return None
        try:
            delivery = Delivery.model_validate_json(data)
            decision = Decision.model_validate_json(delivery.decision)
        except ValidationError:
            return None
        # What the exchange itself notifies has no journey entry, and no statements.
        about_that_child = decision.entry > 0 and decision.child == inquiry.request.child
        return decision.now if about_that_child else None

    async def _last(self, subject: str) -> bytes | None:
        try:
            return (await self._js.get_last_msg(subjects.LEDGER, subject)).data or b""
        except NotFoundError:
            return None


def _status(connection: Connection) -> dict[str, object]:
    """Return how many rows each table has, and up to where the ledger is settled."""
    counts = {
        str(table.name): connection.scalar(select(func.count()).select_from(table)) or 0
        for table in _COUNTED
    }
    return {**counts, "settled": read_position(connection, SETTLED)}
