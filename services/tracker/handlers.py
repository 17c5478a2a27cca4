"""What the tracker hears: ledger records, and the operator's questions."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

import orjson
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.identifiers import ChildRef
from contracts.subjects import LEDGER
from contracts.values import Value
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.sql import SqlRunner
from services.runtime.subscribing import Request, ledger_batch_subscriber, request_subscriber
from services.tracker import asking
from services.tracker.entries import JOURNEYS
from services.tracker.following import Follower
from services.tracker.measures import measures
from services.tracker.rebuild import rebuild_tables
from services.tracker.report import quarter as reporting
from services.tracker.report.form import ReportRequest
from services.tracker.report.period import period
from services.tracker.report.reading import material
from services.tracker.rulebook import Rulebook

DURABLE = "tracker"
AT_ONCE = 200


class TrackRequest(Value):
    """Which child is asked about."""

    child: ChildRef


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers the operator; `book` and `clock` are asked anew each time."""

    runner: SqlRunner
    client: Client
    book: Callable[[], Rulebook]
    clock: Callable[[], datetime]
    _rebuilding: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def track(self, request: Request) -> bytes:
        """Answer with a child's journey; raises `track.invalid` and `track.unknown-child`."""
        asked = _about(request)
        now = self.clock()
        packs = self.book().at(now).packs
        question = partial(asking.track, child=asked.child, packs=packs, now=now)
        return orjson.dumps(await self.runner.run(question))

    async def report(self, request: Request) -> bytes:
        """Answer with a report; raises `report.invalid` and `report.period`."""
        try:
            asked = ReportRequest.model_validate_json(request.data)
        except ValidationError:
            raise HandrailError(
                "report.invalid",
                "the question names no days, no seed, or a reader that there is not",
                'ask with {"first": "2026-07-01", "last": "2026-09-30", "seed": "..."}',
            ) from None
        now = self.clock()
        book = self.book()
        packs = book.at(now).packs
        days = period(asked.first, asked.last)
        names = book.names_within(days.begins, days.ends)
        rows = await self.runner.run(partial(material, days=days, packs=packs, now=now))
        return reporting.report(rows, asked, names, now).model_dump_json().encode()

    async def measures(self, request: Request) -> bytes:
        """Answer with what was asked again and filled without asking, of a child or of the area.

        Raises `track.invalid` and `track.unknown-child`.
        """
        child = _about(request).child if request.data not in (b"", b"{}") else None
        return orjson.dumps(await self.runner.run(partial(measures, child=child)))

    async def quarantine(self, _request: Request) -> bytes:
        """Answer with what was set aside."""
        return orjson.dumps(await self.runner.run(asking.quarantine))

    async def status(self, _request: Request) -> bytes:
        """Answer with counts and the position; `lag` is null when the server does not tell."""
        told = await self.runner.run(partial(asking.status, now=self.clock()))
        return orjson.dumps({**told, "lag": await self._lag()})

    async def rebuild(self, _request: Request) -> bytes:
        """Build the tables again and answer with what they hold; one such request at a time."""
        async with self._rebuilding:
            done = await rebuild_tables(self.runner, self.client, self.book(), self.clock())
        return orjson.dumps(asdict(done))

    async def _lag(self) -> int | None:
        """Return how many ledger records are yet to be followed."""
        try:
            info = await self.client.jetstream(prefix=HUB_PREFIX).consumer_info(LEDGER, DURABLE)
        except (NatsError, TimeoutError):
            return None
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


def subscribe(broker: NatsBroker, follower: Follower, desk: Desk) -> None:
    """Subscribe to the ledger and to the operator's questions, each named as its handler is.

    The durable consumer has more filters than a subscriber can name: it must be there already.
    """
    ledger_batch_subscriber(broker, JOURNEYS, DURABLE, at_once=AT_ONCE)(follower.take)
    request_subscriber(broker, "tracker.track")(desk.track)
    request_subscriber(broker, "tracker.quarantine")(desk.quarantine)
    request_subscriber(broker, "tracker.status")(desk.status)
    request_subscriber(broker, "tracker.rebuild")(desk.rebuild)
    request_subscriber(broker, "tracker.report")(desk.report)
    request_subscriber(broker, "tracker.measures")(desk.measures)


def _about(request: Request) -> TrackRequest:
    try:
        return TrackRequest.model_validate_json(request.data)
    except ValidationError:
        raise HandrailError(
            "track.invalid",
            "the question does not name a child by a reference",
            'ask with {"child": "..."}, the reference as the receipt gives it',
        ) from None
