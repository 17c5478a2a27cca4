"""Stored statements as `consent` looks at them, and its decision on each.

Those that it cannot tell apart are one and the same value, and one value is decided once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Row

from consent import KeptStatement, ReadRequest, Seen, counted, decide_read
from consent.limits import Item, item
from contracts.consents import Basis
from contracts.questions import Category
from contracts.whose import Purpose, purpose_of
from services.story.packing import Outlined

_BASIS: Final[TypeAdapter[Basis]] = TypeAdapter(Basis)


def kept_statements(
    statements: Sequence[Outlined], messages: Mapping[int, Row[Any]]
) -> tuple[KeptStatement, ...]:
    """Return statements as `consent` looks at them; `messages` are by their ledger sequence.

    Those that `consent` cannot tell apart are one and the same value, decided once: `question` is
    then that of one of them.
    """
    alike: dict[tuple[object, ...], _Carried] = {}
    carried: dict[int, _Carried] = {}
    for ledger, m in messages.items():
        how = (m.basis, m.sender, m.recipients, m.protection, m.kind)
        if how not in alike:
            alike[how] = _Carried.of(m)
        carried[ledger] = alike[how]
    place = {ledger: id(how) for ledger, how in carried.items()}
    # A row's members are costly to name, and there may be hundreds of rows.
    keys = [(place[s[0]], s[3], s[4], s[5]) for s in list[Any](statements)]
    same: dict[tuple[int, Item, bool], KeptStatement] = {}
    known: dict[tuple[int, str, int, bool], KeptStatement] = {}
    for key, s in dict(zip(keys, statements, strict=True)).items():
        what = key[0], item(Category(s.category), s.question), bool(s.own)
        if what not in same:
            same[what] = carried[s.ledger].kept(s)
        known[key] = same[what]
    return tuple([known[key] for key in keys])


def told_withheld(decided: Iterable[Seen]) -> int:
    """Return how many statements an answer says are withheld.

    Not those that a rule holds back of which nobody is told: that there is something to be kept
    from a reader may itself endanger somebody.
    """
    alike = Counter(seen.rules for seen in decided if not seen.shown)
    return sum(number for rules, number in alike.items() if counted(rules))


def decide_each(request: ReadRequest) -> Iterator[Seen]:
    """Yield for each statement of `request` whether it is shown; one value is decided once."""
    ids = list(map(id, request.statements))
    alone = dict(zip(ids, request.statements, strict=True))
    seen = decide_read(replace(request, statements=tuple(alone.values())))
    by_id = dict(zip(alone, seen, strict=True))
    return map(by_id.__getitem__, ids)


@dataclass(frozen=True, slots=True)
class _Carried:
    """How a message carried its statements."""

    basis: Basis
    sender: str
    recipients: frozenset[str]
    protection: bool
    purpose: Purpose | None

    @classmethod
    def of(cls, message: Row[Any]) -> "_Carried":
        return cls(
            basis=_BASIS.validate_json(message.basis),
            sender=message.sender,
            recipients=frozenset(orjson.loads(message.recipients)),
            protection=message.protection,
            purpose=purpose_of(message.kind),
        )

    def kept(self, statement: Outlined) -> KeptStatement:
        return KeptStatement(
            category=Category(statement.category),
            basis=self.basis,
            sender=self.sender,
            recipients=self.recipients,
            protection=self.protection,
            question=statement.question,
            purpose=self.purpose,
            # Of what could not be opened it is not known: nobody keeps it as their own.
            own=bool(statement.own),
        )
