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
from contracts.digests import may_stand
from contracts.event import Event
from contracts.identifiers import MessageId
from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.managers import manager_countersigns
from contracts.messages.standing import has_a_part
from contracts.messages.taking_back import still_answered
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
    they stand. `clears` are the numbers of the questions that count as unanswered from then on: it
    counts where the journey does not know by itself what the message answered.
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
    return _by_officer(s.event)


def _by_officer(event: Event) -> bool:
    return any(signer.capacity is Capacity.DATA_PROTECTION for signer in event.signers)


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


def _is_known(s: Situation) -> Iterator[Refusal]:
    """Refuse what was certainly never accepted about the child; it may still come (design §1).

    A journey that remembers every message knows an id that it does not; of a digest it is certain
    as long as none was let go (`contracts.digests`).
    """
    content, journey = s.message.content, s.journey
    if journey is None:
        return
    remembers_all = len(journey.recent) >= journey.entries
    if content.of is not None and remembers_all and journey.sent(content.of) is None:
        yield Refusal("erasure.unknown", "content.of")
    if not all(may_stand(journey.digests, digest) for digest in content.statements):
        yield Refusal("erasure.unknown", "content.statements")


def _clears_no_more(s: Situation) -> Iterator[Refusal]:
    """Refuse more questions than statements: each answers one."""
    content = s.message.content
    if content.statements and len(set(content.clears)) > len(set(content.statements)):
        yield Refusal("message.wrong-content", "content.clears")


def _fold_erased(journey: Journey, step: Step) -> Journey:
    """Forget that the questions were answered, so that they may be asked again."""
    left = journey.answered.keys() - _cleared(journey, step)
    return replace(
        journey,
        answered={k: v for k, v in journey.answered.items() if k in left},
        told={k: v for k, v in journey.told.items() if k in left},
        erased=step.at if step.content.whole else journey.erased,
    )


def _cleared(journey: Journey, step: Step) -> frozenset[str]:
    """Return the numbers of the questions that nothing answers any more.

    Of a message that the journey remembers that is what it answered and no later one did: all of
    it, or what is named where fewer statements go than it answered questions. Of others it is what
    is named; without an officer only where the newest answer is the sender's own.
    """
    content = step.content
    if content.whole:
        return frozenset(journey.answered)
    named, sent = {str(number) for number in content.clears}, journey.sent(content.of or "")
    if sent is not None:
        gone = journey.answered.keys() - still_answered(journey, sent).keys()
        some = 0 < len(set(content.statements)) < len(sent.answered)
        return frozenset(gone & named if some else gone)
    if _by_officer(step.event):
        return frozenset(named)
    own = {n for n, (_, agency) in journey.answered.items() if agency == step.event.agency}
    return frozenset(named & own)


ERASED = Kind(
    name="story.erased",
    title="What was said is erased",
    cites="UK GDPR arts. 5(1)(e), 17; 004 §7.7",
    content=StoryErased,
    fold=_fold_erased,
    authors=frozenset({Capacity.TEAM_MANAGER, Capacity.DATA_PROTECTION}),
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(
        has_a_part,
        _two_sign,
        _officer_for_everything,
        _is_their_own,
        _is_known,
        _clears_no_more,
    ),
)

KINDS = (ERASED,)
