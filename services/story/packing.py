"""A message's statements once more, together: one row, one key, one ciphertext, ready to be told.

To open five hundred statements one by one costs several times what everything else about a read
does. A pack is used for a message that is shown whole, so that nothing is decrypted that is not
shown; of any other message each statement is opened for itself. It is bound to the child and to
what it lists (AES-256-GCM, associated data), and its key is wrapped by the child's: erasing
anything changes that key, and a pack that does not open with the key of today is as good as none.
The table `statements` stays the record; a pack that is missing is made at the next reading.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import Any, Final, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from contracts.statements import digests_of
from services.story.locking import damaged
from services.story.recent import Opened
from services.story.tables import MESSAGES, PACKS

_NONCE_BYTES: Final = 12
_KEY_BITS: Final = 256
_VERSION: Final = 2
_PURPOSE: Final = f"handrail/story-pack/{_VERSION}"

_OF_CHILD: Final = (
    select(PACKS)
    .select_from(PACKS.join(MESSAGES, PACKS.c.ledger == MESSAGES.c.ledger))
    .where(MESSAGES.c.child == bindparam("of_child"))
)
_INSERT: Final = insert(PACKS)


class Outline(NamedTuple):
    """What is known of a stored statement without opening it."""

    ledger: int
    place: int
    digest: str
    category: str
    question: int
    own: bool | None


Outlined = Outline | Row[Any]
"""A stored statement's outline, or a row of the story's table that begins with one."""


# What `Outline._make` does, without looking at the number of members each time.
_OUTLINE: Final = partial(tuple.__new__, Outline)


@dataclass(frozen=True, slots=True)
class Pack:
    """A message's statements as they lie in the table, and the key that opens them."""

    ledger: int
    outlines: Sequence[Outline] = field(repr=False)
    spans: Sequence[tuple[int, int]] = field(repr=False)
    listed: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    key: bytes = field(repr=False)


def pack(
    ledger: int,
    outlines: Iterable[Outline],
    opened: Sequence[bytes],
    child: str,
    child_key: bytes,
) -> dict[str, object]:
    """Return the row of `PACKS` for a message whose every statement is given.

    `opened` are the statements as `piece` gives them, in the order of `outlines`.
    """
    listed = _listed(outlines, opened)
    key, nonce = AESGCM.generate_key(_KEY_BITS), secrets.token_bytes(_NONCE_BYTES)
    box = AESGCM(key).encrypt(nonce, b",".join(opened), _bound(child, ledger, listed))
    return {
        "ledger": ledger,
        "wrapped_key": aes_key_wrap(child_key, key),
        "listed": listed.decode("ascii"),
        "ciphertext": nonce + box,
    }


def piece(one: Opened, message: str, sender: str) -> bytes:
    """Return a statement as an answer tells it, as JSON."""
    return orjson.dumps(one.as_json(message, sender))


def put(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Store packs in place of those that the same messages have."""
    if rows:
        forget(connection, [int(str(row["ledger"])) for row in rows])
        connection.execute(_INSERT, rows)


def forget(connection: Connection, ledgers: Collection[int]) -> None:
    """Delete the packs of the messages at these places of the ledger."""
    connection.execute(delete(PACKS).where(PACKS.c.ledger.in_(ledgers)))


def rewrap(connection: Connection, child: str, old: bytes | None, new: bytes) -> None:
    """Wrap the keys of a child's packs by `new`; a pack whose key opens with neither is deleted."""
    for row in connection.execute(_OF_CHILD, {"of_child": child}).all():
        here = PACKS.c.ledger == row.ledger
        if _unwrapped(new, row.wrapped_key) is not None:
            continue
        key = _unwrapped(old, row.wrapped_key)
        if key is None:
            forget(connection, [row.ledger])
        else:
            wrapped = aes_key_wrap(new, key)
            connection.execute(update(PACKS).where(here).values(wrapped_key=wrapped))


def packs_of(
    connection: Connection, child: str, child_key: bytes | None, ledgers: Collection[int]
) -> dict[int, Pack]:
    """Return the packs of the messages at `ledgers` whose key opens with `child_key`.

    Not those of another version.
    """
    found: dict[int, Pack] = {}
    for row in connection.execute(_OF_CHILD, {"of_child": child}).all():
        key = _unwrapped(child_key, row.wrapped_key) if row.ledger in ledgers else None
        version, *columns = orjson.loads(row.listed) if key is not None else (None,)
        if key is not None and version == _VERSION:
            outlines, spans = _read(row.ledger, columns)
            listed = row.listed.encode("ascii")
            found[row.ledger] = Pack(row.ledger, outlines, spans, listed, row.ciphertext, key)
    return found


def opened(one: Pack, child: str) -> bytes:
    """Return every statement of a pack as an answer tells it, with commas between.

    Each is held against its digest. Raises `story.statement-damaged` for what was not stored so.
    """
    nonce, box = one.ciphertext[:_NONCE_BYTES], one.ciphertext[_NONCE_BYTES:]
    try:
        plain = AESGCM(one.key).decrypt(nonce, box, _bound(child, one.ledger, one.listed))
    except (InvalidTag, ValueError):
        raise damaged() from None
    digests = digests_of([plain[start:end] for start, end in one.spans])
    if digests != [outline.digest for outline in one.outlines]:
        raise damaged()
    return plain


_WHERE: Final = b'"disclosure":"'


def _listed(outlines: Iterable[Outline], pieces: Sequence[bytes]) -> bytes:
    """Return what is known of each statement, and where its disclosure begins and ends."""
    spans: list[tuple[int, int]] = []
    at = 0
    for one in pieces:
        start = one.index(_WHERE) + len(_WHERE)
        spans.append((at + start, at + one.index(b'"', start)))
        at += len(one) + 1
    known = [(one.place, one.digest, one.category, one.question, one.own) for one in outlines]
    return orjson.dumps([_VERSION, *zip(*known, strict=True), *zip(*spans, strict=True)])


def _read(ledger: int, columns: Sequence[Any]) -> tuple[list[Outline], list[tuple[int, int]]]:
    *known, starts, ends = columns
    members = zip(repeat(ledger), *known)
    return list(map(_OUTLINE, members)), list(zip(starts, ends, strict=True))


def _unwrapped(child_key: bytes | None, wrapped: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(child_key or b"", wrapped)
    except (InvalidUnwrap, ValueError):
        return None


def _bound(child: str, ledger: int, listed: bytes) -> bytes:
    return f"{_PURPOSE} {child} {ledger} ".encode("ascii") + listed
