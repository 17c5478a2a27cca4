"""A practitioner's signed request to read: who asks, about which child, why, and when.

Reading is an act of a person, so the person's own key signs it; a service only forwards it. A
request is good for five minutes and for one answer.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from contracts import jws
from contracts.directory import Directory, KeyHolder, SigningKey
from contracts.identifiers import ChildRef, MessageId, agency_of
from contracts.seal import public_key
from contracts.values import Instant, ShortText, Value
from services.agency.faults import Unproven

READ_TYP: Final = "handrail-read+jws"
GOOD_FOR: Final = timedelta(minutes=5)


class ReadRequest(Value):
    """What is signed; `message` None asks for the whole story, `at` is the signing's instant."""

    v: Literal[1] = 1
    child: ChildRef
    message: MessageId | None = None
    purpose: ShortText
    at: Instant
    nonce: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{16,64}$")]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose signature has been verified, and whose it is."""

    practitioner: str
    request: ReadRequest


def sign_request(
    key: jws.Signer, child: str, message: str | None, purpose: str, at: datetime
) -> bytes:
    """Return a request signed by `key`; `at` is an instant. Raises ValidationError on bad parts."""
    request = ReadRequest(
        child=child, message=message, purpose=purpose, at=at, nonce=secrets.token_urlsafe(18)
    )
    return jws.sign(request.model_dump_json().encode(), key, READ_TYP)


def verify_request(
    data: bytes,
    agency: str,
    directory: Directory,
    now: datetime,
    *,
    form: type[ReadRequest] = ReadRequest,
    typ: str = READ_TYP,
) -> Asked | Unproven:
    """Return the request when a practitioner of `agency` signed it just before `now`.

    Otherwise the code `read.*` that says why not; never raises. `typ` tells apart what is asked, so
    that a request to read is good for nothing else. That a nonce is new is for the store to know.
    """
    signed = _signed(data, directory, form, typ)
    if isinstance(signed, Unproven):
        return signed
    holder, request = signed
    person = directory.practitioner(holder.holder, now)
    if person is None or agency_of(person.id) != agency:
        return Unproven("read.not-practitioner")
    if not _valid(holder.key, request.at, now):
        return Unproven("read.key-not-valid")
    if abs(now - request.at) > GOOD_FOR:
        return Unproven("read.not-now")
    return Asked(person.id, request)


def _signed(
    data: bytes, directory: Directory, form: type[ReadRequest], typ: str
) -> tuple[KeyHolder, ReadRequest] | Unproven:
    parsed = jws.parse(data, typ)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
        return Unproven("read.unreadable")
    holder = directory.holder(parsed.signatures[0].kid)
    if holder is None:
        return Unproven("read.unknown-key")
    payload = jws.verify(parsed, {holder.key.kid: public_key(holder.key.x)})
    if payload is None:
        return Unproven("read.bad-signature")
    try:
        return holder, form.model_validate_json(payload)
    except ValidationError:
        return Unproven("read.unreadable")


def _valid(key: SigningKey, at: datetime, now: datetime) -> bool:
    if key.compromised_at is not None and now >= key.compromised_at:
        return False
    return key.valid_from <= at and all(
        at < end for end in (key.valid_to, key.retired_at) if end is not None
    )
