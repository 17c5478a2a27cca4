"""Which of a child's stored messages a family's page may speak of, by rules of `consent.telling`.

What some messages say beside their statements decides about them; it is not stored here, and is
looked up in the ledger. A message that cannot be looked up is not spoken of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, select

from consent.telling import untold, untold_read
from consent.telling_lists import KINDS_THAT_SAY
from contracts.consents import Basis
from contracts.event import Event
from contracts.journey import Journey
from contracts.questions import Category
from contracts.records import Entry
from contracts.seal import peek
from contracts.subjects import LEDGER
from services.story.joined import Joined
from services.story.tables import MESSAGES, STATEMENTS
from services.story.withdrawing import withdrawn

_BASIS: Final[TypeAdapter[Basis]] = TypeAdapter(Basis)
_NOT_LISTED: Final = "family.not-listed"


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says beside its statements, and the message that it answers."""

    content: Mapping[str, object] = field(repr=False)
    answers: str | None = None


Contents = Mapping[int, Said]
"""What messages say, by their place in the ledger."""


@dataclass(frozen=True)
class Held:
    """A child's messages as stored, of each the digests with their categories, and what is known.

    `said` holds what messages of `KINDS_THAT_SAY` say; one that it lacks is not spoken of.
    """

    messages: Sequence[Row[Any]]
    categories: Mapping[int, Mapping[str, Category]]
    said: Contents

    @cached_property
    def told(self) -> tuple[Row[Any], ...]:
        """Return the messages that a family's page may speak of."""
        return tuple(m for m in self.messages if self.rule_of(m) is None)

    def rule_of(self, message: Row[Any]) -> str | None:
        """Return the rule by which a page does not speak of a message that is held, or None."""
        return self._rules[message.ledger]

    def rule_of_read(self, row: Row[Any]) -> str | None:
        """Return the rule by which a page does not speak of a recorded read, or None."""
        shown = orjson.loads(row.shown)
        hidden = [self._untold_digests[d] for d in shown if d in self._untold_digests]
        categories = {self._told_digests[d] for d in shown if d in self._told_digests}
        return hidden[0] if hidden else untold_read(categories, orjson.loads(row.rules))

    @cached_property
    def _rules(self) -> dict[int, str | None]:
        """Return by ledger the rule that keeps a message back; an answer has that of its request.

        Messages are in the ledger's order, so what is answered has been judged before.
        """
        by_ledger: dict[int, str | None] = {}
        by_message: dict[str, str | None] = {}
        for message in self.messages:
            said = self.said.get(message.ledger)
            rule = _rule(message, said)
            if rule is None and said and said.answers:
                rule = by_message.get(said.answers, _NOT_LISTED)
            by_ledger[message.ledger] = by_message[message.message] = rule
        return by_ledger

    @cached_property
    def _told_digests(self) -> dict[str, Category]:
        """Return the statements of messages that may be spoken of, by digest."""
        parts = (self.categories.get(m.ledger, {}) for m in self.told)
        return {digest: category for part in parts for digest, category in part.items()}

    @cached_property
    def _untold_digests(self) -> dict[str, str]:
        """Return, by digest, the rule by which a statement's message is not spoken of."""
        rules = ((self.rule_of(m), self.categories.get(m.ledger, ())) for m in self.messages)
        return {digest: rule for rule, digests in rules if rule for digest in digests}


def held(connection: Connection, child: str, journey: Journey, said: Contents) -> Held:
    """Return what is stored about `child`, without what its sender has withdrawn."""
    wanted = select(MESSAGES).where(MESSAGES.c.child == child).order_by(MESSAGES.c.ledger)
    rows = connection.execute(wanted).all()
    gone = withdrawn(connection, child, rows, journey.withdrawn)
    left = tuple(row for row in rows if row.ledger not in gone)
    columns = (STATEMENTS.c.ledger, STATEMENTS.c.digest, STATEMENTS.c.category)
    here = STATEMENTS.c.ledger.in_([row.ledger for row in left])
    found: dict[int, dict[str, Category]] = {}
    for row in connection.execute(select(*columns).where(here)):
        found.setdefault(row.ledger, {})[row.digest] = Category(row.category)
    return Held(left, found, said)


def spoken_of(connection: Connection, joined: Joined, said: Contents) -> tuple[Row[Any], ...]:
    """Return the messages that a family's page may speak of, reference by reference."""
    parts = (held(connection, part.child, part.journey, said) for part in joined.parts)
    return tuple(message for part in parts for message in part.told)


def to_look_up(connection: Connection, joined: Joined) -> dict[int, str]:
    """Return by ledger the messages whose content decides whether they are spoken of."""
    children = [part.child for part in joined.parts]
    wanted = select(MESSAGES.c.ledger, MESSAGES.c.message)
    here = (MESSAGES.c.child.in_(children), MESSAGES.c.kind.in_(list(KINDS_THAT_SAY)))
    return {row.ledger: row.message for row in connection.execute(wanted.where(*here))}


async def look_up(js: JetStreamContext, messages: Iterable[tuple[int, str]]) -> Contents:
    """Return what these messages say, by their place in the ledger, of those that are there."""
    found = {ledger: await _said(js, ledger, message) for ledger, message in messages}
    return {ledger: said for ledger, said in found.items() if said is not None}


async def _said(js: JetStreamContext, ledger: int, message: str) -> Said | None:
    try:
        data = (await js.get_msg(LEDGER, ledger)).data or b""
        event = peek(Entry.model_validate_json(data).sealed)
    except (NotFoundError, ValidationError):
        return None
    if not isinstance(event, Event) or event.id != message:
        return None
    return Said(event.data.content, event.data.answers)


def _rule(message: Row[Any], said: Said | None) -> str | None:
    basis, content = _BASIS.validate_json(message.basis), said.content if said else None
    return untold(basis, protection=bool(message.protection), kind=message.kind, content=content)
