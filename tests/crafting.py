"""Messages as nobody's client would make them: signed by hand, so that only one thing is wrong."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from contracts import base64url, jws
from contracts.directory import Agency, Practitioner, SigningKey
from contracts.event import TYP
from contracts.roles import Role
from contracts.seal import Disclosures, Sealed
from contracts.statements import binding, digest_of
from tests.area import GP, HEAD, SCHOOL, Area

REVOKED = f"{SCHOOL}.revoked"
RETIRED = f"{SCHOOL}.retired"
TOO_EARLY = f"{SCHOOL}.too-early"
RAN_OUT = f"{SCHOOL}.ran-out"
LEAVER = f"{SCHOOL}.leaver"
CLOSED = "demo.closed-clinic"
CLOSED_NURSE = f"{CLOSED}.nurse"
LOW_ORDER = base64url.encode(bytes(32))
"""An X25519 public key with which no secret can be shared (RFC 7748 §6.1)."""


def troubled_area(now: datetime | None = None) -> Area:
    """The usual area with people whose keys, or who themselves, are not what they were.

    Keys: one revoked, one retired, one not valid yet, one past its end. A practitioner and an
    agency have left. Nothing can be encrypted to the GP's delivery key.
    """
    area = Area(now)
    hour = timedelta(hours=1)
    keys: dict[str, dict[str, Any]] = {
        REVOKED: {"compromised_at": area.now - hour},
        RETIRED: {"retired_at": area.now - hour},
        TOO_EARLY: {"valid_from": area.now + hour},
        RAN_OUT: {"valid_to": area.now - hour},
        LEAVER: {},
        CLOSED_NURSE: {},
    }
    gone = {LEAVER: area.now - hour}
    people = tuple(
        Practitioner(
            id=person,
            name=person,
            line_manager=HEAD,
            left_at=gone.get(person),
            keys=(_key(area, person, changes),),
        )
        for person, changes in keys.items()
    )
    closed = Agency(
        id=CLOSED, name="closed", role=Role.UNIVERSAL, gateway="health", left_at=area.now - hour
    )
    agencies = tuple(_with_useless_key(a) if a.id == GP else a for a in area.document.agencies)
    area.document = area.document.model_copy(
        update={
            "practitioners": area.document.practitioners + people,
            "agencies": (*agencies, closed),
        }
    )
    return area


def _with_useless_key(agency: Agency) -> Agency:
    key = agency.delivery_keys[0].model_copy(update={"x": LOW_ORDER})
    return agency.model_copy(update={"delivery_keys": (key,)})


def _key(area: Area, person: str, changes: dict[str, Any]) -> SigningKey:
    key = area.keys[person] = jws.PrivateKey.generate()
    valid_from = area.now - timedelta(days=365)
    return SigningKey.model_validate(
        {"kid": key.kid, "x": key.x, "valid_from": valid_from, **changes}
    )


def payload_of(sealed: Sealed) -> dict[str, Any]:
    """The sealed event as JSON."""
    made: dict[str, Any] = orjson.loads(
        base64url.decode(orjson.loads(sealed.text)["payload"]) or b""
    )
    return made


def signatures_of(sealed: Sealed) -> list[dict[str, str]]:
    """The signatures of a sealed message as JSON."""
    made: list[dict[str, str]] = orjson.loads(sealed.text)["signatures"]
    return made


def with_signatures(sealed: Sealed, signatures: Sequence[dict[str, str]]) -> Sealed:
    """The same payload and disclosures under other signatures."""
    payload = orjson.loads(sealed.text)["payload"]
    return Sealed(jws.assemble(payload, signatures).decode(), sealed.disclosures)


def resealed(
    sealed: Sealed, key: jws.PrivateKey, change: Callable[[dict[str, Any]], object]
) -> Sealed:
    """The message with its payload changed by `change`, and signed again by `key`."""
    payload = payload_of(sealed)
    change(payload)
    return sealed_bytes(orjson.dumps(payload), key, sealed.disclosures)


def sealed_bytes(
    payload: bytes, key: jws.PrivateKey, disclosures: Disclosures | None = None
) -> Sealed:
    """Any bytes, correctly signed by `key`."""
    return Sealed(jws.sign(payload, key, TYP).decode(), disclosures)


def signature(payload: str, key: jws.PrivateKey, header: bytes) -> dict[str, str]:
    """A signature by `key` under any protected header; the arithmetic is right."""
    protected = base64url.encode(header)
    made = key.raw.sign(f"{protected}.{payload}".encode())
    return {"protected": protected, "signature": base64url.encode(made)}


def with_header(sealed: Sealed, key: jws.PrivateKey, **changes: object) -> Sealed:
    """The message signed by `key` with members of its protected header changed, added or dropped.

    A member given as None is left out.
    """
    header = {k: v for k, v in {**key.header(TYP), **changes}.items() if v is not None}
    payload = orjson.loads(sealed.text)["payload"]
    return with_signatures(sealed, [signature(payload, key, orjson.dumps(header))])


def disclosures_of(*raw: bytes, salt: str = "A" * 22) -> tuple[dict[str, Any], Disclosures]:
    """Members `statements` and `bound` of an event's data for any disclosures, and those."""
    items = tuple(base64url.encode(one) for one in raw)
    digests = [digest_of(item) for item in items]
    elements = [{"...": digest} for digest in digests]
    return {"statements": elements, "bound": binding(salt, digests)}, Disclosures(salt, items)


def nested(depth: int) -> str:
    """JSON that is nested `depth` deep: an array in an array."""
    return "[" * depth + "]" * depth
