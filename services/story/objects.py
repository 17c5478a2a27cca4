"""Storing attachments as they were encrypted: each agency's within a bound, written once."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select

from contracts import base64url
from contracts.attachments import CHUNK, TAG, chunks_of, stored_size
from contracts.errors import HandrailError
from contracts.kinds import iso
from services.agency.attachments import ChunkWanted, Piece
from services.story.attachment_tables import CHUNKS, STORED, TICKETS

MOST_BYTES: Final = 2 * 1024**3
"""How much one agency may have stored."""

GOOD_FOR: Final = timedelta(minutes=10)
_TICKET_BYTES: Final = 32
_AT_ONCE: Final = 500


def put(
    connection: Connection, agency: str, piece: Piece, now: datetime, most: int = MOST_BYTES
) -> int:
    """Store a chunk that `agency` uploads and return how many are still to come; bears repetition.

    `most` bounds the bytes that the agency may have stored. Raises HandrailError
    `attachment.no-room`, and `attachment.other` for what differs from what is stored already.
    """
    head = piece.head
    found = _stored(connection, head.object)
    if found is None:
        _make_room(connection, agency, head.size, most)
        made = {"object": head.object, "agency": agency, "child": head.child, "size": head.size}
        connection.execute(insert(STORED).values(**made, made_at=iso(now)))
    elif (found.agency, found.child, found.size) != (agency, head.child, head.size):
        raise _other()
    here = (CHUNKS.c.object == head.object, CHUNKS.c.number == head.number)
    before = connection.scalar(select(CHUNKS.c.ciphertext).where(*here))
    if before is None:
        row = {"object": head.object, "number": head.number, "ciphertext": piece.data}
        connection.execute(insert(CHUNKS).values(**row))
    elif bytes(before) != piece.data:
        raise _other()
    return chunks_of(head.size) - _count(connection, head.object)


def whole(connection: Connection, objects: Collection[str], child: str | None = None) -> set[str]:
    """Return those of `objects` that are wholly stored, and for `child` where it is given."""
    counts = (
        select(STORED.c.object, STORED.c.size, STORED.c.child, func.count().label("held"))
        .join(CHUNKS, CHUNKS.c.object == STORED.c.object)
        .where(STORED.c.object.in_(objects))
        .group_by(STORED.c.object, STORED.c.size, STORED.c.child)
    )
    return {
        row.object
        for row in connection.execute(counts)
        if row.held == chunks_of(row.size) and child in (None, row.child)
    }


def ticket(connection: Connection, agency: str, found: str, child: str, now: datetime) -> str:
    """Return a ticket with which `agency` may have the chunks of the object `found`.

    Raises HandrailError `attachment.missing` where it is not wholly stored for `child`.
    """
    if not whole(connection, (found,), child):
        raise missing()
    connection.execute(delete(TICKETS).where(TICKETS.c.until < iso(now)))
    made = base64url.encode(secrets.token_bytes(_TICKET_BYTES))
    row = {"ticket": made, "object": found, "agency": agency, "until": iso(now + GOOD_FOR)}
    connection.execute(insert(TICKETS).values(**row))
    return made


def chunk(connection: Connection, agency: str, wanted: ChunkWanted, now: datetime) -> bytes:
    """Return a chunk as it is stored; raises HandrailError `attachment.no-ticket`."""
    joined = CHUNKS.join(TICKETS, TICKETS.c.object == CHUNKS.c.object)
    found = connection.scalar(
        select(CHUNKS.c.ciphertext)
        .select_from(joined)
        .where(
            TICKETS.c.ticket == wanted.ticket,
            TICKETS.c.agency == agency,
            TICKETS.c.until >= iso(now),
            CHUNKS.c.number == wanted.number,
        )
    )
    if found is None:
        raise HandrailError(
            "attachment.no-ticket",
            "the document is not given out on this ticket, or not any more",
            "open the message again",
        )
    return bytes(found)


def remove(connection: Connection, objects: Collection[str]) -> int:
    """Remove objects with their chunks and tickets, and return how many there were."""
    gone, wanted = 0, sorted(objects)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        for table in (TICKETS, CHUNKS):
            connection.execute(delete(table).where(table.c.object.in_(some)))
        gone += connection.execute(delete(STORED).where(STORED.c.object.in_(some))).rowcount
    return gone


def begun(connection: Connection, until: datetime, child: str | None = None) -> set[str]:
    """Return the objects whose uploading began until then, of `child` where it is given."""
    wanted = select(STORED.c.object).where(STORED.c.made_at <= iso(until))
    if child is not None:
        wanted = wanted.where(STORED.c.child == child)
    return set(connection.scalars(wanted))


def missing() -> HandrailError:
    """Return the answer for a document that a statement names and that nobody has uploaded."""
    return HandrailError(
        "attachment.missing",
        "the document that belongs to this statement has not been uploaded",
        "ask the sender to send the message with its document again",
    )


def _stored(connection: Connection, found: str) -> Row[Any] | None:
    return connection.execute(select(STORED).where(STORED.c.object == found)).one_or_none()


def _count(connection: Connection, found: str) -> int:
    counted = select(func.count()).select_from(CHUNKS).where(CHUNKS.c.object == found)
    return connection.scalar(counted) or 0


def _make_room(connection: Connection, agency: str, size: int, most: int) -> None:
    """Raise `attachment.no-room` where another document would take an agency over its bound.

    What was begun counts whole; each object is counted with one tag more than it may have.
    """
    sizes = select(func.sum(STORED.c.size), func.sum(STORED.c.size // CHUNK + 1))
    row = connection.execute(sizes.where(STORED.c.agency == agency)).one()
    taken = int(row[0] or 0) + TAG * int(row[1] or 0)
    if taken + stored_size(size) > most:
        raise HandrailError(
            "attachment.no-room",
            "the documents of your agency take all the room that an agency has",
            "send the message without the document, and tell the partnership's operator",
        )


def _other() -> HandrailError:
    return HandrailError(
        "attachment.other",
        "another document is stored under this name",
        "seal the document anew, which gives each attachment a new name, and send that",
    )
