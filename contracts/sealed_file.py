"""The file of a sealed message, as people hand it on: JWS General JSON with its disclosures.

The disclosures stand in the unprotected header of the first signature, as RFC 9901 §8 has it for
the General JSON Serialization, and beside them, as `handrail_salt`, the salt that binds their set.
The sealed text that a receipt answers has no unprotected header; `read` gives it back exactly.
"""

from typing import Annotated

import orjson
from pydantic import Field, ValidationError

from contracts import jws
from contracts.event import TYP
from contracts.seal import Disclosures, Sealed, refused
from contracts.statements import MAX_STATEMENTS
from contracts.values import Value


class Header(Value):
    """The unprotected header of the first signature."""

    disclosures: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], ...],
        Field(max_length=MAX_STATEMENTS),
    ]
    handrail_salt: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22,64}$")]


class FileSignature(Value):
    """One signature of a sealed file; only the first may have a `header`."""

    protected: str
    signature: str
    header: Header | None = None


class SealedFile(Value):
    """A sealed message as a file."""

    payload: str
    signatures: Annotated[tuple[FileSignature, ...], Field(min_length=1, max_length=8)]


def dump(sealed: Sealed) -> bytes:
    """Return the bytes of the file of `sealed`, indented for reading.

    Raises `seal.unreadable` for a text that is not what `contracts.seal` writes: its digest would
    be another once it was read back.
    """
    made = orjson.loads(sealed.text) if _is_ours(sealed.text) else None
    if made is None:
        raise refused("seal.unreadable")
    if sealed.disclosures is not None:
        made["signatures"][0]["header"] = {
            "disclosures": list(sealed.disclosures.items),
            "handrail_salt": sealed.disclosures.salt,
        }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(data: bytes) -> Sealed:
    """Return the sealed message in the bytes of a file; nothing in it is verified yet.

    Raises `seal.unreadable`, `seal.bad-encoding` or `seal.bad-algorithm`.
    """
    try:
        file = SealedFile.model_validate_json(data)
    except ValidationError:
        raise refused("seal.unreadable") from None
    first, *others = file.signatures
    if any(signature.header is not None for signature in others):
        raise refused("seal.unreadable")
    signatures = [{"protected": s.protected, "signature": s.signature} for s in file.signatures]
    try:
        text = jws.assemble(file.payload, signatures).decode("ascii")
    except UnicodeError:
        raise refused("seal.bad-encoding") from None
    parsed = jws.parse(text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        raise refused(parsed.value)
    header = first.header
    return Sealed(text, Disclosures(header.handrail_salt, header.disclosures) if header else None)


def looks_sealed(data: bytes) -> bool:
    """Tell whether the bytes of a file are meant as a sealed message, well made or not."""
    try:
        made = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(made, dict) and "signatures" in made and "payload" in made


def _is_ours(text: str) -> bool:
    parsed = jws.parse(text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        return False
    signatures = [{"protected": s.protected, "signature": s.signature} for s in parsed.signatures]
    return jws.assemble(parsed.payload, signatures).decode("ascii") == text
