"""Whether what an evidence file holds belongs to what it says that it is about."""

from collections.abc import Iterator, Sequence

from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import Evidence
from contracts.evidence.journeys import key_of
from contracts.evidence.report import Answered, Taken
from contracts.evidence.said import EvidenceClocks
from contracts.records import Outcome


def joined(
    evidence: Evidence,
    taken: Sequence[Taken],
    answered: Sequence[Answered],
    said: Sequence[EvidenceClocks],
) -> Iterator[Finding]:
    """Yield what is not about the child or the message of the file, and what it has to hold too.

    An accepted message belongs in its journey: its answer alone would hide what it said. References
    belong together where a signed `child.linked` says so, of either of them.
    """
    if not evidence.journeys and not evidence.answers:
        yield Finding(Code.NOTHING)
        return
    if (evidence.child is None) == (evidence.message is None):
        yield Finding(Code.OTHER_SUBJECT)
    elif evidence.message is not None:
        yield from _one_message(evidence.message, evidence, taken, answered)
    else:
        yield from _one_child(evidence, taken, answered, said)
    if any(one.message != evidence.message for one in said):
        yield Finding(Code.OTHER_SUBJECT)
    yield from _answered_alone(taken, answered)


def _answered_alone(taken: Sequence[Taken], answered: Sequence[Answered]) -> Iterator[Finding]:
    """Yield the accepted messages that are not in the file, though their answers are."""
    there = {key_of(one.decision) for one in taken} - {None}
    for one in answered:
        made = one.decision
        if made.outcome is Outcome.ACCEPTED and key_of(made) not in there:
            yield Finding(Code.ENTRY_MISSING, f"{made.child or ''}, number {made.entry}")


def _one_message(
    message: str, evidence: Evidence, taken: Sequence[Taken], answered: Sequence[Answered]
) -> Iterator[Finding]:
    entries = sum(len(journey.entries) for journey in evidence.journeys)
    others = any(one.message != message for one in taken) or any(
        one.decision.message != message for one in answered
    )
    if entries > 1 or others:
        yield Finding(Code.OTHER_SUBJECT)


def _one_child(
    evidence: Evidence,
    taken: Sequence[Taken],
    answered: Sequence[Answered],
    said: Sequence[EvidenceClocks],
) -> Iterator[Finding]:
    references = [journey.child for journey in evidence.journeys]
    if len(set(references)) < len(references):
        yield Finding(Code.ENTRY_TWICE)
    together = _together(str(evidence.child), taken)
    for child in references:
        if child not in together:
            yield Finding(Code.NOT_JOINED, child)
    for one in answered:
        if one.decision.child not in {*together, *references}:
            yield Finding(Code.OTHER_CHILD, f"message {one.decision.message or ''}")
    for clocks in said:
        if clocks.child not in together:
            yield Finding(Code.NOT_JOINED, clocks.child)


def _together(child: str, taken: Sequence[Taken]) -> frozenset[str]:
    """Return every reference that signed messages join with `child`, itself included."""
    pairs = [(one.child, one.joins) for one in taken if one.joins]
    known = {child}
    while True:
        more = {a for pair in pairs for a in pair if known & set(pair)} - known
        if not more:
            return frozenset(known)
        known |= more
