"""Told once: what a message asks a family again though it has been answered. Pure.

A statement asks again when families are asked its question, a fresh answer is held, it was recorded
on a later day than that answer, and it does not say why it is told again. It is refused only where
the sender could have read what is held; otherwise it is counted, in the journey alone, so that no
refusal tells anybody that somebody else knows something.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from contracts.journey import Journey
from contracts.kinds import Situation
from contracts.questions import Question, questions
from contracts.reasons import Refusal
from contracts.statements import Statement
from contracts.told_once import ASKING, Mark, day_of, marks_of
from services.exchange.hearing import is_carried, may_read
from services.exchange.urgency import is_history, serves_protection

ALREADY_TOLD: Final = "story.already-told"

_ASKS_NOBODY: Final = frozenset({"child.born", "request.redirected"})
"""Held of an unborn child are an expected day, no name and no sex: the birth itself is news. Who
passes a request on repeats its answers."""

_CLOCKS_DIFFER: Final = timedelta(days=1)
_WRITTEN_UP: Final = timedelta(days=7)
"""Within what time notes are written up: nobody asks again and dates it before the answer held."""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The numbers of the questions asked again, and why the message is refused for some of them."""

    numbers: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()


_NOTHING: Final = AskedAgain()


def asked_again(s: Situation, *, story_up: bool, protection: bool) -> AskedAgain:
    """Return what the message in `s` asks again.

    Nothing is refused of child protection and of history, and nothing at all while the story does
    not answer (`story_up`): what cannot be read now has to be asked.
    """
    journey = s.journey
    if journey is None or not journey.told or not s.message.statements:
        return _NOTHING
    if s.message.kind.name in _ASKS_NOBODY:
        return _NOTHING
    found: dict[Question, tuple[Mark, ...]] = {}
    for question, marks in _asking(s, journey):
        found[question] = max(found.get(question, ()), marks, key=len)
    if not found:
        return _NOTHING
    numbers = tuple(sorted(question.number for question in found))
    if not story_up or protection or is_history(s) or serves_protection(s):
        return AskedAgain(numbers)
    readable = {
        question: next((mark for mark in marks if may_read(s, journey, question, mark)), None)
        for question, marks in found.items()
    }
    refused = (Refusal(ALREADY_TOLD, where(q, m)) for q, m in readable.items() if m is not None)
    return AskedAgain(numbers, tuple(refused))


def where(question: Question, mark: Mark) -> str:
    """Return where an answer is that the sender may read: its question, day and agency."""
    return f"{question.key}, told on {mark.day} by {mark.agency}"


def _asking(s: Situation, journey: Journey) -> Iterator[tuple[Question, tuple[Mark, ...]]]:
    today, catalogue = day_of(s.now), questions()
    for disclosed in s.message.statements:
        statement = disclosed.statement
        question = catalogue[statement.question]
        asked = _asked(s, statement, marks_of(journey, question, today))
        if asked:
            yield question, asked


def _asked(s: Situation, statement: Statement, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Return the answers that were held already on the day before the statement was recorded.

    What is carried on is held against the newest answer: it may be that of any of the agencies.
    """
    if not marks or statement.again is not None or statement.answer not in ASKING:
        return ()
    day = day_of(statement.recorded_at)
    if is_carried(s, statement):
        # It may have been recorded by a clock that was a little ahead of the exchange's.
        newest = (date.fromisoformat(marks[0].day) + _CLOCKS_DIFFER).isoformat()
        return marks if day > newest else ()
    if not is_history(s):
        day = max(day, day_of(s.event.time - _WRITTEN_UP))
    return tuple(mark for mark in marks if day > mark.day)
