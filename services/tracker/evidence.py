"""Handing out the sealed messages of a child's journey, so that others can prove what they prove.

They come from the ledger and not from the tracker's tables. Statements are not among them.
"""

from typing import Annotated, Any, Final, TypeVar

import orjson
from faststream.nats import NatsBroker
from nats.aio.client import Client
from pydantic import Field, ValidationError

from contracts.errors import HandrailError
from contracts.holding import HeldRecord, read_held
from contracts.identifiers import ChildRef, PractitionerId
from contracts.kinds import iso
from contracts.records import Entry, entry_hash
from contracts.subjects import journey as journey_subject
from contracts.values import Value
from services.runtime.sql import SqlRunner
from services.runtime.subscribing import Record, Request, request_subscriber
from services.tracker.people import open_for
from services.tracker.reading import records

Asked = TypeVar("Asked", bound=Value)

MOST_BYTES: Final = 256 * 1024
"""An answer ends with the entry that reaches this; with the largest it fits the server's 1 MiB."""


HELD: Final = "held.>"
MOST_HELD: Final = 1000
"""Lines in one answer: well below the server's 1 MiB."""


class EntriesRequest(Value):
    """Which child's entries are asked for, from which place in the ledger on."""

    child: ChildRef
    first: Annotated[int, Field(ge=1)] = 1


class PersonRequest(Value):
    """Who is asked about."""

    practitioner: PractitionerId


class Evidence:
    """Answers the operator from the ledger, and about people from the tables."""

    def __init__(self, runner: SqlRunner, client: Client) -> None:
        self._runner, self._client = runner, client

    async def entries(self, request: Request) -> bytes:
        """Answer with sealed entries, the oldest first; `next` is where to ask on, or null.

        Each has the sealed text, the text of the exchange's decision, the hash of its own record
        and the one of the record before that it names. Raises `track.invalid`, `ledger.unread` or
        `entry.unreadable`.
        """
        asked = asked_for(EntriesRequest, request)
        found: list[dict[str, Any]] = []
        size = 0
        async for batch in records(self._client, journey_subject(asked.child), asked.first):
            for record in batch:
                if size >= MOST_BYTES:
                    return orjson.dumps({"entries": found, "next": record.sequence})
                found.append(entry_of(record))
                size += len(found[-1]["seal"]) + len(found[-1]["decision"])
        return orjson.dumps({"entries": found, "next": None})

    async def held(self, _request: Request) -> bytes:
        """Answer with the messages that are held, the oldest first: references and codes alone.

        At most so many as an answer takes. Raises `ledger.unread`.
        """
        found: dict[str, dict[str, Any]] = {}
        async for batch in records(self._client, HELD, 1):
            for record in batch:
                said = read_held(record.data)
                found.pop(record.subject, None)
                if isinstance(said, HeldRecord):
                    found[record.subject] = _held(record.subject, said)
        oldest = sorted(found.values(), key=lambda one: (one["arrived_at"], one["message"]))
        return orjson.dumps({"held": oldest[:MOST_HELD], "more": max(0, len(oldest) - MOST_HELD)})

    async def open_for(self, request: Request) -> bytes:
        """Answer with what is open for a practitioner; raises `track.invalid`."""
        practitioner = asked_for(PersonRequest, request).practitioner
        return orjson.dumps(await self._runner.run(lambda c: open_for(c, practitioner)))


def subscribe(broker: NatsBroker, evidence: Evidence) -> None:
    """Subscribe to `tracker.entries`, `tracker.held` and `tracker.open-for`."""
    request_subscriber(broker, "tracker.held")(evidence.held)
    request_subscriber(broker, "tracker.entries")(evidence.entries)
    request_subscriber(broker, "tracker.open-for")(evidence.open_for)


def _held(subject: str, said: HeldRecord) -> dict[str, Any]:
    _, child, message = subject.split(".")
    return {
        "message": message,
        "child": child,
        "agency": said.agency,
        "arrived_at": iso(said.arrived_at),
        "until": iso(said.until),
        "codes": list(dict.fromkeys(ground.code for ground in said.waits_for)),
    }


def entry_of(record: Record, *, attested: bool = False) -> dict[str, Any]:
    """Return a record's seal, decision and place in the chain; raises `entry.unreadable`.

    `attested` gives the attestation of the decision too, null where the entry has none.
    """
    try:
        entry = Entry.model_validate_json(record.data)
    except ValidationError:
        raise HandrailError(
            "entry.unreadable",
            "a record of the ledger cannot be read by this version of the tracker",
            "run the version that the exchange runs; if it is the same, restore the backup",
        ) from None
    parts: dict[str, Any] = {
        "seal": entry.seal,
        "decision": entry.decision,
        "digest": entry_hash(record.data),
        "before": entry.before,
    }
    if attested:
        place = None if entry.place is None else entry.place.model_dump(mode="json")
        parts |= {"group": entry.group, "place": place}
    return parts


def asked_for(form: type[Asked], request: Request) -> Asked:
    """Return the question in a request; raises `track.invalid` for any other form."""
    try:
        return form.model_validate_json(request.data)
    except ValidationError:
        raise HandrailError(
            "track.invalid",
            "the question does not have the form that this subject takes",
            "ask with the `handrail` command, which writes the question",
        ) from None
