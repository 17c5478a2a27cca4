"""What the story service answers about attachments: taking them in, and giving them out.

A gateway's account lets it speak for its own agencies only, so an upload is the agency's that the
subject names. Giving out is decided as a read of the statement is, and recorded as one.
"""

from datetime import UTC, datetime
from functools import partial

import orjson
from faststream.nats import NatsBroker
from sqlalchemy import Connection

from contracts.consents import BasisKind
from contracts.errors import HandrailError
from contracts.journey import Journey
from services.agency.attachments import (
    ATTACH,
    CHUNK_OF,
    FETCH,
    TYPES,
    FetchRequest,
    read_piece,
    read_wanted,
)
from services.runtime import log
from services.runtime.subscribing import Request, request_subscriber
from services.story import attached, objects, reading
from services.story.handlers import ReadingDesk
from services.story.joined import NOTHING_THERE, Joined, about
from services.story.opening import outlines_of
from services.story.orders import is_ordered
from services.story.reading import Inquiry
from services.story.refusing import SignedDesk, agency_of_subject

_log = log.get(__name__)


class AttachmentDesk:
    """Take in and give out attachments, on the journey and the directory as they stand."""

    def __init__(self, desk: ReadingDesk) -> None:
        self._desk, self._store = desk, desk.store

    def subscribe(self, broker: NatsBroker, signed: SignedDesk) -> None:
        """Subscribe to what gateways ask."""
        request_subscriber(broker, f"story.*.*.{ATTACH}")(self.attach)
        signed.subscribe(FETCH, self.fetch, FetchRequest, TYPES[FetchRequest])
        request_subscriber(broker, f"story.*.*.{CHUNK_OF}")(self.chunk)

    async def attach(self, request: Request) -> bytes:
        """Store one chunk and answer `{"left": n}`, how many are still to come.

        Raises `attachment.invalid`, and what `objects.put` raises.
        """
        agency, piece = agency_of_subject(request), read_piece(request.data)
        put = partial(objects.put, agency=agency, piece=piece, now=datetime.now(UTC))
        left = await self._store.run_objects(put)
        if not left:
            _log.info("attachment.stored", agency=agency, size=piece.head.size)
        return orjson.dumps({"left": left})

    async def fetch(self, request: Request) -> bytes:
        """Answer `{"ticket": …}` to a signed request for the attachment of a statement.

        Raises `read.*` for a request that is not good, what `granted` raises, and
        `attachment.missing` where nobody has uploaded it.
        """
        inquiry = await self._desk.inquiry(request, FetchRequest, TYPES[FetchRequest])
        now = datetime.now(UTC)
        child = await self._desk.joined(inquiry.request.child)
        found = await self._granted(inquiry, child, now)
        made = partial(objects.ticket, agency=inquiry.agency, found=found, now=now)
        under = await self._stored_under(found, child)
        answer = orjson.dumps({"ticket": await self._store.run_objects(partial(made, child=under))})
        _log.info("attachment.given", agency=inquiry.agency)
        return answer

    async def _granted(self, inquiry: Inquiry, child: Joined, now: datetime) -> str:
        """Return what `granted` does, for the first of the joined references that grants it."""
        refused: list[HandrailError] = []
        for part in child.parts:
            asked = about(inquiry, part.child)
            try:
                made = partial(granted, inquiry=asked, journey=part.journey, now=now)
                return await self._store.run(made)
            except HandrailError as error:
                if error.code not in NOTHING_THERE:
                    raise
                refused.append(error)
        raise next((one for one in refused if one.code == "story.erased"), refused[0])

    async def _stored_under(self, found: str, child: Joined) -> str:
        """Return which reference an object was uploaded for: it may be a joined one."""
        for other in child.others:
            there = partial(objects.whole, objects=(found,), child=other)
            if await self._store.run_objects(there):
                return other
        return child.own.child

    async def chunk(self, request: Request) -> bytes:
        """Answer one encrypted chunk; raises `attachment.invalid` or `attachment.no-ticket`."""
        wanted, now = read_wanted(request.data), datetime.now(UTC)
        asked = partial(objects.chunk, agency=agency_of_subject(request), wanted=wanted, now=now)
        return await self._store.run_objects(asked)


def granted(connection: Connection, inquiry: Inquiry, journey: Journey, now: datetime) -> str:
    """Return the object attached to a statement that `inquiry` may see now, and record the read.

    Raises as `reading.read` does; of a statement that may not be seen, or has no attachment, it
    says what it says of one that is not there.
    """
    reading.refuse_replay(connection, inquiry.asked)
    messages = reading.known(connection, inquiry)
    if not messages or inquiry.asked.practitioner in journey.must_not_know:
        raise reading.not_found()
    by_ledger = reading.readable(connection, inquiry, messages, journey)
    rows = [
        row for row in outlines_of(connection, list(by_ledger)) if row.digest == _digest(inquiry)
    ]
    if not rows and is_ordered(connection, inquiry.request.child, inquiry.request.message):
        raise reading.erased()
    kept = reading.kept_statements(rows, by_ledger)
    request = reading.read_request(inquiry, journey, kept, now)
    decided = list(zip(rows, reading.decide_each(request), strict=True))
    for row, seen in decided:
        found = attached.object_of(connection, row.ledger, row.place) if seen.shown else None
        if found is not None:
            basis = BasisKind(orjson.loads(by_ledger[row.ledger].basis)["kind"])
            reading.record(connection, inquiry, now, [basis], [(row, seen)])
            return found
    raise reading.not_found()


def _digest(inquiry: Inquiry) -> str:
    request = inquiry.request
    return request.digest if isinstance(request, FetchRequest) else ""
