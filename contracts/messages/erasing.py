"""Erasing what was said about a child: which statements, why, and on whose word.

The words and their keys are destroyed by the story service once the exchange has accepted the
message (design §4). The seals stand, so that who said what to whom when, and who led, stay proved;
the journey forgets that the questions were answered (UK GDPR art. 17; 004 §7.7).
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.consents import BasisKind
from contracts.identifiers import MessageId
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.managers import manager_countersigns
from contracts.messages.standing import has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity
from contracts.statements import MAX_STATEMENTS
from contracts.values import Value

Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The digest of a disclosure: salted, so that it tells nothing of the statement."""


class Because(StrEnum):
    """Why something is erased: on request, its time is up, it was wrong, or a court ordered it."""

    REQUEST = "request"
    RETENTION = "retention"
    ERROR = "error"
    COURT = "court"


class StoryErased(Value):
    """What is erased: one message, some statements, or, where neither is named, all about a child.

    `of` is the message; `statements` are digests of disclosures, in whatever message of the child
    they stand. `clears` are the numbers of the questions that count as unanswered from then on.
    """

    of: MessageId | None = None
    statements: Annotated[tuple[Digest, ...], Field(max_length=MAX_STATEMENTS)] = ()
    because: Because
    clears: Annotated[
        tuple[Annotated[int, Field(ge=1, le=9999)], ...], Field(max_length=MAX_STATEMENTS)
    ] = ()

    @property
    def whole(self) -> bool:
        """Tell whether everything about the child is meant."""
        return self.of is None and not self.statements


def officer_signs(s: Situation) -> bool:
    """Tell whether somebody signs as the agency's data protection officer."""
    return any(signer.capacity is Capacity.DATA_PROTECTION for signer in s.event.signers)


def _two_sign(s: Situation) -> Iterator[Refusal]:
    """Refuse one person's word: what is erased does not come back."""
    officers = (
        one.id != s.event.data.author.id and one.capacity is Capacity.DATA_PROTECTION
        for one in s.event.data.countersigners
    )
    if not manager_countersigns(s) and not any(officers):
        yield Refusal("erasure.one-signature")


def _officer_for_everything(s: Situation) -> Iterator[Refusal]:
    if s.message.content.whole and not officer_signs(s):
        yield Refusal("erasure.needs-officer")


def _is_their_own(s: Situation) -> Iterator[Refusal]:
    """Refuse another agency's message; of one long ago the story service sees whose it is."""
    sent = s.journey.sent(s.message.content.of or "") if s.journey else None
    if sent is not None and sent.agency != s.event.agency and not officer_signs(s):
        yield Refusal("erasure.not-yours")


def _fold_erased(journey: Journey, step: Step) -> Journey:
    """Forget that the questions were answered, so that they may be asked again."""
    content = step.content
    kept = journey.answered.keys() - {str(number) for number in content.clears}
    left = frozenset[str]() if content.whole else kept
    return replace(
        journey,
        answered={k: v for k, v in journey.answered.items() if k in left},
        told={k: v for k, v in journey.told.items() if k in left},
    )


ERASED = Kind(
    name="story.erased",
    title="What was said is erased",
    cites="UK GDPR arts. 5(1)(e), 17; 004 §7.7",
    content=StoryErased,
    fold=_fold_erased,
    authors=frozenset({Capacity.TEAM_MANAGER, Capacity.DATA_PROTECTION}),
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(has_a_part, _two_sign, _officer_for_everything, _is_their_own),
)

KINDS = (ERASED,)
