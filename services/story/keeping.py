"""Writing what was told and how far the lanes are stored, in transactions of the story's database.

A lane's position moves only over what is certain. Cursor records are noted as they are read, and
count once the consumer has settled every ledger record before them: after a failure records come
again later than their successors, so a cursor may be read before an entry that it covers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from contracts.kinds import iso
from contracts.questions import questions
from contracts.statements import Disclosed
from services.runtime.sql import read_position, write_position
from services.story import attached, index, own_words, packing, withdrawing
from services.story.entries import AcceptedEntry, LaneCursor, Told
from services.story.locking import lock
from services.story.opening import opened_as
from services.story.orders import spared, wholly_erased
from services.story.tables import CURSORS, ERASED, LANES, MESSAGES, SET_ASIDE, STATEMENTS

SETTLED = "settled"
"""The position up to which every ledger record has been stored or set aside for good."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A ledger record given up for good: its place, its SHA-256 in hex, the code, and when."""

    ledger: int
    subject: str
    digest: str
    reason: str
    at: datetime


def unkept(connection: Connection, entries: Sequence[AcceptedEntry]) -> tuple[AcceptedEntry, ...]:
    """Return those of `entries` that are neither stored nor erased, in order."""
    found = connection.execute(
        select(MESSAGES.c.sender, MESSAGES.c.message).where(
            MESSAGES.c.message.in_([e.message for e in entries])
        )
    )
    stored = {(row.sender, row.message) for row in found}
    erased, ordered = _erased(connection, entries), wholly_erased(connection, entries)
    return tuple(
        e
        for e in entries
        if (e.decision.agency, e.message) not in stored
        and iso(e.decision.now) > erased.get(e.child, "")
        and e.ledger not in ordered
    )


def keep(
    connection: Connection,
    told: Sequence[Told],
    keys: Mapping[str, bytes],
    cursors: Sequence[LaneCursor],
) -> None:
    """Store `told` under the children's `keys`, and note `cursors`; what is stored is skipped."""
    wanted = {e.ledger for e in unkept(connection, [t.entry for t in told])}
    new = spared(connection, [t for t in told if t.entry.ledger in wanted])
    if new:
        connection.execute(insert(MESSAGES), [_message(t) for t in new])
    own = own_words.among(connection, new)
    rows = [row for t in new for row in _statements(t, keys, own)]
    if rows:
        connection.execute(insert(STATEMENTS), rows)
    packing.put(connection, [_pack(t, keys, own) for t in new if t.statements])
    withdrawing.note(connection, new)
    attached.note(connection, new)
    index.due(connection, new)
    _note(connection, cursors)


def settle(connection: Connection, floor: int) -> int:
    """Move the lanes to the cursors at or before the ledger sequence `floor`.

    Every record up to `floor` must have been stored or set aside. Returns how many cursors wait.
    """
    if floor > read_position(connection, SETTLED):
        covered = CURSORS.c.ledger <= floor
        reached = connection.execute(
            select(CURSORS.c.lane, func.max(CURSORS.c.sequence).label("sequence"))
            .where(covered)
            .group_by(CURSORS.c.lane)
        ).all()
        for row in reached:
            _move(connection, row.lane, row.sequence)
        connection.execute(delete(CURSORS).where(covered))
        write_position(connection, SETTLED, floor)
    return connection.scalar(select(func.count()).select_from(CURSORS)) or 0


def positions(connection: Connection) -> dict[str, int]:
    """Return for each lane the last submission up to which every accepted statement is stored."""
    found = connection.execute(select(LANES.c.lane, LANES.c.sequence).order_by(LANES.c.lane))
    return {row.lane: row.sequence for row in found}


def set_aside(connection: Connection, record: SetAside) -> None:
    """Write down that a ledger record can never be stored; bears repetition."""
    here = SET_ASIDE.c.ledger == record.ledger
    if connection.scalar(select(SET_ASIDE.c.ledger).where(here)) is None:
        connection.execute(
            insert(SET_ASIDE).values(
                ledger=record.ledger,
                subject=record.subject,
                digest=record.digest,
                reason=record.reason,
                set_aside_at=iso(record.at),
            )
        )


def _erased(connection: Connection, entries: Sequence[AcceptedEntry]) -> dict[str, str]:
    found = connection.execute(
        select(ERASED.c.child, ERASED.c.erased_at).where(
            ERASED.c.child.in_({e.child for e in entries})
        )
    )
    return {row.child: row.erased_at for row in found}


def _message(told: Told) -> dict[str, object]:
    entry, decision = told.entry, told.entry.decision
    return {
        "ledger": entry.ledger,
        "child": entry.child,
        "message": entry.message,
        "lane": decision.lane,
        "sequence": decision.sequence,
        "sender": decision.agency,
        "kind": told.event.kind,
        "basis": told.event.data.basis.model_dump_json(),
        "recipients": orjson.dumps([to.agency for to in decision.to]).decode(),
        "protection": decision.protection,
        "accepted_at": iso(decision.now),
    }


def _statements(
    told: Told, keys: Mapping[str, bytes], own: own_words.Own
) -> list[dict[str, object]]:
    child = told.entry.child
    rows: list[dict[str, object]] = []
    for place, one in enumerate(told.statements):
        locked = lock(one.disclosure, child, one.digest, keys[child])
        rows.append(
            {
                "ledger": told.entry.ledger,
                "place": place,
                "digest": one.digest,
                "category": one.statement.category.value,
                "question": _number(one),
                "own": (told.entry.decision.agency, one.digest) in own,
                "ciphertext": locked.ciphertext,
                "wrapped_key": locked.wrapped_key,
            }
        )
    return rows


def _pack(told: Told, keys: Mapping[str, bytes], own: own_words.Own) -> dict[str, object]:
    entry, outlines, pieces = told.entry, list[packing.Outline](), list[bytes]()
    for place, one in enumerate(told.statements):
        category = one.statement.category.value
        mine = (entry.decision.agency, one.digest) in own
        outline = (entry.ledger, place, one.digest, category, _number(one), mine)
        outlines.append(packing.Outline._make(outline))
        opened = opened_as(one.digest, one.disclosure)
        pieces.append(packing.piece(opened, entry.message, entry.decision.agency))
    return packing.pack(entry.ledger, outlines, pieces, entry.child, keys[entry.child])


def _number(one: Disclosed) -> int:
    return questions()[one.statement.question].number


def _note(connection: Connection, cursors: Sequence[LaneCursor]) -> None:
    here = CURSORS.c.ledger.in_([c.ledger for c in cursors])
    noted = set(connection.scalars(select(CURSORS.c.ledger).where(here)))
    rows = [
        {"ledger": c.ledger, "lane": c.lane, "sequence": c.sequence}
        for c in cursors
        if c.ledger not in noted
    ]
    if rows:
        connection.execute(insert(CURSORS), rows)


def _move(connection: Connection, lane: str, sequence: int) -> None:
    here = LANES.c.lane == lane
    before = connection.scalar(select(LANES.c.sequence).where(here))
    if before is None:
        connection.execute(insert(LANES).values(lane=lane, sequence=sequence))
    elif before < sequence:
        connection.execute(update(LANES).where(here).values(sequence=sequence))
