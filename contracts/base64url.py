"""Canonical base64url without padding (RFC 7515 §2), refused in every other spelling."""

import binascii

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}


def encode(data: bytes) -> str:
    """Return `data` as base64url without padding."""
    encoded = binascii.b2a_base64(data, newline=False).translate(_TO_URL)
    return encoded.rstrip(b"=").decode("ascii")


def is_canonical(text: str) -> bool:
    """Tell whether `text` is the one spelling of its bytes: no padding, no stray final bits."""
    if not text.isascii() or text.encode("ascii").translate(None, _ALPHABET):
        return False
    rest = len(text) % 4
    return rest == 0 or (rest != 1 and text[-1] in _LAST[rest])


def decode(text: str) -> bytes | None:
    """Return the bytes of canonical base64url, or None for any other text."""
    if not is_canonical(text):
        return None
    padded = text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
    return binascii.a2b_base64(padded)
