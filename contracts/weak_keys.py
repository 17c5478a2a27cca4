"""Ed25519 public keys that belong to nobody: under a point of small order anybody can sign.

RFC 8032 §5.1.7 verifies such a signature like any other. Whoever had such a key in the directory
could deny what they signed, and others could sign in their name.
"""

from typing import Final

_P: Final = 2**255 - 19
_OF_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL: Final = frozenset((0, 1, _P - 1, _P, _P + 1, _OF_ORDER_8, _P - _OF_ORDER_8))
"""The y coordinates of all points whose order divides 8, and 0 and 1 in their other spelling."""


def is_weak(key: bytes) -> bool:
    """Tell whether 32 bytes are the public half of a key under which anybody can sign."""
    return int.from_bytes(key, "little") & ~(1 << 255) in _SMALL
