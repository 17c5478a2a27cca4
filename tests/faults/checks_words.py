"""The family's words in the story: each must open with its child's key, and be what was sealed.

The story's two databases are read as plain SQL, the keys from the one and the ciphertexts from the
other, and opened with the arithmetic of the standards alone: AES key wrap (RFC 3394), AES-256-GCM
(NIST SP 800-38D), and SHA-256 over the disclosure (RFC 9901 §4.2.3). Nothing of it is kept but
digests.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from contracts import base64url
from tests.faults.checks_sql import Row, rows

_NONCE: Final = 12
_STATEMENTS: Final = """
    SELECT m.ledger, m.child, m.message, s.digest, s.ciphertext, s.wrapped_key
    FROM messages m LEFT JOIN statements s ON s.ledger = m.ledger ORDER BY m.ledger, s.place
"""
_PACKS: Final = """
    SELECT p.ledger, m.child, p.wrapped_key, p.listed, p.ciphertext
    FROM packs p JOIN messages m ON m.ledger = p.ledger
"""


@dataclass(frozen=True, slots=True)
class Told:
    """An accepted message in the story, and the digests of its statements, those that open.

    `closed` counts the statements that do not; `packed` are the digests that its pack gives, or
    None where it has none, which takes nothing away: a pack is made again from the statements.
    """

    child: str
    message: str
    words: tuple[str, ...] = ()
    closed: int = 0
    packed: tuple[str, ...] | None = None


def read_words(folder: Path) -> dict[int, Told]:
    """Return what the story in `folder` tells, by its place in the ledger."""
    story = folder / "story.sqlite"
    # The story first: a key is stored before what is locked by it.
    told = [(first, list(some)) for first, some in groupby(rows(story, _STATEMENTS), _place)]
    packs = list(rows(story, _PACKS))
    keys = {
        row["child"]: row["secret"]
        for row in rows(folder / "story-keys.sqlite", "SELECT child, secret FROM child_keys")
    }
    packed = {row["ledger"]: tuple(_unpacked(row, keys.get(row["child"], b""))) for row in packs}
    return {
        ledger: _told(some, keys.get(some[0]["child"], b""), packed.get(ledger))
        for ledger, some in told
    }


def _place(row: Row) -> int:
    return int(row["ledger"])


def _told(some: list[Row], key: bytes, packed: tuple[str, ...] | None) -> Told:
    stored = [row for row in some if row["digest"] is not None]
    words = tuple(row["digest"] for row in stored if _opens(row, key))
    closed = len(stored) - len(words)
    return Told(some[0]["child"], some[0]["message"], words, closed, packed)


def _opens(row: Row, key: bytes) -> bool:
    """Tell whether a statement opens, and is what its digest says."""
    bound = f"handrail/story/1 {row['child']} {row['digest']}"
    plain = _opened(row, key, bound.encode())
    return plain is not None and digest_of(plain) == row["digest"]


def _unpacked(row: Row, key: bytes) -> Iterator[str]:
    """Yield the digests of the disclosures in a pack; none where it does not open."""
    version, *columns = orjson.loads(row["listed"])
    bound = f"handrail/story-pack/{version} {row['child']} {row['ledger']} {row['listed']}"
    plain = _opened(row, key, bound.encode())
    if plain is not None:
        for start, end in zip(*columns[-2:], strict=True):
            yield digest_of(plain[start:end])


def _opened(row: Row, key: bytes, bound: bytes) -> bytes | None:
    box: bytes = row["ciphertext"]
    try:
        own = aes_key_unwrap(key, row["wrapped_key"])
        return AESGCM(own).decrypt(box[:_NONCE], box[_NONCE:], bound)
    except (InvalidUnwrap, InvalidTag, ValueError):
        return None


def digest_of(disclosure: bytes) -> str:
    """Return the digest under which a disclosure stands in its message's seal."""
    return base64url.encode(hashlib.sha256(disclosure).digest())
