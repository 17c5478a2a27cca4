"""The stage of the demonstration: agencies' desks, and messages sealed, sent and timed."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from contracts import document as documents
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from contracts.records import Decision
from contracts.seal import refused
from services.agency.reading import sign_request
from services.agency.sending import NoAnswer
from services.cli.desk import Desk, desk
from services.cli.messages import event_of, person, seal_document
from services.cli.output import now
from services.runtime.partnership import Partnership


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of the play: who sent what, the exchange's decision, and how long it took."""

    message: str
    child: str
    kind: str
    author: str
    decision: Decision
    took_ms: float

    @property
    def accepted(self) -> bool:
        """Tell whether the exchange accepted it."""
        return self.decision.outcome.value == "accepted"

    @property
    def codes(self) -> frozenset[str]:
        """Return the codes for which it was refused."""
        return frozenset(reason.code for reason in self.decision.reasons)


@dataclass
class Stage:
    """Sends documents of people of the demonstration partnership, one connection per agency."""

    partnership: Partnership
    sent: list[Sent] = field(default_factory=list[Sent])
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _desks: dict[str, Desk] = field(default_factory=dict[str, Desk])

    async def __aenter__(self) -> Self:
        """Open the stage."""
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._stack.aclose()

    async def desk(self, agency: str) -> Desk:
        """Return the desk of `agency`, connected once."""
        if agency not in self._desks:
            opened = desk(self.partnership, agency)
            self._desks[agency] = await self._stack.enter_async_context(opened)
        return self._desks[agency]

    async def send(self, author: str, body: dict[str, Any], *countersigners: str) -> Sent:
        """Seal a plain document as `author`, send it, and return what became of it.

        Raises HandrailError for a document that cannot be sealed, or when no answer came.
        """
        document = documents.read(orjson.dumps(body))
        return await self.send_document(author, document, *countersigners)

    async def send_document(
        self, author: str, document: Document, *countersigners: str, as_typed: bool = False
    ) -> Sent:
        """Seal and send a document that has been read; otherwise as `send`.

        `as_typed`: the exchange is to judge its answers as they stand.
        """
        place = await self.desk(agency_of(author))
        person(place.directory, author, now())
        sealed = seal_document(
            self.partnership,
            place.directory,
            document,
            author,
            now(),
            countersigners,
            as_typed=as_typed,
        )
        event = event_of(sealed)
        started = time.perf_counter()
        answer = await place.submit(sealed, 30)
        took = (time.perf_counter() - started) * 1000
        if isinstance(answer, NoAnswer):
            raise HandrailError(
                "demo.no-answer",
                f"the exchange did not answer a message of kind {event.kind}",
                "look at logs/ in the folder of state",
            )
        made = Sent(event.id, event.subject, event.kind, author, answer.decision, took)
        self.sent.append(made)
        return made

    async def must(self, author: str, body: dict[str, Any], *countersigners: str) -> Sent:
        """Send as `send` does, and raise when the exchange refuses."""
        made = await self.send(author, body, *countersigners)
        if not made.accepted:
            reason = made.decision.reasons[0]
            raise refused(reason.code, f"{made.kind}: {reason.detail}")
        return made

    async def open(self, reader: str, sent: Sent, purpose: str) -> int:
        """Open a delivered message as `reader`; return how many statements were shown.

        Waits until the delivery has arrived and its statements are kept.
        """
        place = await self.desk(agency_of(reader))
        key = self.partnership.practitioner_key(reader)
        deadline = time.monotonic() + 20
        while True:
            request = sign_request(key, sent.child, sent.message, purpose, now())
            try:
                answer = await place.ask("open", request)
            except HandrailError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer["statements"] or time.monotonic() > deadline:
                    return len(answer["statements"])
            await _a_moment()

    async def inbox(self, agency: str) -> list[dict[str, Any]]:
        """Return the lines of an agency's inbox."""
        place = await self.desk(agency)
        lines: list[dict[str, Any]] = (await place.ask("inbox"))["messages"]
        return lines


async def _a_moment() -> None:
    import asyncio

    await asyncio.sleep(0.05)
