"""Canonical base64url without padding (RFC 7515 §2), refused in every other spelling."""

import binascii

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_LAST = (
    frozenset[bytes](),
    frozenset[bytes](),
    frozenset(b"%c" % c for c in b"AQgw"),
    frozenset(b"%c" % c for c in b"AEIMQUYcgkosw048"),
)
_PADDING = (b"", b"===", b"==", b"=")


def encode(data: bytes) -> str:
    """Return `data` as base64url without padding."""
    encoded = binascii.b2a_base64(data, newline=False).translate(_TO_URL)
    return encoded.rstrip(b"=").decode("ascii")


def is_canonical(text: str) -> bool:
    """Tell whether `text` is the one spelling of its bytes: no padding, no stray final bits."""
    return _canonical(text) is not None


def decode(text: str) -> bytes | None:
    """Return the bytes of canonical base64url, or None for any other text."""
    raw = _canonical(text)
    if raw is None:
        return None
    return binascii.a2b_base64(raw.translate(_FROM_URL) + _PADDING[len(raw) % 4])


def _canonical(text: str) -> bytes | None:
    """Return `text` as bytes when it is canonical, else None."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    rest = len(raw) % 4
    if raw.translate(None, _ALPHABET) or (rest and raw[-1:] not in _LAST[rest]):
        return None
    return raw
