"""Canonical base64url without padding (RFC 7515 §2), refused in every other spelling."""

import base64
import re

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
_LAST_OF_TWO = frozenset("AQgw")
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")


def encode(data: bytes) -> str:
    """Return `data` as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def is_canonical(text: str) -> bool:
    """Tell whether `text` is the one spelling of its bytes: no padding, no stray final bits."""
    if _ALPHABET.fullmatch(text) is None:
        return False
    rest = len(text) % 4
    if rest == 0:
        return True
    return rest != 1 and text[-1] in (_LAST_OF_TWO if rest == 2 else _LAST_OF_THREE)


def decode(text: str) -> bytes | None:
    """Return the bytes of canonical base64url, or None for any other text."""
    if not is_canonical(text):
        return None
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
