"""Opening stored statements, many at once: unlocked, held against their digests, told as sealed.

What was stored had its form judged then; that it is still the same text is what is checked here.
"""

import binascii
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from contracts.statements import digest_of
from services.story.locking import Locked, damaged, unlock_all
from services.story.packing import Outline
from services.story.recent import Opened, Recent
from services.story.tables import STATEMENTS

_PLAINLY: Final = re.compile(rb'\["[A-Za-z0-9_-]{22,64}",(\{.*\})\]', re.DOTALL)
_PADDING: Final = (b"", b"", b"==", b"=")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_ORDER: Final = (STATEMENTS.c.ledger, STATEMENTS.c.place)


def statements_of(connection: Connection, ledgers: Sequence[int]) -> Sequence[Row[Any]]:
    """Return the statements of the messages at these places of the ledger, in their order."""
    wanted = STATEMENTS.c.ledger.in_(ledgers)
    return connection.execute(select(STATEMENTS).where(wanted).order_by(*_ORDER)).all()


def outlines_of(connection: Connection, ledgers: Sequence[int]) -> Sequence[Row[Any]]:
    """Return what `statements_of` does, but for what is encrypted."""
    wanted = STATEMENTS.c.ledger.in_(ledgers)
    columns: tuple[Any, ...] = (
        *_ORDER,
        STATEMENTS.c.digest,
        STATEMENTS.c.category,
        STATEMENTS.c.question,
        STATEMENTS.c.own,
    )
    return connection.execute(select(*columns).where(wanted).order_by(*_ORDER)).all()


def opened_of(
    connection: Connection,
    outlines: Sequence[Outline],
    child: str,
    child_key: bytes,
    recent: Recent | None,
) -> list[Opened]:
    """Return the statements in `outlines`, in order; those in `recent` without opening them.

    Raises as `open_statements` does.
    """
    held = recent.of(child, child_key) if recent is not None else {}
    digests = [outline.digest for outline in outlines]
    if not held.keys() >= set(digests):
        wanted = {(o.ledger, o.place) for o in outlines if o.digest not in held}
        rows = statements_of(connection, sorted({ledger for ledger, _ in wanted}))
        new = open_statements([r for r in rows if (r.ledger, r.place) in wanted], child, child_key)
        if recent is not None:
            recent.put(child, child_key, new)
        held = {**held, **{one.digest: one for one in new}}
    return [held[digest] for digest in digests]


def open_statements(rows: Sequence[Row[Any]], child: str, child_key: bytes) -> tuple[Opened, ...]:
    """Return the statements in `rows` of the story's table, in order.

    Raises `HandrailError` `story.statement-damaged` for one that is not what was stored.
    """
    locked = [(Locked(row.ciphertext, row.wrapped_key), row.digest) for row in rows]
    disclosures = unlock_all(locked, child, child_key)
    pairs = zip(locked, disclosures, strict=True)
    return tuple([opened_as(digest, text) for (_, digest), text in pairs])


def opened_as(digest: str, disclosure: str) -> Opened:
    """Return a statement with the text in its disclosure; raises `story.statement-damaged`."""
    return Opened(digest, disclosure, _statement(digest, disclosure))


def _statement(digest: str, disclosure: str) -> bytes:
    if digest_of(disclosure) != digest:
        raise damaged()
    text = disclosure.encode("ascii").translate(_FROM_URL)
    raw = binascii.a2b_base64(text + _PADDING[len(text) % 4])
    plainly = _PLAINLY.fullmatch(raw)
    if plainly is not None:
        return plainly.group(1)
    return orjson.dumps(orjson.loads(raw)[1])
