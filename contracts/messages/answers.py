"""What the catalogue asks of answers: codes of their sets, reasons, corrections of what there is.

It is looked at with the whole message and not when a statement is read, so that each fault names
its question, nothing of it stops child protection, and what was sealed before stays readable.
"""

from collections.abc import Iterator

from contracts.digests import may_stand
from contracts.kinds import Situation
from contracts.questions import Question, questions
from contracts.reasons import Refusal
from contracts.statements import Again, Answer, Statement


def answer_faults(s: Situation) -> Iterator[Refusal]:
    """Yield what is wrong with the statements of a message, each with the key of its question.

    `statements.code`: a given answer is no code of the question's set. `statements.reason`: no
    reason stands in `because` where the catalogue asks for one (Devon standards l.57, l.159), nor
    for an update. History has no reasons to give. `statements.corrects-unknown`: no seal about this
    child names the digest that a correction names.
    """
    catalogue, live = questions(), s.event.data.history is None
    for disclosed in s.message.statements:
        statement = disclosed.statement
        question = catalogue[statement.question]
        if question.allowed and not _is_code(statement, question):
            yield Refusal("statements.code", question.key)
        if statement.because is None and live and _needs_reason(statement, question):
            yield Refusal("statements.reason", question.key)
        if statement.corrects is not None and not _is_known(s, statement.corrects):
            yield Refusal("statements.corrects-unknown", question.key)


def _is_code(statement: Statement, question: Question) -> bool:
    return statement.answer is not Answer.GIVEN or question.takes(statement.value)


def _needs_reason(statement: Statement, question: Question) -> bool:
    return statement.answer in question.reason_when or statement.again is Again.UPDATE


def _is_known(s: Situation, digest: str) -> bool:
    """Tell whether the digest may be one of this child's.

    Of a child with joined references part of the story was sealed under another one, whose digests
    this journey does not have.
    """
    if s.journey is None:
        return False
    return bool(s.journey.linked) or may_stand(s.journey.digests, digest)
