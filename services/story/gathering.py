"""Gathering a child's statements for a read: all of them listed, what is shown of them opened.

A message that is shown whole is opened at once where it has a pack, and gets one where it has none;
of any other message each statement that is shown is opened for itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, groupby
from typing import Any, Final

from sqlalchemy import Connection, Row

from services.story import packing
from services.story.opening import opened_of, outlines_of
from services.story.packing import Outline, Pack, packs_of
from services.story.recent import Recent

_COMMA: Final = b","


@dataclass(frozen=True, slots=True)
class Part:
    """The statements of one message; `pack` is None where they are opened one by one."""

    ledger: int
    outlines: Sequence[Outline]
    pack: Pack | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """A child's statements by message, in the ledger's order, and what opens them.

    `messages` are the child's messages by their ledger sequence.
    """

    parts: tuple[Part, ...]
    messages: Mapping[int, Row[Any]]
    child: str
    child_key: bytes | None = field(repr=False)

    def outlines(self) -> list[Outline]:
        """Return what is known of every statement without opening it, in order."""
        return list(chain.from_iterable(part.outlines for part in self.parts))


def gather(
    connection: Connection, messages: Mapping[int, Row[Any]], child: str, child_key: bytes | None
) -> Gathered:
    """Return the statements of `messages`, which are by their ledger sequence and in its order."""
    packs = packs_of(connection, child, child_key, messages)
    one_by_one = [ledger for ledger in messages if ledger not in packs]
    rows = outlines_of(connection, one_by_one) if one_by_one else ()
    parts = {ledger: Part(ledger, pack.outlines, pack) for ledger, pack in packs.items()}
    for ledger, some in groupby(map(Outline._make, rows), lambda outline: outline.ledger):
        parts[ledger] = Part(ledger, tuple(some))
    return Gathered(tuple(parts[ledger] for ledger in sorted(parts)), messages, child, child_key)


def told(
    connection: Connection, gathered: Gathered, shown: Sequence[bool], recent: Recent | None
) -> bytes:
    """Return the statements that are `shown`, as an answer tells them, with commas between.

    Raises `HandrailError` `story.statement-damaged` for one that is not what was stored.
    """
    texts: list[bytes] = []
    for part, seen in _with(gathered.parts, shown):
        if part.pack is not None and all(seen):
            texts.append(packing.opened(part.pack, gathered.child))
        elif any(seen):
            texts.append(_one_by_one(connection, gathered, part, seen, recent))
    return _COMMA.join(texts)


def _with(parts: Sequence[Part], shown: Sequence[bool]) -> Iterator[tuple[Part, Sequence[bool]]]:
    start = 0
    for part in parts:
        end = start + len(part.outlines)
        yield part, shown[start:end]
        start = end


def _one_by_one(
    connection: Connection,
    gathered: Gathered,
    part: Part,
    seen: Sequence[bool],
    recent: Recent | None,
) -> bytes:
    child, key = gathered.child, gathered.child_key or b""
    outlines = list(compress(part.outlines, seen))
    opened = opened_of(connection, outlines, child, key, recent)
    message = gathered.messages[part.ledger]
    pieces = [packing.piece(one, message.message, message.sender) for one in opened]
    if part.pack is None and all(seen):
        packing.put(connection, [packing.pack(part.ledger, outlines, pieces, child, key)])
    return _COMMA.join(pieces)
