"""What of a family's answers the sending agency could have heard, and what it truly carries on.

Pure. A statement that claims to be carried on is one where the journey knows that the message named
answered that question, and the sender could have heard the answer. What is not known counts as
newly asked, without a word: a refusal would tell what others were told.
"""

from collections.abc import Iterator
from typing import Final

from consent.knowing import Knower, may_know
from contracts.consents import BasisKind
from contracts.journey import Journey
from contracts.keeping_back import keeps_back
from contracts.kinds import Situation
from contracts.questions import Question, questions
from contracts.reasons import Refusal
from contracts.statements import Statement
from contracts.told_once import Mark, day_of, marks_of
from services.exchange.urgency import is_history, serves_protection

NOT_CARRIED: Final = "story.not-carried"


def may_read(s: Situation, journey: Journey, question: Question, mark: Mark) -> bool:
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
    if keeps_back(journey.not_shared, mark.agency, agency, question.category):
        return False
    role, consents = s.role_of(agency), journey.consents
    knower = Knower(agency, role, consents, s.has_part, s.now, journey.protected)
    return may_know(knower, question).shown


def _was_sent(journey: Journey, question: Question, mark: Mark, agency: str) -> bool:
    theirs = (m for m in journey.recent if m.agency == mark.agency)
    sent = [m for m in theirs if question.number in m.answered]
    if not sent or journey.protected is not None:
        return False
    return agency in sent[-1].to


def is_carried(s: Situation, statement: Statement) -> bool:
    """Tell whether a statement is carried on from an earlier message, as far as the journey knows.

    Of joined references part of the messages is another journey's, so the claim is taken as it is.
    Where history or the passing of time has left messages unknown, what is no newer than the answer
    held counts.
    """
    first, journey = statement.carried_from, s.journey
    if first is None or journey is None:
        return False
    if _is_joined(journey):
        return True
    question, sent = questions()[statement.question], journey.sent(first)
    marks = marks_of(journey, question, day_of(s.now))
    if sent is None:
        forgotten = journey.entries > len(journey.recent)
        day = day_of(statement.recorded_at)
        return forgotten and any(day <= mark.day for mark in marks)
    if question.number not in sent.answered:
        return False
    return _heard(s, journey, question) or any(
        may_read(s, journey, question, mark) for mark in marks
    )


def told_anew(s: Situation) -> Iterator[Statement]:
    """Yield the statements that are not carried on from an answer held: those make none newer."""
    for disclosed in s.message.statements:
        statement, journey = disclosed.statement, s.journey
        question = questions()[statement.question]
        held = journey is not None and marks_of(journey, question, day_of(s.now))
        if not (held and is_carried(s, statement)):
            yield statement


def not_carried(s: Situation, *, protection: bool) -> Iterator[Refusal]:
    """Yield a refusal for each statement that is certainly not carried on from where it says.

    Only of a message that the sender's agency sent itself, or was sent without a statement, is that
    told: it knows so much already. Nothing is refused of child protection and of history.
    """
    journey = s.journey
    if journey is None or protection or is_history(s) or serves_protection(s):
        return
    if _is_joined(journey) or s.event.data.author.id in journey.must_not_know:
        return
    for disclosed in s.message.statements:
        question = questions()[disclosed.statement.question]
        sent = journey.sent(disclosed.statement.carried_from or "")
        if sent is None or question.number in sent.answered:
            continue
        agency = s.event.agency
        if agency == sent.agency or (agency in sent.to and not sent.answered):
            yield Refusal(NOT_CARRIED, question.key)


def _is_joined(journey: Journey) -> bool:
    return bool(journey.linked or journey.linked_into)


def _heard(s: Situation, journey: Journey, question: Question) -> bool:
    """Tell whether the sender's agency sent an answer to it, or was sent a message with one."""
    agency = s.event.agency
    return any(
        question.number in sent.answered and agency in (sent.agency, *sent.to)
        for sent in journey.recent
    )
