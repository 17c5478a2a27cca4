"""Whether an agency may know what a family told another: decided as sharing it now would be.

The family's consent names who may have which kind of information. What it covers need not be asked
again (003 principles: families tell their story once); what went on any other basis is nobody's but
those whom it was sent to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.decision import decide
from consent.reading import Seen
from consent.request import Share, ShareRequest
from contracts.consents import ConsentBasis, ConsentHeld
from contracts.protecting import ProtectedAddress
from contracts.questions import Question
from contracts.roles import Role

_NAMED_AT_ONCE: Final = 16
_NOBODY_AGREED: Final = Seen(shown=False, rules=("consent.none-named",))


@dataclass(frozen=True, slots=True)
class Knower:
    """The agency that would know, at the instant `now` (with a time zone).

    `role` is None when the directory does not hold the agency now. `consents` are those that the
    journey holds, refusals and withdrawn ones among them, `protected` who may learn the address.
    `has_part` tells that the agency has a part in the journey: one without reaches nothing by a
    consent that names only its role.
    """

    agency: str
    role: Role | None
    consents: tuple[ConsentHeld, ...]
    has_part: bool
    now: datetime
    protected: ProtectedAddress | None = None


def may_know(knower: Knower, question: Question) -> Seen:
    """Return whether the family's consents, as they stand, let the agency have that answer.

    Pure, and never raises; what cannot be worked out is not shown.
    """
    seen = _NOBODY_AGREED
    for some in _groups(_naming(knower)):
        seen = _decided(knower, question, some)
        if seen.shown:
            break
    return seen


def _naming(knower: Knower) -> tuple[ConsentHeld, ...]:
    return tuple(
        held
        for held in knower.consents
        if knower.agency in held.consent.recipients
        or (knower.has_part and knower.role in held.consent.roles)
    )


def _groups(consents: Sequence[ConsentHeld]) -> Iterator[Sequence[ConsentHeld]]:
    for start in range(0, len(consents), _NAMED_AT_ONCE):
        yield consents[start : start + _NAMED_AT_ONCE]


def _decided(knower: Knower, question: Question, named: Sequence[ConsentHeld]) -> Seen:
    answer = decide(
        ShareRequest(
            basis=ConsentBasis(consents=tuple(held.consent.id for held in named)),
            sender=knower.agency,
            author="",
            countersigners=(),
            line_managers=frozenset(),
            recipient=knower.agency,
            recipient_role=knower.role,
            categories=(question.category,),
            consents=knower.consents,
            now=knower.now,
            questions=(question.number,),
            protected=knower.protected,
        )
    )
    return Seen(isinstance(answer, Share) and answer.shown == (True,), answer.rules)
