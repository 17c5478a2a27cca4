"""What a practitioner may ask on a family's behalf: its page, its copy of everything, its erasure.

Each is signed by the person as a request to read is, under a type of its own.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from contracts import jws
from contracts.messages.erasing import Digest
from contracts.roles import Requester
from contracts.statements import MAX_STATEMENTS
from services.agency.reading import ReadRequest

_Digests = Annotated[tuple[Digest, ...], Field(max_length=MAX_STATEMENTS)]


class FamilyRequest(ReadRequest):
    """For the family's page: who holds the child's story, who has seen it, what happens next."""


class AccessRequest(ReadRequest):
    """For a copy of everything held: of one part, what is numbered `after` and on.

    `release` are the digests of statements that a person has decided to give although a rule keeps
    them back, `keep_back` of those that no rule keeps back and the person does. `requester` is whom
    the copy is for; where nobody is named, nobody's own words are given without a decision.
    """

    requester: Requester | None = None
    part: Literal["statements", "receipts"] = "statements"
    after: Annotated[int, Field(ge=0)] = 0
    release: _Digests = ()
    keep_back: _Digests = ()


class ErasureRequest(ReadRequest):
    """For what an erasure would cover: a message, some statements, or with neither everything."""

    statements: _Digests = ()


TYPES: Final[Mapping[type[ReadRequest], str]] = {
    FamilyRequest: "handrail-family+jws",
    AccessRequest: "handrail-access+jws",
    ErasureRequest: "handrail-erasure+jws",
}
"""The JWS `typ` of each form."""


def sign_personal(
    key: jws.Signer,
    form: type[ReadRequest],
    child: str,
    purpose: str,
    at: datetime,
    **said: Any,  # noqa: ANN401 - the form's own members
) -> bytes:
    """Return a request of `form` signed by `key`; `at` is an instant, `said` the form's members.

    Raises ValidationError on bad parts.
    """
    nonce = secrets.token_urlsafe(18)
    request = form(child=child, purpose=purpose, at=at, nonce=nonce, **said)
    return jws.sign(request.model_dump_json().encode(), key, TYPES[form])
