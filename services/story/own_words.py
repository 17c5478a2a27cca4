"""Which statements are their sender's own words, so that its agency reads them whatever is agreed.

They were recorded by the agency itself, and are not carried on from a message that another one
sent: who was sent a family's words does not make them its own by saying them again. A source that
is not held counts as another's.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select, update

from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from services.story import packing
from services.story.entries import Told
from services.story.opening import open_statements, statements_of
from services.story.tables import MESSAGES, STATEMENTS

Own = frozenset[tuple[str, str]]
"""Senders, each with the digest of a statement that is its own words."""

_Said = tuple[str, str, str, str | None]
"""A statement's sender, its digest, who recorded it, and the message it was carried on from."""


def among(connection: Connection, told: Sequence[Told]) -> Own:
    """Return which statements in `told` are their sender's own words, by sender and digest.

    The messages of `told` must be stored already: one may carry on what another one said.
    """
    return _own(
        connection,
        [
            (
                t.entry.decision.agency,
                one.digest,
                one.statement.recorded_by,
                one.statement.carried_from,
            )
            for t in told
            for one in t.statements
        ],
    )


def settle(connection: Connection, key_of: Callable[[str], bytes | None]) -> None:
    """Decide of every stored statement of which it is not known yet whether it is its sender's own.

    `key_of` gives a child's key, None where there is none. What does not open stays unknown.
    """
    unknown = select(STATEMENTS.c.ledger).where(STATEMENTS.c.own.is_(None))
    wanted = select(MESSAGES).where(MESSAGES.c.ledger.in_(unknown))
    for message in connection.execute(wanted).all():
        key = key_of(message.child)
        if key is not None:
            _settle(connection, message, key)


def _settle(connection: Connection, message: Row[Any], key: bytes) -> None:
    said: list[_Said] = []
    for row in statements_of(connection, [message.ledger]):
        try:
            (one,) = open_statements([row], message.child, key)
        except HandrailError:
            continue
        text = orjson.loads(one.text)
        said.append((message.sender, one.digest, text["recorded_by"], text.get("carried_from")))
    own = _own(connection, said)
    for _, digest, _, _ in said:
        here = (STATEMENTS.c.ledger == message.ledger) & (STATEMENTS.c.digest == digest)
        connection.execute(
            update(STATEMENTS).where(here).values(own=(message.sender, digest) in own)
        )
    packing.forget(connection, [message.ledger])


def _own(connection: Connection, said: Iterable[_Said]) -> Own:
    here = [
        (agency, digest, source) for agency, digest, by, source in said if agency_of(by) == agency
    ]
    sources = {source for _, _, source in here if source is not None}
    sent = _sent(connection, sources) if sources else frozenset[tuple[str, str]]()
    return frozenset(
        (agency, digest)
        for agency, digest, source in here
        if source is None or (agency, source) in sent
    )


def _sent(connection: Connection, messages: set[str]) -> frozenset[tuple[str, str]]:
    wanted = select(MESSAGES.c.sender, MESSAGES.c.message).where(MESSAGES.c.message.in_(messages))
    return frozenset((row.sender, row.message) for row in connection.execute(wanted))
