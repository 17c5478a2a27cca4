"""JWS General JSON Serialization with Ed25519 and nothing else (RFC 7515 §7.2.1, RFC 9864).

Every signature's protected header is exactly `alg`, `kid` and `typ`. Anything unusual is turned
away before anything is verified; signing is joserfc's, the arithmetic cryptography's. Bytes are
kept as received.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jws as jose
from joserfc.jwk import OKPKey

from contracts import base64url, strict_json

ALGORITHM = "Ed25519"
_REGISTRY = jose.JWSRegistry(algorithms=[ALGORITHM])
_REGISTRY.max_payload_length = 2 * 1024 * 1024
_MAX_SIGNATURES = 8
_MAX_HEADER = 512
_SIGNATURE_CHARS = 86


class Unacceptable(StrEnum):
    """Why bytes are not a JWS of this profile; the values are reason codes of the contract."""

    UNREADABLE = "seal.unreadable"
    ENCODING = "seal.bad-encoding"
    ALGORITHM = "seal.bad-algorithm"


def thumbprint(x: str) -> str:
    """Return the RFC 7638 thumbprint of an Ed25519 public key given as base64url `x`."""
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return base64url.encode(hashlib.sha256(text.encode("ascii")).digest())


class Signer(Protocol):
    """Whatever signs with one Ed25519 key: a key in memory, in a hardware module, at a service.

    `x` is the public half as in RFC 8037, `kid` its RFC 7638 thumbprint.
    """

    @property
    def kid(self) -> str:
        """Return the name of the key."""
        ...

    @property
    def x(self) -> str:
        """Return the public half."""
        ...

    def signature(self, payload: bytes, typ: str) -> Mapping[str, str]:
        """Return one member of `signatures` over `payload` (RFC 7515 §7.2.1)."""
        ...


def header(kid: str, typ: str) -> dict[str, str]:
    """Return the protected header of every signature of this profile."""
    return {"alg": ALGORITHM, "kid": kid, "typ": typ}


def signing_input(payload: bytes, kid: str, typ: str) -> tuple[str, bytes]:
    """Return the encoded protected header, and the bytes to be signed (RFC 7515 §5.1).

    For signers whose private key no library of JOSE may hold.
    """
    made = json.dumps(header(kid, typ), separators=(",", ":")).encode("ascii")
    protected = base64url.encode(made)
    return protected, f"{protected}.{base64url.encode(payload)}".encode("ascii")


class PublicKey:
    """An Ed25519 public key, imported once."""

    __slots__ = ("kid", "verify", "x")

    def __init__(self, x: str) -> None:
        """Import the key whose RFC 8037 coordinate is `x`, canonical base64url of 32 bytes."""
        self.x = x
        self.kid = thumbprint(x)
        self.verify = Ed25519PublicKey.from_public_bytes(base64url.decode(x) or b"").verify


class PrivateKey:
    """An Ed25519 private key that signs; `kid` and `x` name its public half."""

    __slots__ = ("_jwk", "_key", "kid", "x")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Hold `key`; the public half's thumbprint becomes the key's name."""
        self._key = key
        self.x = base64url.encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.kid = thumbprint(self.x)
        d = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        self._jwk = OKPKey.import_key(
            {"kty": "OKP", "crv": "Ed25519", "x": self.x, "d": base64url.encode(d)}
        )

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def raw(self) -> Ed25519PrivateKey:
        """Return the key as the library holds it, for storing."""
        return self._key

    def header(self, typ: str) -> dict[str, str]:
        """Return the protected header of a signature by this key."""
        return header(self.kid, typ)

    def signature(self, payload: bytes, typ: str) -> dict[str, str]:
        """Return one member of `signatures` over `payload`."""
        made: Any = jose.serialize_json(
            [{"protected": header(self.kid, typ)}], payload, self._jwk, registry=_REGISTRY
        )
        entry = made["signatures"][0]
        return {"protected": entry["protected"], "signature": entry["signature"]}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as received."""

    kid: str
    protected: str
    signature: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JWS of this profile, not yet verified."""

    payload: str
    signatures: tuple[Signature, ...]


def sign(payload: bytes, key: Signer, typ: str) -> bytes:
    """Return `payload` signed by `key` as compact JSON text."""
    return assemble(base64url.encode(payload), (key.signature(payload, typ),))


def assemble(payload: str, signatures: Sequence[Mapping[str, str]]) -> bytes:
    """Return the JSON text of a JWS from its encoded payload and its signatures."""
    document = {"payload": payload, "signatures": [dict(s) for s in signatures]}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def parse(data: bytes | str, typ: str) -> Parsed | Unacceptable:
    """Return the parts of a JWS of this profile, or why it is none; never raises."""
    document = strict_json.load(data)
    if not isinstance(document, dict) or document.keys() != {"payload", "signatures"}:
        return Unacceptable.UNREADABLE
    payload, entries = document["payload"], document["signatures"]
    if not isinstance(payload, str) or not isinstance(entries, list):
        return Unacceptable.UNREADABLE
    if not 1 <= len(entries) <= _MAX_SIGNATURES:
        return Unacceptable.UNREADABLE
    if not base64url.is_canonical(payload):
        return Unacceptable.ENCODING
    signatures: list[Signature] = []
    for entry in entries:
        parsed = _signature(entry, typ)
        if isinstance(parsed, Unacceptable):
            return parsed
        signatures.append(parsed)
    return Parsed(payload, tuple(signatures))


def _signature(entry: object, typ: str) -> Signature | Unacceptable:
    if not isinstance(entry, dict) or entry.keys() != {"protected", "signature"}:
        return Unacceptable.UNREADABLE
    protected, signature = entry["protected"], entry["signature"]
    if not isinstance(protected, str) or not isinstance(signature, str):
        return Unacceptable.UNREADABLE
    return _canonical_signature(protected, signature, typ)


def _canonical_signature(protected: str, signature: str, typ: str) -> Signature | Unacceptable:
    if len(protected) > _MAX_HEADER or len(signature) != _SIGNATURE_CHARS:
        return Unacceptable.ENCODING
    header_bytes = base64url.decode(protected)
    if header_bytes is None or not base64url.is_canonical(signature):
        return Unacceptable.ENCODING
    header = strict_json.load(header_bytes)
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str):
        return Unacceptable.ALGORITHM
    if header != {"alg": ALGORITHM, "kid": header["kid"], "typ": typ}:
        return Unacceptable.ALGORITHM
    return Signature(header["kid"], protected, signature)


def verify(parsed: Parsed, keys: Mapping[str, PublicKey]) -> bytes | None:
    """Return the payload when *every* signature verifies under the key it names, else None.

    The signing input is that of RFC 7515 §5.2; `parse` has already turned away all that is not of
    this profile, so nothing is left for a library of JOSE to read a second time (ADR 0012).
    """
    for signature in parsed.signatures:
        key, value = keys.get(signature.kid), base64url.decode(signature.signature)
        if key is None or value is None:
            return None
        try:
            key.verify(value, f"{signature.protected}.{parsed.payload}".encode("ascii"))
        except InvalidSignature:
            return None
    return base64url.decode(parsed.payload)
