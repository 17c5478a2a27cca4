"""When an answer of the family is held, so that nobody needs to ask for it again. Pure.

The catalogue says which questions families are asked and for how long an answer stays fresh. What a
journey knows of an answer is its question, the day on which it was recorded, the agency that sent
it first and the basis on which it went; never the answer. It knows the newest of each of a few
agencies: what one of them told does not hide what another told before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.consents import BasisKind
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.questions import Question, questions
from contracts.statements import Answer, Statement

HOLDING: Final = frozenset({Answer.GIVEN, Answer.NOT_APPLICABLE})
"""The answers that are held: of any other one there is nothing to read, so it may be asked."""

MOST_MARKS: Final = 4
"""Of how many agencies a journey knows the newest answer to one question."""

ASKING: Final = HOLDING | {Answer.DECLINED}
"""The answers for which a family must have been asked."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a journey knows of an agency's newest answer to a question: the day as `2026-11-20`."""

    day: str
    agency: str
    basis: str


def of_family(question: Question) -> bool:
    """Tell whether families are asked `question`, and an answer to it stays fresh for a while."""
    return question.asked_of_family and question.fresh_days > 0


def fresh(question: Question, day: str, today: str) -> bool:
    """Tell whether an answer recorded on `day` is fresh on `today`, both as `2026-11-20` (UTC)."""
    if not question.fresh_days:
        return False
    return (date.fromisoformat(today) - date.fromisoformat(day)).days <= question.fresh_days


def marks_of(journey: Journey, question: Question, today: str) -> tuple[Mark, ...]:
    """Return what the journey knows of fresh answers to `question`, the newest first.

    An answer that was erased or withdrawn leaves `answered`, and is held no longer.
    """
    number = str(question.number)
    if number not in journey.answered or not of_family(question):
        return ()
    known = journey.told.get(number, ())
    return tuple(Mark(*one) for one in known if fresh(question, one[0], today))


def told(statements: Iterable[Statement], today: str) -> tuple[tuple[int, str], ...]:
    """Return the numbers of what the family was asked and the day of each newest answer, in order.

    A day beyond `today`, the day of the decision, counts as today: clocks of machines differ.
    """
    found: dict[int, str] = {}
    catalogue = questions()
    for statement in statements:
        question = catalogue[statement.question]
        if statement.answer in HOLDING and of_family(question):
            day = min(day_of(statement.recorded_at), today)
            found[question.number] = max(day, found.get(question.number, ""))
    return tuple(sorted(found.items()))


def with_told(
    before: Journey, found: Iterable[tuple[int, str]], agency: str, basis: BasisKind | str
) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return what a journey knows after `agency` sent the answers in `found` on `basis`.

    Telling an answer again makes it no newer: only a later day takes the place of what is known of
    the same agency. The agencies with the oldest answers are let go.
    """
    after = dict(before.told)
    for number, day in found:
        key = str(number)
        known = after.get(key, ()) if key in before.answered else ()
        own = [one for one in known if one[1] == agency]
        if not any(day <= one[0] for one in own):
            others = [one for one in known if one[1] != agency]
            newest = sorted([(day, agency, str(basis)), *others], key=_day, reverse=True)
            after[key] = tuple(newest[:MOST_MARKS])
    return after


def _day(mark: tuple[str, str, str]) -> str:
    return mark[0]


def day_of(instant: datetime) -> str:
    """Return the day of an instant, in UTC, as marks hold it."""
    return iso(instant)[:10]
