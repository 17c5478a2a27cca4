"""What was withdrawn is read by nobody any more: not by its readers, not by its sender.

A request that was redirected took its statements along, so the copy goes with the original. Rows
are kept by sender and message, because two agencies may have chosen one message id.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select

from contracts.errors import HandrailError
from contracts.messages.corrections import REDIRECTED, WITHDRAWN
from services.story.entries import Told
from services.story.tables import COPIES, WITHDRAWALS

_OF_CHILD: Final = select(WITHDRAWALS.c.sender, WITHDRAWALS.c.message).where(
    WITHDRAWALS.c.child == bindparam("of_child")
)


def note(connection: Connection, told: Iterable[Told]) -> None:
    """Write down the withdrawals among `told`, and which of them repeat a redirected request.

    Give messages whose rows have just been made, and each only once.
    """
    several = tuple(told)
    withdrawals = [_withdrawal(t) for t in several if t.event.kind == WITHDRAWN.name]
    copies = [
        {"ledger": t.entry.ledger, "message": t.event.data.answers}
        for t in several
        if t.event.kind == REDIRECTED.name and t.event.data.answers
    ]
    if withdrawals:
        connection.execute(insert(WITHDRAWALS), withdrawals)
    if copies:
        connection.execute(insert(COPIES), copies)


def _withdrawal(told: Told) -> dict[str, object]:
    return {
        "ledger": told.entry.ledger,
        "child": told.entry.child,
        "sender": told.entry.decision.agency,
        "message": told.event.data.content["message"],
    }


def withdrawn(
    connection: Connection, child: str, messages: Sequence[Row[Any]], known: Collection[str]
) -> frozenset[int]:
    """Return the ledger sequences of those of a child's `messages` that nobody reads any more.

    `known` are the ids withdrawn in the journey as it stands, which may be ahead of what is stored;
    once it is stored, it is certain whose message of that id was meant.
    """
    rows = connection.execute(_OF_CHILD, {"of_child": child}).all()
    stored = {(row.sender, row.message) for row in rows}
    certain = {row.message for row in rows}
    gone = certain.union(known)
    if not gone:
        return frozenset()
    ledgers = [m.ledger for m in messages]
    of = connection.execute(select(COPIES).where(COPIES.c.ledger.in_(ledgers))).all()
    copied = {row.ledger for row in of if row.message in gone}
    return frozenset(
        m.ledger
        for m in messages
        if m.ledger in copied or (m.sender, m.message) in stored or m.message in gone - certain
    )


def taken_back() -> HandrailError:
    """Return the answer for a message that its sender has withdrawn."""
    return HandrailError(
        "story.withdrawn",
        "the sender withdrew this message because it was sent in error",
        "use nothing of what it said; ask the sender if you have acted on it",
    )
