"""What a kind of message is: its content, who may send it on what basis, its guards and its fold.

Kinds live in `contracts.messages`, one module per chapter of the guidance; this module holds
what they have in common and the registry.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from contracts.consents import ALL_BASES, BasisKind, Consent, ConsentHeld
from contracts.directory import Directory
from contracts.event import Event
from contracts.journey import Journey
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.statements import Disclosed
from contracts.values import Value

EVERY_ROLE = frozenset(Role)


class NoContent(Value):
    """A kind that says nothing beside what every message says."""


@dataclass(frozen=True)
class Opened:
    """A message whose seal, form and statements have been verified; nothing else becomes one.

    `sealed` is the sealed text as received, `digest` its SHA-256 in hex; `incomplete` tells that
    parts of its content could not be read and were left out, which child protection alone may have.
    """

    event: Event
    kind: "Kind"
    content: Any
    statements: tuple[Disclosed, ...]
    sealed: str
    digest: str
    incomplete: bool = False

    @cached_property
    def questions(self) -> frozenset[str]:
        """Return the keys of the questions that the message answers."""
        return frozenset(s.statement.question for s in self.statements)


@dataclass(frozen=True)
class Situation:
    """What a guard looks at: the message, the journey before it, the directory and the instant.

    `other` is the journey of the other child that the message names, where it is about two.
    """

    message: Opened
    journey: Journey | None
    directory: Directory
    now: datetime
    other: Journey | None = None

    @property
    def event(self) -> Event:
        """Return the message's envelope."""
        return self.message.event

    @cached_property
    def recipients(self) -> frozenset[str]:
        """Return the ids of the agencies that the message is addressed to."""
        return frozenset(r.agency for r in self.event.data.recipients)

    @cached_property
    def consents(self) -> tuple[ConsentHeld, ...]:
        """Return the consents held, then those carried under an id that is not held yet.

        Carrying an id again neither revives nor widens what the journey holds under it.
        """
        held = self.journey.consents if self.journey else ()
        known = {c.consent.id for c in held}
        new = (c for c in self.event.data.consents if c.id not in known)
        as_held = self.journey.as_held if self.journey else _as_held
        return held + tuple(as_held(c) for c in new)

    @property
    def has_part(self) -> bool:
        """Tell whether the sending agency has a part in the child's journey."""
        return self.journey is not None and self.event.agency in self.journey.involved

    def role_of(self, agency: str) -> Role | None:
        """Return the role of an agency that takes part now, or None."""
        found = self.directory.agency(agency, self.now)
        return None if found is None else found.role


def _as_held(consent: Consent) -> ConsentHeld:
    return ConsentHeld(consent=consent)


@dataclass(frozen=True, slots=True)
class Step:
    """What a fold looks at: the accepted message and the instant of its decision.

    A fold needs no disclosure, so that a journey can be refolded after an erasure. `delivered` are
    the agencies that the message went to; None where nobody knows more than whom it addresses.
    """

    event: Event
    content: Any
    now: datetime
    delivered: tuple[str, ...] | None = None

    @property
    def at(self) -> str:
        """Return the instant as a journey holds it."""
        return iso(self.now)

    @property
    def to(self) -> tuple[str, ...]:
        """Return the agencies that the message went to, those first that may decide on it."""
        if self.delivered is not None:
            return self.delivered
        return tuple(dict.fromkeys(r.agency for r in self.event.data.recipients))


Guard = Callable[[Situation], Iterable[Refusal]]
Fold = Callable[[Journey, Step], Journey]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message.

    `senders`: roles of agencies that may send it. `authors`: capacities of which the author needs
    one. `countersigned_by`: capacities that must each countersign. `cites`: the paragraph.
    `asks`: it is a request that somebody must acknowledge and decide. `addressed`: it needs a
    recipient.
    """

    name: str
    title: str
    cites: str
    content: type[Value]
    fold: Fold
    senders: frozenset[Role] = EVERY_ROLE
    authors: frozenset[Capacity] = frozenset()
    countersigned_by: tuple[Capacity, ...] = ()
    bases: frozenset[BasisKind] = ALL_BASES
    guards: tuple[Guard, ...] = ()
    opening: bool = False
    asks: bool = False
    addressed: bool = True
    by_service: bool = False


def content_of(kind: Kind, said: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return what a message says in the form of its kind, and whether something was left out.

    Of a request in the name of child protection a code that cannot be read is left out, so that a
    form never stands between a child and help (003 §2.2). Raises ValidationError for every other
    one, where the concern itself cannot be read, and for words, which belong into statements.
    """
    try:
        return kind.content.model_validate(said), False
    except ValidationError as error:
        places = error.errors(include_url=False, include_input=False, include_context=False)
        faulty = {str(place["loc"][0]) for place in places if place["loc"]}
        urgent = kind.asks and said.get("concern") == "child_protection"
        if not urgent or not all(
            n in said and _CODE.fullmatch(n) and _is_code(said[n]) for n in faulty
        ):
            raise
    kept = {name: value for name, value in said.items() if name not in faulty}
    return kind.content.model_validate(kept), True


_CODE: Final = re.compile(r"[A-Za-z0-9_.:+-]{0,40}")


def _is_code(value: object) -> bool:
    """Tell whether a part of the content is a code, or a group of them, and no words."""
    if isinstance(value, Mapping):
        return all(_CODE.fullmatch(str(n)) and _is_code(v) for n, v in value.items())
    return not isinstance(value, list) and _CODE.fullmatch(str(value)) is not None


def iso(instant: datetime) -> str:
    """Return an instant in UTC as journeys and ledger records write it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
