"""For whom each line of an inbox is, and from whom it is hidden, when it is asked for.

Cover begins and ends by itself, so this is worked out at listing and never stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.desks import Handover, Seen, seen_by
from contracts.directory import Directory
from contracts.event import Event, Recipient
from contracts.identifiers import agency_of
from services.agency.hiding import Hidden
from services.agency.items import Item

HANDED_ON: Final = "work.handed-on"
"""The kind by which an agency hands on from one of its practitioners to another."""

Handovers = Mapping[str, Sequence[Handover]]
"""By child, what was handed on at the agency, the oldest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an inbox, who sees it, and from whom it is hidden.

    Nobody in particular sees history.
    """

    item: Item
    seen: tuple[Seen, ...]
    hidden: frozenset[str] = frozenset()

    def is_for(self, practitioner: str) -> bool:
        """Tell whether the practitioner is one of those who see it."""
        return any(one.practitioner == practitioner for one in self.seen)

    def as_json(self) -> dict[str, Any]:
        """Return the line as it is answered to the desk."""
        return {**self.item.as_json(), "seen_by": [_as_json(one) for one in self.seen]}


def lines(
    items: Iterable[Item],
    agency: str,
    directory: Directory,
    handovers: Handovers,
    at: datetime,
    hidden: Hidden | None = None,
) -> tuple[Line, ...]:
    """Return the items, in their order, with who at `agency` sees each at the instant `at`."""
    known: dict[_Alike, tuple[Seen, ...]] = {}
    made: list[Line] = []
    for item in items:
        shut = (hidden or {}).get(item.child, frozenset())
        if item.history:
            made.append(Line(item, (), shut))
            continue
        key = (_recipients(item, agency), tuple(handovers.get(item.child, ())), shut)
        if key not in known:
            known[key] = _seen(directory, key, at)
        made.append(Line(item, known[key], shut))
    return tuple(made)


def shown_to(found: Sequence[Line], practitioner: str) -> tuple[Line, ...]:
    """Return the lines that are not hidden from `practitioner`."""
    return tuple(line for line in found if practitioner not in line.hidden)


def theirs_first(found: Sequence[Line], practitioner: str) -> tuple[Line, ...]:
    """Return the same lines, those for `practitioner` before the others, each in their order."""
    return tuple(sorted(found, key=lambda line: not line.is_for(practitioner)))


def handover_of(event: Event, agency: str) -> Handover | None:
    """Return what a message of `agency` hands on between two of its own people, or None."""
    if event.kind != HANDED_ON or event.agency != agency:
        return None
    giver, taker = (str(event.data.content.get(name)) for name in _PEOPLE)
    ours = agency_of(giver) == agency == agency_of(taker)
    return Handover(giver, taker) if ours else None


_Alike = tuple[tuple[Recipient, ...], tuple[Handover, ...], frozenset[str]]
"""To whom lines are addressed, what was handed on about their child, and from whom it is hidden."""

_PEOPLE: Final = ("from_practitioner", "to_practitioner")


def _recipients(item: Item, agency: str) -> tuple[Recipient, ...]:
    return item.to or (Recipient(agency=agency, practitioner=item.person or None),)


def _seen(directory: Directory, alike: _Alike, at: datetime) -> tuple[Seen, ...]:
    once: dict[str, Seen] = {}
    recipients, handed, shut = alike
    for recipient in recipients:
        for one in seen_by(directory, recipient, at, handed, shut):
            once.setdefault(one.practitioner, one)
    return tuple(once.values())


def _as_json(one: Seen) -> dict[str, str | None]:
    return {"practitioner": one.practitioner, "why": one.why.value, "of": one.of or None}
