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

from consent.knowing import Knower, may_know
from contracts.consents import BasisKind, StatutoryBasis, StatutoryProvision
from contracts.journey import Journey
from contracts.kinds import Situation
from contracts.questions import Question, questions
from contracts.reasons import Refusal
from contracts.statements import Statement
from contracts.told_once import ASKING, Mark, day_of, mark_of

ALREADY_TOLD: Final = "story.already-told"

_ASKS_NOBODY: Final = frozenset({"child.born", "request.redirected"})
"""Held of an unborn child are an expected day, no name and no sex: the birth itself is news. Who
passes a request on repeats its answers."""

_CLOCKS_DIFFER: Final = timedelta(days=1)


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
    found = dict(_asking(s, journey))
    if not found:
        return _NOTHING
    numbers = tuple(sorted(question.number for question in found))
    if not story_up or protection or _never_refused(s):
        return AskedAgain(numbers)
    refused = (
        Refusal(ALREADY_TOLD, q.key) for q, m in found.items() if _may_read(s, journey, q, m)
    )
    return AskedAgain(numbers, tuple(refused))


def _asking(s: Situation, journey: Journey) -> Iterator[tuple[Question, Mark]]:
    today, catalogue = day_of(s.now), questions()
    for disclosed in s.message.statements:
        statement = disclosed.statement
        question = catalogue[statement.question]
        mark = mark_of(journey, question, today)
        if mark is not None and _asks(statement, mark):
            yield question, mark


def _asks(statement: Statement, mark: Mark) -> bool:
    if statement.again is not None or statement.answer not in ASKING:
        return False
    since = mark.day
    if is_carried(statement):
        # It may have been recorded by a clock that was a little ahead of the exchange's.
        since = (date.fromisoformat(since) + _CLOCKS_DIFFER).isoformat()
    return day_of(statement.recorded_at) > since


def is_carried(statement: Statement) -> bool:
    """Tell whether a statement is carried on from an earlier message."""
    return statement.carried_from is not None


def _never_refused(s: Situation) -> bool:
    """Tell whether the message is history, or serves an enquiry under s.47 or protection."""
    data = s.event.data
    if data.history is not None or data.basis.kind == BasisKind.PROTECTION.value:
        return True
    basis = data.basis
    enquiry = StatutoryProvision.CHILDREN_ACT_1989_S47
    return isinstance(basis, StatutoryBasis) and basis.provision is enquiry


def _may_read(s: Situation, journey: Journey, question: Question, mark: Mark) -> bool:
    """Tell whether the sender could have read the answer: it is its own, its inbox's, or consented.

    An answer that went by consent is decided by the family's consents as they stand; of any other
    basis, which does not lapse, only those know to whom it went.
    """
    agency = s.event.agency
    if s.event.data.author.id in journey.must_not_know:
        return False
    if mark.agency == agency:
        return True
    if mark.basis != BasisKind.CONSENT.value:
        return _was_sent(journey, question, mark, agency)
    role, consents = s.role_of(agency), journey.consents
    knower = Knower(agency, role, consents, s.has_part, s.now, journey.protected)
    return may_know(knower, question).shown


def _was_sent(journey: Journey, question: Question, mark: Mark, agency: str) -> bool:
    sent = [m for m in journey.recent if question.number in m.answered]
    if not sent or journey.protected is not None:
        return False
    return sent[-1].agency == mark.agency and agency in sent[-1].to
