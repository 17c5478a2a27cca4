"""What the story service answers to who breaks the glass."""

from datetime import UTC, datetime
from functools import partial
from typing import Protocol, cast

from faststream.nats import NatsBroker

from contracts.errors import HandrailError
from contracts.journey import Journey
from services.agency.breaking import GLASS_TYP, GlassRequest
from services.agency.reading import ReadRequest
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request, request_subscriber
from services.story.breaking import Standing, Teller, break_glass, note_refusal
from services.story.reading import Inquiry
from services.story.store import Store
from services.story.telling import NoticeTeller

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

        What is refused is recorded too.
        """
        inquiry = await self._proving.inquiry(request, GlassRequest, GLASS_TYP)
        try:
            answer = await self._answer(inquiry)
        except HandrailError as error:
            noted = partial(note_refusal, inquiry=inquiry, code=error.code, now=datetime.now(UTC))
            await self._store.run(noted)
            raise
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
        return broken.answer.body


def subscribe_glass(broker: NatsBroker, desk: GlassDesk) -> None:
    """Subscribe to requests to break the glass."""

    @request_subscriber(broker, "story.*.*.break-glass")
    async def answer(request: Request) -> bytes:
        return await desk.break_glass(request)
