"""Rebuilding a journey from its entries: the sealed cores and the question numbers are enough.

No disclosure is needed, so a journey can be folded again after the family's words were erased.
"""

from collections.abc import Iterable

from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import Step, content_of
from contracts.messages import KINDS
from contracts.reasons import Refusal
from contracts.records import Decision, Entry
from contracts.seal import peek
from services.exchange.folding import folded


def refold(entries: Iterable[Entry]) -> Journey | None:
    """Return the journey that the entries of one child, in order, fold to; None for no entries.

    Raises HandrailError `journey.unfoldable` for an entry of another form or kind.
    """
    journey: Journey | None = None
    for entry in entries:
        decision = Decision.model_validate_json(entry.decision)
        event = peek(entry.sealed)
        if isinstance(event, Refusal) or event.kind not in KINDS:
            raise HandrailError(
                "journey.unfoldable",
                "an entry of the journey is of a kind that this version does not know",
                "refold with the version of Handrail that wrote it",
            )
        kind = KINDS[event.kind]
        content, _ = content_of(kind, event.data.content)
        step = Step(event, content, decision.now, tuple(to.agency for to in decision.to))
        before = journey or Journey(child=event.subject)
        journey = folded(before, step, kind, entry.answered, entry.told)
    return journey
