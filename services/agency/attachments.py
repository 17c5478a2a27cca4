"""Attachments on their way between a desk and the story service, by way of the agency's service.

What is stored is uploaded by whoever sends the message, chunk by chunk (`attach`). To have it, a
practitioner signs a request for the attachment of one statement (`fetch`), which is decided and
recorded as a read is; its answer holds a ticket for the chunks (`chunk`).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, TypeVar

import orjson
from nats.aio.client import Client
from pydantic import Field, ValidationError

from contracts import jws
from contracts.attachments import CHUNK, MAX_SIZE, TAG, ObjectId, chunk_size, chunks_of
from contracts.errors import HandrailError
from contracts.identifiers import ChildRef
from contracts.statements import DisclosureDigest
from contracts.values import Value
from services.agency.reading import ReadRequest
from services.runtime.subscribing import Request, ask

ATTACH: Final = "attach"
FETCH: Final = "fetch"
CHUNK_OF: Final = "chunk"

CARRIED: Final = (ATTACH, CHUNK_OF)
"""What the agency's service hands on as it is: no person signs it, its gateway's account does."""

ANSWERS_WITHIN_S: Final = 10.0
_LONGEST_HEAD: Final = 512

Form = TypeVar("Form", bound=Value)


class FetchRequest(ReadRequest):
    """For the document attached to the statement whose disclosure has this `digest`."""

    digest: DisclosureDigest


FETCHING: Final[Mapping[str, type[ReadRequest]]] = {FETCH: FetchRequest}
TYPES: Final[Mapping[type[ReadRequest], str]] = {FetchRequest: "handrail-fetch+jws"}
"""The JWS `typ` of the form."""


class Head(Value):
    """What an uploaded chunk says of itself; `size` is that of the document, `number` from 0."""

    child: ChildRef
    object: ObjectId
    size: Annotated[int, Field(ge=1, le=MAX_SIZE)]
    number: Annotated[int, Field(ge=0)]


class ChunkWanted(Value):
    """Which chunk is wanted of what a ticket is for; `number` counts from 0."""

    ticket: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    number: Annotated[int, Field(ge=0, le=MAX_SIZE // CHUNK)]


@dataclass(frozen=True, slots=True)
class Piece:
    """One encrypted chunk with its head."""

    head: Head
    data: bytes = field(repr=False)


def write_piece(piece: Piece) -> bytes:
    """Return the bytes that are uploaded: the head as one line of JSON, then the chunk."""
    return orjson.dumps(piece.head.model_dump()) + b"\n" + piece.data


def read_piece(data: bytes) -> Piece:
    """Return the chunk in uploaded bytes.

    Raises HandrailError `attachment.invalid` for one that no document of its size has.
    """
    line, parted, rest = data[: _LONGEST_HEAD + CHUNK + TAG + 1].partition(b"\n")
    if not parted or len(line) > _LONGEST_HEAD or len(data) != len(line) + 1 + len(rest):
        raise invalid()
    head = _read(Head, line)
    count = chunks_of(head.size)
    if head.number >= count or len(rest) != chunk_size(head.size, head.number):
        raise invalid()
    return Piece(head, rest)


def read_wanted(data: bytes) -> ChunkWanted:
    """Return which chunk is asked for; raises HandrailError `attachment.invalid`."""
    return _read(ChunkWanted, data)


def sign_fetch(
    key: jws.Signer, child: str, message: str, digest: str, purpose: str, at: datetime
) -> bytes:
    """Return a request for an attachment, signed by `key`; `at` is an instant.

    Raises ValidationError on bad parts.
    """
    request = FetchRequest(
        child=child,
        message=message,
        digest=digest,
        purpose=purpose,
        at=at,
        nonce=secrets.token_urlsafe(18),
    )
    return jws.sign(request.model_dump_json().encode(), key, TYPES[FetchRequest])


class Carrier:
    """Hand one kind of request on to the story service as it is, for one agency."""

    def __init__(self, agency: str, verb: str, client: Client) -> None:
        self._subject, self._client = f"story.{agency}.{verb}", client

    async def carry(self, request: Request) -> bytes:
        """Answer what the story service answers, and raise that."""
        return await ask(self._client, self._subject, request.data, timeout_s=ANSWERS_WITHIN_S)


def invalid() -> HandrailError:
    """Return the error for what is no chunk of a document and no request for one."""
    return HandrailError(
        "attachment.invalid",
        "this is not a chunk of a document, or not a request for one",
        "send and open messages with the `handrail` command of the same version",
    )


def _read(form: type[Form], data: bytes) -> Form:
    try:
        return form.model_validate_json(data)
    except ValidationError:
        raise invalid() from None
