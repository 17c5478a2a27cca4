"""Answering what a practitioner asks on a family's behalf, and the operator about retention."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from contracts import subjects
from contracts.errors import HandrailError
from contracts.rules.in_force import in_force
from contracts.worktime import WorkingCalendar
from services.agency.personal import TYPES, AccessRequest, ErasureRequest, FamilyRequest
from services.agency.reading import ReadRequest
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.subscribing import Request, ask, request_subscriber
from services.story import access, family, planning, retention
from services.story.handlers import ReadingDesk
from services.story.joined import Joined
from services.story.reading import Inquiry
from services.story.refusing import SignedDesk
from services.story.spoken import Contents, look_up, spoken_of, to_look_up

_log = log.get(__name__)
_TRACKER_S = 3.0


def subscribe(broker: NatsBroker, desk: "PersonalDesk", signed: SignedDesk) -> None:
    """Subscribe to what agencies ask on a family's behalf, and to what the operator asks."""
    signed.subscribe("family", desk.family, FamilyRequest, TYPES[FamilyRequest])
    signed.subscribe("access", desk.access, AccessRequest, TYPES[AccessRequest])
    signed.subscribe("erasable", desk.erasable, ErasureRequest, TYPES[ErasureRequest])
    request_subscriber(broker, "story.admin.retention")(desk.retention)


class PersonalDesk:
    """Answer on the journey, the directory and the rules as they stand."""

    def __init__(self, client: Client, desk: ReadingDesk, directory: DirectoryHolder) -> None:
        """Ask tracker and ledger through `client`; `desk` verifies who asks."""
        self._client, self._js, self._desk = client, client.jetstream(prefix=HUB_PREFIX), desk
        self._store, self._directory = desk.store, directory

    async def family(self, request: Request) -> bytes:
        """Answer with the facts of a family's page (`family.page`), and the clocks that run.

        `clocks` is null while the tracker does not answer.
        """
        inquiry, now = await self._asked(request, FamilyRequest), datetime.now(UTC)
        joined = await self._desk.joined(inquiry.request.child)
        said = await self._said(joined)
        facts = await self._store.run(
            partial(
                family.page,
                inquiry=inquiry,
                joined=joined,
                said=said,
                directory=self._directory.current,
                now=now,
            )
        )
        told = await self._store.run(lambda c: [m.message for m in spoken_of(c, joined, said)])
        clocks = await self._clocks(*(part.child for part in joined.parts))
        facts["clocks"] = None if clocks is None else family.told_clocks(clocks, told)
        _log.info("family.page")
        return orjson.dumps(facts)

    async def access(self, request: Request) -> bytes:
        """Answer with a part of a copy of everything held (`access.copy`), or with receipts."""
        inquiry, now = await self._asked(request, AccessRequest), datetime.now(UTC)
        asked = access.entitled(inquiry, self._directory.current, now)
        joined = await self._desk.joined(inquiry.request.child)
        said = await self._said(joined)
        if asked.request.part == "receipts":
            sent = partial(access.sent, asked=asked, joined=joined, said=said, now=now)
            some, following = await self._store.run(sent)
            found = await asyncio.gather(*(self._receipt(*one) for one in some))
            return orjson.dumps({"receipts": [r for r in found if r], "next": following})
        async with self._store.changing:
            keys = {p.child: await self._store.child_key(p.child) for p in joined.parts}
            copied = await self._store.run(
                partial(access.copy, asked=asked, joined=joined, said=said, keys=keys, now=now)
            )
        _log.info("access.copy", count=len(copied["statements"]))
        return orjson.dumps(copied)

    async def erasable(self, request: Request) -> bytes:
        """Answer with what an erasure would cover (`planning.plan`)."""
        inquiry, now = await self._asked(request, ErasureRequest), datetime.now(UTC)
        joined = await self._desk.joined(inquiry.request.child)
        directory = self._directory.current
        return orjson.dumps(
            await self._store.run(
                partial(planning.plan, inquiry=inquiry, joined=joined, directory=directory, now=now)
            )
        )

    async def retention(self, _request: Request) -> bytes:
        """Answer with what has been kept for as long as the rules in force say, for a person."""
        now = datetime.now(UTC)
        children = await self._store.run(retention.children)
        journeys = {child: await self._desk.journey(child) for child in children}
        async with self._store.changing:
            keys = {child: await self._store.child_key(child) for child in children}
            due = await self._store.run(
                partial(
                    retention.due,
                    journeys=journeys,
                    keys={child: key for child, key in keys.items() if key},
                    rules=in_force(self._directory.current, now).retentions,
                    calendar=WorkingCalendar(),
                    now=now,
                )
            )
        _log.info("retention.due", count=len(due))
        return orjson.dumps({"due": due})

    async def _asked(self, request: Request, form: type[ReadRequest]) -> Inquiry:
        return await self._desk.inquiry(request, form, TYPES[form])

    async def _said(self, joined: Joined) -> Contents:
        wanted = await self._store.run(partial(to_look_up, joined=joined))
        return await look_up(self._js, wanted.items())

    async def _clocks(self, *children: str) -> list[Mapping[str, Any]] | None:
        """Return the child's clocks as the tracker has them, or None while it does not answer."""
        clocks: list[Mapping[str, Any]] = []
        for child in children:
            try:
                body = orjson.dumps({"child": child})
                data = await ask(self._client, "tracker.track", body, timeout_s=_TRACKER_S)
            except HandrailError:
                return None
            clocks += orjson.loads(data)["clocks"]
        return clocks

    async def _receipt(self, agency: str, message: str) -> dict[str, Any] | None:
        """Return the signed receipt of a message as the ledger has it."""
        try:
            subject = subjects.receipt(agency, message)
            found = await self._js.get_last_msg(subjects.LEDGER, subject)
        except NotFoundError:
            return None
        return {"agency": agency, "message": message, "receipt": orjson.loads(found.data or b"{}")}
