"""Which reasons against a message may pass by themselves: evidence out of order (design §1).

Agencies have lanes of their own, so an answer may overtake its request. A message is held only when
everything against it is of that sort, and what it lacks has not been seen before.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from contracts.kinds import Situation
from contracts.reasons import Refusal


def may_pass(s: Situation, reasons: Iterable[Refusal]) -> bool:
    """Tell whether every one of `reasons` may be gone once something else has arrived."""
    return all((found := _MAY_COME.get(r.code)) is not None and found(s, r) for r in reasons)


def _always(_s: Situation, _reason: Refusal) -> bool:
    return True


def _unseen(s: Situation, _reason: Refusal) -> bool:
    """Tell whether the message answers one that the journey has never seen.

    What it has seen is there for good: it was answered, or is of another kind.
    """
    answers, journey = s.event.data.answers, s.journey
    if answers is None:
        return False
    return journey is None or (
        journey.request(answers) is None
        and journey.proposal(answers) is None
        and journey.sent(answers) is None
    )


def _not_called(s: Situation, _reason: Refusal) -> bool:
    """Tell whether no meeting of that reference is open; one of another kind stays what it is."""
    ref = getattr(s.message.content, "ref", None)
    return s.journey is None or all(meeting.ref != ref for meeting in s.journey.meetings)


def _not_started(_s: Situation, reason: Refusal) -> bool:
    """Tell whether it is the message that is unknown, and not the clock: rules do not arrive."""
    return reason.detail == "content.started_by"


def _may_open(s: Situation, _reason: Refusal) -> bool:
    """Tell whether a decision that opens an assessment, or word that it started, may still come."""
    journey = s.journey
    return (
        journey is None
        or journey.assessment is not None
        or any(not request.outcome for request in journey.requests)
    )


_MAY_COME: Final[Mapping[str, Callable[[Situation, Refusal], bool]]] = {
    "message.unknown-child": _always,
    "request.unknown": _unseen,
    "lead.no-proposal": _unseen,
    "consent.unknown": _always,
    "assessment.none-open": _may_open,
    "meeting.unknown": _not_called,
    "telling.unknown": _always,
    "disagreement.unknown-message": _always,
    "withdrawal.unknown": _always,
    "erasure.unknown": _always,
    "standard.unknown": _not_started,
}
