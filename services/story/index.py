"""The blinded index: which child an identity may be, by keyed digests alone.

A child's marks are made anew out of its stored statements whenever those change, so that they never
outlive what they stand for. What changes a child notes it as due in the same transaction; the marks
follow at once, and after a crash at the next start.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select

from contracts.kinds import iso
from contracts.matching import Identity, Key, Likeness, Mark, keys_of, likeness
from contracts.messages.corrections import WITHDRAWN
from contracts.questions import questions
from contracts.statements import Answer, binding, open_disclosures
from services.story.entries import Told
from services.story.index_tables import DUE, MARKS, PAIRS
from services.story.locking import Locked, unlock
from services.story.tables import MESSAGES, STATEMENTS
from services.story.withdrawing import withdrawn

_FIELDS: Final = {
    "identity.nhs_number": "nhs_numbers",
    "identity.upn": "upns",
    "identity.name": "names",
    "identity.born_on": "born_on",
    "identity.address": "postcodes",
}
"""The questions whose answers identify a child, and what of an identity each one tells."""

MOST_CANDIDATES: Final = 64
"""How many children one search looks at; a digest that so many share tells nothing of one."""


def due(connection: Connection, told: Iterable[Told]) -> None:
    """Note the children whose marks change by what is stored of `told` in this transaction."""
    changed = {
        t.entry.child
        for t in told
        if t.event.kind == WITHDRAWN.name
        or any(s.statement.question in _FIELDS for s in t.statements)
    }
    _note(connection, changed)


def forget(connection: Connection, child: str) -> None:
    """Remove every mark of `child` and every pair it is in; what is left of it is marked anew."""
    connection.execute(delete(MARKS).where(MARKS.c.child == child))
    connection.execute(delete(PAIRS).where(or_(PAIRS.c.one == child, PAIRS.c.other == child)))
    _note(connection, {child})


def all_due(connection: Connection) -> None:
    """Note every child that has statements, as after a change of the matching key."""
    connection.execute(delete(MARKS))
    _note(connection, set(connection.scalars(select(MESSAGES.c.child).distinct())))


def due_children(connection: Connection, most: int = 100) -> list[str]:
    """Return some of the children whose marks have to be made anew."""
    return list(connection.scalars(select(DUE.c.child).order_by(DUE.c.child).limit(most)))


def renew(
    connection: Connection,
    child: str,
    child_key: bytes | None,
    matching_key: bytes,
    now: datetime,
) -> None:
    """Make the marks of `child` out of its statements as they stand, and pair it with its likes.

    Raises `story.statement-damaged` where one does not open.
    """
    keys = keys_of(_identity(connection, child, child_key), matching_key) if child_key else set()
    connection.execute(delete(MARKS).where(MARKS.c.child == child))
    if keys:
        rows = [{"child": child, "mark": int(k.mark), "digest": k.digest} for k in keys]
        connection.execute(insert(MARKS), rows)
    _pair(connection, child, frozenset(keys), now)
    connection.execute(delete(DUE).where(DUE.c.child == child))


def candidates(connection: Connection, asked: Collection[Key]) -> dict[str, frozenset[Key]]:
    """Return every key of the children that share a digest with `asked`, by reference."""
    digests = {key.digest for key in asked}
    if not digests:
        return {}
    sharing = select(MARKS.c.child).where(MARKS.c.digest.in_(digests)).distinct()
    children = list(connection.scalars(sharing.limit(MOST_CANDIDATES)))
    found: dict[str, set[Key]] = {child: set() for child in children}
    for row in connection.execute(select(MARKS).where(MARKS.c.child.in_(children))):
        found[row.child].add(Key(Mark(row.mark), bytes(row.digest)))
    return {child: frozenset(keys) for child, keys in found.items()}


def _note(connection: Connection, children: Collection[str]) -> None:
    noted = set(connection.scalars(select(DUE.c.child).where(DUE.c.child.in_(children))))
    rows = [{"child": child} for child in sorted(set(children) - noted)]
    if rows:
        connection.execute(insert(DUE), rows)


def _identity(connection: Connection, child: str, child_key: bytes) -> Identity:
    """Return everything that is written of a child's identity, in every spelling, latest first."""
    messages = connection.execute(select(MESSAGES).where(MESSAGES.c.child == child)).all()
    gone = withdrawn(connection, child, messages, ())
    ledgers = [m.ledger for m in messages if m.ledger not in gone]
    written: dict[str, list[str]] = {name: [] for name in _FIELDS.values()}
    for row in _answers(connection, ledgers):
        for name, value in _values(row, child, child_key):
            if value not in written[name]:
                written[name].append(value)
    return Identity(**{name: tuple(values) for name, values in written.items()})


def _answers(connection: Connection, ledgers: Sequence[int]) -> Sequence[Row[Any]]:
    numbers = [questions()[key].number for key in _FIELDS]
    wanted = (STATEMENTS.c.ledger.in_(ledgers), STATEMENTS.c.question.in_(numbers))
    latest = (STATEMENTS.c.ledger.desc(), STATEMENTS.c.place)
    return connection.execute(select(STATEMENTS).where(*wanted).order_by(*latest)).all()


def _values(row: Row[Any], child: str, child_key: bytes) -> Iterable[tuple[str, str]]:
    locked = Locked(bytes(row.ciphertext), bytes(row.wrapped_key))
    disclosure, digest = unlock(locked, child, row.digest, child_key), row.digest
    opened = open_disclosures((digest,), binding("", (digest,)), "", (disclosure,))
    if not isinstance(opened, tuple):
        return
    statement = opened[0].statement
    if statement.answer is Answer.GIVEN and isinstance(statement.value, str):
        yield _FIELDS[statement.question], statement.value


def _pair(connection: Connection, child: str, keys: frozenset[Key], now: datetime) -> None:
    """Write down who may be the same child; what agrees otherwise than before is a new pair.

    So it is looked at again, also where somebody found before that they are two children.
    """
    others = candidates(connection, keys).items()
    pairs = {(min(child, c), max(child, c)): likeness(keys, k) for c, k in others if c != child}
    ours = or_(PAIRS.c.one == child, PAIRS.c.other == child)
    for row in connection.execute(select(PAIRS).where(ours)).all():
        pair = (row.one, row.other)
        if pairs.get(pair) == row.likeness:
            del pairs[pair]
        else:
            here = (PAIRS.c.one == row.one, PAIRS.c.other == row.other)
            connection.execute(delete(PAIRS).where(*here))
    rows = [
        {"one": one, "other": other, "likeness": int(like), "found_at": iso(now)}
        for (one, other), like in pairs.items()
        if like is not Likeness.NONE
    ]
    if rows:
        connection.execute(insert(PAIRS), rows)
