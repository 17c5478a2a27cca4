"""Whether what an evidence file holds belongs to what it says that it is about."""

from collections.abc import Collection, Iterable, Iterator, Sequence

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
    belong together where the last that is signed under either of them about the other is a
    `child.linked`, and then each has to be there.
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
    last = last_words(taken)
    together = reached(str(evidence.child), (pair for pair, joins in last.items() if joins))
    if references:
        for child in sorted(together - {one.child for one in taken}):
            yield Finding(Code.ENTRY_MISSING, f"{child}, from number 1 on")
    for child in references:
        if child not in together:
            yield Finding(Code.NOT_JOINED, child)
    for one in answered:
        if one.decision.child not in {*together, *references}:
            yield Finding(Code.OTHER_CHILD, f"message {one.decision.message or ''}")
    for clocks in said:
        if clocks.child not in together:
            yield Finding(Code.NOT_JOINED, clocks.child)


def last_words(taken: Iterable[Taken]) -> dict[tuple[str, str], bool]:
    """Return, by a reference and another, whether the last message about both joins or parts them.

    The last is the one with the highest number under the first of the two. What is signed under the
    other one may differ, while only one of two messages has been decided.
    """
    last: dict[tuple[str, str], bool] = {}
    for one in sorted(taken, key=lambda one: one.number):
        if one.joins or one.parts:
            last[one.child, one.joins or one.parts] = bool(one.joins)
    return last


def reached(child: str, pairs: Iterable[Collection[str]]) -> frozenset[str]:
    """Return every reference to which pairs of them lead from `child`, itself included."""
    known, joined = {child}, tuple(pairs)
    while True:
        more = {one for pair in joined for one in pair if known & set(pair)} - known
        if not more:
            return frozenset(known)
        known |= more
