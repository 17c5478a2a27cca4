"""Answering what a practitioner signed, whichever it is, and recording what of it is refused.

One way in for every signed question: who asked about whom and was refused is known afterwards,
whatever was asked. The answer is the same whether or not there is such a child.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from faststream.nats import NatsBroker
from sqlalchemy import Connection, insert

from contracts.errors import HandrailError
from contracts.kinds import iso
from services.agency.faults import Unproven
from services.agency.reading import READ_TYP, Asked, ReadRequest, verify_request
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request, request_subscriber
from services.story.breaking_tables import REFUSED_READS
from services.story.store import Store


@dataclass(frozen=True, slots=True)
class SignedDesk:
    """Subscribes to signed questions, and records each that is refused."""

    broker: NatsBroker
    store: Store
    directory: DirectoryHolder

    def subscribe(
        self,
        verb: str,
        handler: Callable[[Request], Awaitable[bytes]],
        form: type[ReadRequest] = ReadRequest,
        typ: str = READ_TYP,
    ) -> None:
        """Let `handler` answer `story.<agency>.<verb>`, a request of `form` signed under `typ`."""

        @request_subscriber(self.broker, f"story.*.*.{verb}")
        async def answer(request: Request) -> bytes:
            try:
                return await handler(request)
            except HandrailError as error:
                now, agency = datetime.now(UTC), agency_of_subject(request)
                asked = verify_request(
                    request.data, agency, self.directory.current, now, form=form, typ=typ
                )
                who = None if isinstance(asked, Unproven) else asked
                noted = partial(note_refusal, agency=agency, asked=who, code=error.code, now=now)
                await self.store.run(noted)
                raise


def agency_of_subject(request: Request) -> str:
    """Return the agency that the subject `story.<agency>.<verb>` names: two tokens."""
    return ".".join(request.subject.split(".")[1:3])


def note_refusal(
    connection: Connection, agency: str, asked: Asked | None, code: str, now: datetime
) -> None:
    """Write down that a question was refused, with the code that was answered.

    `asked` is None where it is not proven who asked: then nothing is written of what was claimed,
    but the agency, whose account it came by.
    """
    request = asked.request if asked else None
    row = {
        "practitioner": asked.practitioner if asked else "",
        "agency": agency,
        "asked_at": iso(now),
        "child": request.child if request else "",
        "message": request.message if request else None,
        "purpose": request.purpose if request else "",
        "code": code,
    }
    connection.execute(insert(REFUSED_READS).values(**row))
