"""What travels to the exchange: the sealed text, and its disclosures encrypted (design §4).

Disclosures are encrypted with HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) at sending. The
sealed message's digest is HPKE's `info`, so that a ciphertext opens only beside its own seal.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field, ValidationError

from contracts import base64url, jws, strict_json
from contracts.directory import Directory, Month
from contracts.event import MAX_BYTES
from contracts.identifiers import ServiceId
from contracts.reasons import Refusal
from contracts.seal import Disclosures, Sealed, public_key
from contracts.statements import pack_disclosures, unpack_disclosures
from contracts.values import Instant, Value

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
INTAKE_TYP = "handrail-intake-key+jws"
_PURPOSE = b"handrail/disclosures/1 "


class IntakeKey(Value):
    """The exchange's public X25519 key of a month, signed by its directory key."""

    service: ServiceId
    month: Month
    x: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    expires_at: Instant


class Encrypted(Value):
    """Disclosures encrypted to the key of a month."""

    month: Month
    box: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Wire(Value):
    """The submission as it stands on the wire, version 1."""

    v: Literal[1] = 1
    seal: str
    disclosures: Encrypted | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as read: the sealed text and its encrypted disclosures."""

    seal: str
    disclosures: Encrypted | None

    @property
    def sealed_digest(self) -> str:
        """Return SHA-256 over the sealed text, in hex."""
        return hashlib.sha256(self.seal.encode()).hexdigest()


def digest_of_bytes(data: bytes) -> str:
    """Return SHA-256 over a submission's bytes, in hex: what names what could not be opened."""
    return hashlib.sha256(data).hexdigest()


def raw_public(key: X25519PrivateKey) -> str:
    """Return the public half of an X25519 key as base64url."""
    return base64url.encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def encrypt(disclosures: Disclosures, sealed_digest: str, month: str, x: str) -> Encrypted:
    """Return `disclosures` encrypted to the X25519 public key `x` of `month`."""
    packed = pack_disclosures(disclosures.salt, disclosures.items)
    public = X25519PublicKey.from_public_bytes(base64url.decode(x) or b"")
    box = SUITE.encrypt(packed, public, info=_PURPOSE + sealed_digest.encode("ascii"))
    return Encrypted(month=month, box=base64url.encode(box))


def decrypt(
    encrypted: Encrypted, sealed_digest: str, keys: Mapping[str, X25519PrivateKey]
) -> Disclosures | Refusal:
    """Return the disclosures, or why they cannot be opened; `keys` are private keys by month."""
    key, box = keys.get(encrypted.month), base64url.decode(encrypted.box)
    if key is None or box is None:
        return Refusal("seal.disclosures-unreadable")
    try:
        packed = SUITE.decrypt(box, key, info=_PURPOSE + sealed_digest.encode("ascii"))
    except (InvalidTag, ValueError):
        return Refusal("seal.disclosures-unreadable")
    unpacked = unpack_disclosures(packed)
    if unpacked is None:
        return Refusal("seal.disclosures-unreadable")
    return Disclosures(*unpacked)


def write(sealed: Sealed, intake: IntakeKey) -> bytes:
    """Return the bytes that are submitted for `sealed`, its disclosures encrypted to `intake`."""
    wire: dict[str, object] = {"v": 1, "seal": sealed.text}
    if sealed.disclosures is not None:
        box = encrypt(sealed.disclosures, sealed.digest, intake.month, intake.x)
        wire["disclosures"] = {"month": box.month, "box": box.box}
    return orjson.dumps(wire)


def read(data: bytes) -> Submission | Refusal:
    """Return the parts of a submission, or why its bytes are none; never raises."""
    if len(data) > MAX_BYTES:
        return Refusal("seal.too-large")
    if strict_json.load(data) is None:
        return Refusal("seal.unreadable")
    try:
        wire = Wire.model_validate_json(data)
    except ValidationError:
        return Refusal("seal.unreadable")
    return Submission(wire.seal, wire.disclosures)


def open_intake_key(
    data: bytes, directory: Directory, exchange: str, at: datetime | None = None
) -> IntakeKey | None:
    """Return the intake key in `data` when a valid key of the service `exchange` signed it.

    Whose key is over at the instant `at` counts no more; one revoked never does.
    """
    parsed = jws.parse(data, INTAKE_TYP)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
        return None
    holder = directory.holder(parsed.signatures[0].kid)
    if holder is None or holder.holder != exchange or holder.key.compromised_at is not None:
        return None
    ends = [end for end in (holder.key.valid_to, holder.key.retired_at) if end is not None]
    if at is not None and any(end <= at for end in ends):
        return None
    payload = jws.verify(parsed, {holder.key.kid: public_key(holder.key.x)})
    if payload is None:
        return None
    try:
        key = IntakeKey.model_validate_json(payload)
    except ValidationError:
        return None
    return key if key.service == exchange else None
