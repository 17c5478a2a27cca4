"""What the faults' workload says about one child: sealed messages in the order of their story.

A move is one submission with what must become of it. The stories are in `workload_stories`,
what is wrong on purpose in `workload_forged`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from contracts.consents import Consent, Covers, GivenBy
from contracts.event import Signer
from contracts.identifiers import agency_of, new_reference
from contracts.questions import Category
from contracts.roles import Capacity, Role
from contracts.seal import Sealed
from contracts.statements import Statement
from tests.faults.workload_people import HELPERS, Crew

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
ANY: Final = "any"
DUTY_BASIS: Final = {"kind": "statutory_duty", "provision": "CA1989-s17"}


@dataclass(frozen=True, slots=True)
class Move:
    """One submission: what is sealed, in whose lane and about whom it goes, and what it deserves.

    `forged` tells that it is not what it says it is, `again` that the same bytes went before;
    `waits`, that everything before it has been answered when it is sent.
    """

    sealed: Sealed
    message: str
    agency: str
    child: str
    kind: str
    expect: str = ACCEPTED
    urgent: bool = False
    forged: bool = False
    again: bool = False
    waits: bool = False


@dataclass
class Family:
    """One child, the two helpers who work with the family, and what has been said so far.

    Where the family `waits`, each message is sent when everything before it has been answered;
    otherwise all are sent at once, and the exchange must put them in order.
    """

    crew: Crew
    random: Random
    waits: bool = True
    child: str = field(default_factory=new_reference)
    moves: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first, self.second = self.random.sample(HELPERS, 2)

    def say(
        self,
        kind: str,
        author: str,
        to: Iterable[str] = (),
        statements: Iterable[Statement] = (),
        *,
        expect: str = ACCEPTED,
        urgent: bool = False,
        waits: bool = False,
        **data: Any,
    ) -> str:
        """Seal a message of `kind` by `author`, add it to the moves and return its id."""
        message = data.setdefault("id", new_reference())
        sealed = self.crew.sealed(kind, self.child, author, to, statements, **data)
        sender = agency_of(author)
        move = Move(sealed, message, sender, self.child, kind, expect, urgent)
        self.moves.append(replace(move, waits=waits or self.waits))
        return str(message)

    def repeat(self, move: Move) -> None:
        """Send the bytes of `move` once more."""
        self.moves.append(replace(move, again=True, waits=self.waits))

    def statement(self, question: str, by: str) -> Statement:
        """An answer recorded by `by`."""
        return self.crew.statement(question, by=by)

    def consent(self, taken_by: str, covers: Covers = Covers.SHARING) -> Consent:
        """A parent's consent to sharing everything but safety with every role."""
        return Consent(
            id=new_reference(),
            covers=covers,
            given_by=GivenBy.PARENT,
            taken_by=taken_by,
            given_at=self.crew.now,
            roles=tuple(Role),
            categories=tuple(c for c in Category if c is not Category.SAFETY),
        )


def on(*consents: Consent, bring: bool = True) -> dict[str, Any]:
    """Basis of a message shared on `consents`, and the consents themselves where it brings them."""
    named = {"basis": {"kind": "consent", "consents": tuple(c.id for c in consents)}}
    return {**named, "consents": consents} if bring else named


def signed_too(person: str, capacity: Capacity) -> tuple[Signer, ...]:
    """The countersigner of a message."""
    return (Signer(id=person, capacity=capacity),)
