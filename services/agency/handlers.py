"""What an agency service answers to its own desk, one function per subject `agency.<agency>.*`.

No answer but that to `open` holds a statement.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
from pydantic import ValidationError

from contracts.identifiers import MessageId, PractitionerId, agency_of
from contracts.reasons import Refusal
from contracts.seal import peek
from contracts.values import Value
from services.agency.faults import Unproven, fault
from services.agency.items import Item, State
from services.agency.noting import Note, verify_note
from services.agency.opening import Opener
from services.agency.store import PAGE, AgencyStore, Held
from services.agency.trusting import judged
from services.agency.whose import Line, lines, shown_to, theirs_first
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request

View = Callable[[Sequence[Item]], tuple[Item, ...]]
"""Choose and order the lines that the desk of a role works from; history is not among them."""

_LOOKED_THROUGH: Final = 5000
Body = TypeVar("Body", bound=Value)


class About(Value):
    """A question about one delivery."""

    message: MessageId


class Whose(Value):
    """Whose lines are to come first; nobody's where no practitioner is named."""

    practitioner: PractitionerId | None = None


class Handlers:
    """The answers of one agency."""

    def __init__(
        self,
        agency: str,
        exchange: str,
        view: View,
        *,
        directory: DirectoryHolder,
        store: AgencyStore,
        opener: Opener,
        clock: Callable[[], datetime],
    ) -> None:
        self._agency, self._exchange, self._view = agency, exchange, view
        self._directory, self._store, self._opener = directory, store, opener
        self._clock = clock

    def by_subject(self) -> Mapping[str, Callable[[Request], Awaitable[bytes]]]:
        """Return every handler under the subject that it answers."""
        verbs = (
            self.inbox,
            self.desk,
            self.delivery,
            self.open,
            self.break_glass,
            self.missing,
            self.prefill,
            self.note,
            self.quarantine,
        )
        return {f"agency.{self._agency}.{verb.__name__}": verb for verb in verbs}

    async def inbox(self, request: Request) -> bytes:
        """Answer with the newest lines, alerts first; `more` and `quarantined` count the rest.

        A practitioner's own lines come first where one is named; the others follow all the same,
        but for those of a child of whose referral the practitioner must not learn.
        """
        whose = self._whose(request)
        limit = _LOOKED_THROUGH if whose else PAGE
        items = await self._store.items(self._agency, history=True, limit=limit)
        shown = await self._lines(items, whose)
        found, hidden = shown[:PAGE], len(items) - len(shown)
        more = await self._store.count(self._agency) - hidden - len(found)
        aside = len(await self._store.quarantined(self._agency))
        return _answer(found, more=max(0, more), quarantined=aside)

    async def desk(self, request: Request) -> bytes:
        """Answer with what the desk of this role has to do, in its order; a person's own first."""
        whose = self._whose(request)
        items = await self._store.items(self._agency, history=False, limit=_LOOKED_THROUGH)
        found = await self._lines(self._view(items), whose)
        return _answer(found[:PAGE], more=max(0, len(found) - PAGE))

    async def delivery(self, request: Request) -> bytes:
        """Answer with what the inbox holds about a message, or about what redirected it here."""
        held = await self._store.held_or_passed_on(self._agency, _body(About, request).message)
        (line,) = await self._lines((held.item,), None)
        return orjson.dumps(_about(held, line))

    def _whose(self, request: Request) -> str | None:
        named = _body(Whose, request).practitioner if request.data else None
        if named is not None and agency_of(named) != self._agency:
            raise fault("inbox.not-here")
        return named

    async def _lines(self, items: Sequence[Item], whose: str | None) -> tuple[Line, ...]:
        handovers = await self._store.handovers(self._agency)
        hidden = await self._store.hidden(self._agency)
        at, directory = self._clock(), self._directory.current
        found = lines(items, self._agency, directory, handovers, at, hidden)
        return theirs_first(shown_to(found, whose), whose) if whose else found

    async def open(self, request: Request) -> bytes:
        """Answer a practitioner's signed request to read."""
        return await self._opener.open(request.data)

    async def break_glass(self, request: Request) -> bytes:
        """Answer a practitioner's signed request to break the glass."""
        return await self._opener.break_glass(request.data)

    async def missing(self, request: Request) -> bytes:
        """Answer a practitioner's signed request for what is still to ask for a form."""
        return await self._opener.about_form("missing", request.data)

    async def prefill(self, request: Request) -> bytes:
        """Answer a practitioner's signed request for a form filled in."""
        return await self._opener.about_form("prefill", request.data)

    async def note(self, request: Request) -> bytes:
        """Move a delivery on, on the receipt of the message that acknowledged or decided it."""
        note = _body(Note, request)
        held = await self._store.held(self._agency, note.message)
        state = await judged(
            self._directory,
            lambda directory: verify_note(note, self._agency, held, directory, self._exchange),
        )
        if isinstance(state, Unproven):
            raise fault(state.code)
        await self._store.move(self._agency, note.message, state)
        return orjson.dumps({"message": note.message, "state": state.value})

    async def quarantine(self, _request: Request) -> bytes:
        """Answer with what was set aside: place in the ledger, digest and reason."""
        rows = await self._store.quarantined(self._agency)
        return orjson.dumps({"quarantined": rows})


def _body(form: type[Body], request: Request) -> Body:
    try:
        return form.model_validate_json(request.data)
    except ValidationError:
        raise fault("request.invalid") from None


def _answer(found: Sequence[Line], **counts: int) -> bytes:
    return orjson.dumps({"messages": [line.as_json() for line in found], **counts})


def _about(held: Held, line: Line) -> dict[str, Any]:
    """Return a delivery's line with the author, the basis, the codes and who opened it.

    Of what its sender withdrew nothing that it said is told, only who had read it.
    """
    openings = {"shown": len(held.delivery.shown), "openings": list(held.openings)}
    if held.item.state is State.WITHDRAWN:
        return {**line.as_json(), **openings}
    event = peek(held.delivery.sealed)
    if isinstance(event, Refusal):  # it was verified before it was stored
        raise fault(event.code)
    data = event.data.model_dump(
        mode="json", include={"author", "countersigners", "recipients", "basis", "content"}
    )
    return {
        **line.as_json(),
        **data,
        "sealed_at": event.time.isoformat(),
        "sealed": held.delivery.sealed.digest,
        **openings,
    }
