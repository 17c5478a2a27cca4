"""A practitioner's signed questions about the same child: is it known, and who may be one child.

What identifies the child travels encrypted to the exchange's intake key (HPKE, RFC 9180), so that
it is read by the story service alone; the request is signed as one to read is.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import Field, ValidationError

from contracts import base64url, jws
from contracts.directory import Month
from contracts.identifiers import ChildRef
from contracts.matching import Sought
from contracts.submission import SUITE, IntakeKey
from services.agency.reading import ReadRequest

_PURPOSE: Final = "handrail/match/1"
_PAD: Final = 1024
"""Every question has the same length, so that it does not tell how long a name is."""


class MatchRequest(ReadRequest):
    """Whether a child is known; `child` is the fresh reference that the sender is about to use.

    `kind` is the message about to be sent, `box` the encrypted `Sought`.
    """

    kind: Annotated[str, Field(pattern=r"^[a-z-]{2,40}\.[a-z-]{2,40}$")]
    month: Month
    box: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,4000}$")]


class PossibleRequest(ReadRequest):
    """Which references may be one child; about no child, so `child` is a fresh reference."""


class DifferentRequest(ReadRequest):
    """That somebody looked, and `child` and `other` are two children."""

    other: ChildRef


FINDING: Final[Mapping[str, type[ReadRequest]]] = {
    "match": MatchRequest,
    "possible": PossibleRequest,
    "different": DifferentRequest,
}
"""The last token of the subject, by the agency's name and by the story's, and what is signed."""

TYPES: Final[Mapping[type[ReadRequest], str]] = {
    MatchRequest: "handrail-match+jws",
    PossibleRequest: "handrail-possible+jws",
    DifferentRequest: "handrail-different+jws",
}
"""The JWS `typ` of each form."""


def sign_match(
    key: jws.Signer, sought: Sought, child: str, kind: str, intake: IntakeKey, at: datetime
) -> bytes:
    """Return the question whether `sought` is known, encrypted to `intake` and signed by `key`."""
    nonce = secrets.token_urlsafe(18)
    plain = orjson.dumps(sought.model_dump(exclude_none=True)).ljust(_PAD)
    public = X25519PublicKey.from_public_bytes(base64url.decode(intake.x) or b"")
    box = SUITE.encrypt(plain, public, info=_info(child, nonce))
    request = MatchRequest(
        child=child,
        purpose=f"before {kind}",
        at=at,
        nonce=nonce,
        kind=kind,
        month=intake.month,
        box=base64url.encode(box),
    )
    return jws.sign(request.model_dump_json().encode(), key, TYPES[MatchRequest])


def open_sought(request: MatchRequest, key: X25519PrivateKey) -> Sought | None:
    """Return what is sought, or None when it does not open with `key` or has another form."""
    box = base64url.decode(request.box)
    if box is None:
        return None
    try:
        plain = SUITE.decrypt(box, key, info=_info(request.child, request.nonce))
        return Sought.model_validate_json(plain)
    except (InvalidTag, ValueError, ValidationError):
        return None


def sign_possible(key: jws.Signer, child: str, at: datetime) -> bytes:
    """Return the question which references may be one child; `child` is a fresh reference."""
    request = PossibleRequest(
        child=child, purpose="possible matches", at=at, nonce=secrets.token_urlsafe(18)
    )
    return jws.sign(request.model_dump_json().encode(), key, TYPES[PossibleRequest])


def sign_different(key: jws.Signer, child: str, other: str, at: datetime) -> bytes:
    """Return that `child` and `other` are two children, signed by who looked."""
    request = DifferentRequest(
        child=child,
        other=other,
        purpose="two children",
        at=at,
        nonce=secrets.token_urlsafe(18),
    )
    return jws.sign(request.model_dump_json().encode(), key, TYPES[DifferentRequest])


def _info(child: str, nonce: str) -> bytes:
    return f"{_PURPOSE} {child} {nonce}".encode("ascii")
