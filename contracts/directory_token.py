"""Reading a signed directory: by which root it counts, before anything in it is used."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from contracts import base64url, jws, strict_json
from contracts.directory_entries import MAX_ROOT_CHANGES, DirectoryDocument
from contracts.roots import Roots, follow
from contracts.weak_keys import is_weak

TYP: Final = "handrail-directory+jws"
OFFER_TYP: Final = "handrail-offer+jws"
"""A part of a directory for another partnership, which no reader takes for the directory itself."""

_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified document and the roots of its partnership as far as they are known."""

    document: DirectoryDocument
    roots: Roots


def sign(document: DirectoryDocument, root: jws.Signer, typ: str = TYP) -> bytes:
    """Return a document as JWS General JSON, signed by a partnership's root."""
    return jws.sign(document.model_dump_json(exclude_defaults=True).encode(), root, typ)


def read(data: bytes | str, root_x: str, typ: str = TYP) -> Signed | None:
    """Return what the newest root signed, for a reader pinned to the root `root_x`, else None.

    The changes of the root are read from the payload before it is verified: each of them proves
    itself, and they only say under which key the payload has to verify.
    """
    parsed = jws.parse(data, typ)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
        return None
    raw = base64url.decode(root_x) or b""
    if len(raw) != _KEY_BYTES or is_weak(raw):
        return None
    root = jws.PublicKey(root_x)
    if parsed.signatures[0].kid != root.kid:
        roots = follow(root_x, _changes_in(parsed.payload))
        if roots is None:
            return None
        root = jws.PublicKey(roots.newest)
    payload = jws.verify(parsed, {root.kid: root})
    return None if payload is None else _checked(payload, root)


def _checked(payload: bytes, root: jws.PublicKey) -> Signed | None:
    """Return the document when its own changes end at the root that signed it."""
    try:
        document = DirectoryDocument.model_validate_json(payload)
    except ValidationError:
        return None
    roots = follow(root.x, document.root_changes)
    if roots is None or roots.newest != root.x:
        return None
    if roots.partnership not in ("", document.partnership):
        return None
    return Signed(document, roots)


def _changes_in(payload: str) -> tuple[str, ...]:
    read = strict_json.load(base64url.decode(payload) or b"")
    changes = read.get("root_changes") if isinstance(read, dict) else None
    if not isinstance(changes, list) or len(changes) > MAX_ROOT_CHANGES:
        return ()
    return tuple(change for change in changes if isinstance(change, str))
