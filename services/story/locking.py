"""A statement under a key of its own, and that key under the child's.

AES-256-GCM (NIST SP 800-38D) encrypts the disclosure, with the child and the digest as associated
data, so that a row moved to another child or statement does not open. AES key wrap (RFC 3394) holds
the statement's key. Without the child's key neither opens: destroying it is the erasure.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from contracts.errors import HandrailError

_NONCE_BYTES: Final = 12
_KEY_BITS: Final = 256
_PURPOSE: Final = "handrail/story/1"


@dataclass(frozen=True, slots=True)
class Locked:
    """A statement at rest: nonce and ciphertext, and the wrapped key; no text form shows them."""

    ciphertext: bytes = field(repr=False)
    wrapped_key: bytes = field(repr=False)


def new_child_key() -> bytes:
    """Return a fresh key of 256 bits."""
    return AESGCM.generate_key(_KEY_BITS)


def lock(disclosure: str, child: str, digest: str, child_key: bytes) -> Locked:
    """Return `disclosure` encrypted under a fresh key, which is wrapped by `child_key`."""
    key = AESGCM.generate_key(_KEY_BITS)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    box = AESGCM(key).encrypt(nonce, disclosure.encode("ascii"), _bound(child, digest))
    return Locked(nonce + box, aes_key_wrap(child_key, key))


def unlock(locked: Locked, child: str, digest: str, child_key: bytes) -> str:
    """Return the disclosure.

    Raises `HandrailError` `story.statement-damaged` when it does not open under that key, for that
    child and digest.
    """
    nonce, box = locked.ciphertext[:_NONCE_BYTES], locked.ciphertext[_NONCE_BYTES:]
    try:
        key = aes_key_unwrap(child_key, locked.wrapped_key)
        return AESGCM(key).decrypt(nonce, box, _bound(child, digest)).decode("ascii")
    except (InvalidUnwrap, InvalidTag, ValueError):
        raise damaged() from None


def unlock_all(locked: Iterable[tuple[Locked, str]], child: str, child_key: bytes) -> list[str]:
    """Return the disclosures of statements and their digests, as `unlock` returns one."""
    bound, found = f"{_PURPOSE} {child} ".encode("ascii"), []
    try:
        for one, digest in locked:
            key = aes_key_unwrap(child_key, one.wrapped_key)
            nonce, box = one.ciphertext[:_NONCE_BYTES], one.ciphertext[_NONCE_BYTES:]
            plain = AESGCM(key).decrypt(nonce, box, bound + digest.encode("ascii"))
            found.append(plain.decode("ascii"))
    except (InvalidUnwrap, InvalidTag, ValueError):
        raise damaged() from None
    return found


def rewrapped(wrapped: bytes, old: bytes | None, new: bytes) -> bytes:
    """Return a statement's key wrapped by `new`; one that is so already is left as it is.

    Raises `HandrailError` `story.statement-damaged` when it opens with neither.
    """
    if opens(wrapped, new):
        return wrapped
    try:
        return aes_key_wrap(new, aes_key_unwrap(old or b"", wrapped))
    except (InvalidUnwrap, ValueError):
        raise damaged() from None


def opens(wrapped: bytes, child_key: bytes) -> bool:
    """Tell whether `wrapped` is a statement's key under `child_key`."""
    try:
        aes_key_unwrap(child_key, wrapped)
    except (InvalidUnwrap, ValueError):
        return False
    return True


def damaged() -> HandrailError:
    """Return the error that a stored statement is not what was stored."""
    return HandrailError(
        "story.statement-damaged",
        "a stored statement does not open with the child's key",
        "restore the story's database and its key store from backups of the same time",
    )


def _bound(child: str, digest: str) -> bytes:
    return f"{_PURPOSE} {child} {digest}".encode("ascii")
