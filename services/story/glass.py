"""What the story service answers to who breaks the glass.

The documents of the statements that it shows are given out with them: the record of the read and
the notice of it cover both, so no further read is asked for.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol, cast

import orjson
from sqlalchemy import Connection

from contracts.journey import Journey
from services.agency.breaking import GLASS_TYP, GlassRequest
from services.agency.reading import ReadRequest
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request
from services.story import objects
from services.story.breaking import Standing, Teller, break_glass
from services.story.reading import Inquiry
from services.story.refusing import SignedDesk
from services.story.store import Store
from services.story.telling import NoticeTeller

_MARK: Final = b'"attachment"'
_log = log.get(__name__)


class Proving(Protocol):
    """What proves a signed request, and knows a child's journey as it stands."""

    async def inquiry(self, request: Request, form: type[ReadRequest], typ: str) -> Inquiry:
        """Return a request of `form` that a practitioner of the subject's agency signed."""
        ...

    async def journey(self, child: str) -> Journey:
        """Return the journey as its newest entry has it."""
        ...


class GlassDesk:
    """Answer who breaks the glass, and tell a named person at once."""

    def __init__(
        self,
        proving: Proving,
        store: Store,
        directory: DirectoryHolder,
        teller: Teller,
        notices: NoticeTeller,
    ) -> None:
        self._proving, self._store, self._directory = proving, store, directory
        self._teller, self._notices = teller, notices

    async def break_glass(self, request: Request) -> bytes:
        """Answer `{"statements": […], "withheld": n}`; raises `read.*` and as `break_glass` does.

        A statement with a document says in `document` whether it is stored, and then has a `ticket`
        for it.
        """
        inquiry = await self._proving.inquiry(request, GlassRequest, GLASS_TYP)
        answer = await self._answer(inquiry)
        await self._notices.tell_or_later()
        return answer

    async def _answer(self, inquiry: Inquiry) -> bytes:
        child, asked = inquiry.request.child, cast("GlassRequest", inquiry.request)
        journey, now = await self._proving.journey(child), datetime.now(UTC)
        async with self._store.changing:
            key = await self._store.child_key(child)
            broken = await self._store.run(
                partial(
                    break_glass,
                    inquiry=inquiry,
                    reason=asked.reason,
                    standing=Standing(journey, self._directory.current, self._teller),
                    child_key=key,
                    now=now,
                )
            )
        _log.warning("glass.broken", agency=inquiry.agency, message_id=broken.notice)
        return await self._with_tickets(inquiry, broken.answer.body, now)

    async def _with_tickets(self, inquiry: Inquiry, body: bytes, now: datetime) -> bytes:
        if _MARK not in body:
            return body
        told = orjson.loads(body)
        having = [one for one in told["statements"] if one["statement"].get("attachment")]
        names = {one["statement"]["attachment"]["object"] for one in having}
        made = await self._store.run_objects(
            partial(
                _tickets,
                agency=inquiry.agency,
                names=names,
                child=inquiry.request.child,
                now=now,
            )
        )
        for one in having:
            ticket = made.get(one["statement"]["attachment"]["object"])
            one["document"] = "stored" if ticket else "missing"
            if ticket:
                one["ticket"] = ticket
        return orjson.dumps(told)


def _tickets(
    connection: Connection, agency: str, names: set[str], child: str, now: datetime
) -> dict[str, str]:
    """Return a ticket for each of the objects that is wholly stored for `child`."""
    there = objects.whole(connection, names, child)
    return {name: objects.ticket(connection, agency, name, child, now) for name in there}


def subscribe_glass(signed: SignedDesk, desk: GlassDesk) -> None:
    """Subscribe to requests to break the glass."""
    signed.subscribe("break-glass", desk.break_glass, GlassRequest, GLASS_TYP)
