"""Answers as people and systems type them, put into the contract's form before they are sealed.

Only what has one reading is put right, and what was typed stays beside it (`original`). The rest is
refused here, with the key of its question, before anything is sent: never guessed. Of a document in
the name of child protection, and of a statement carried on from another seal, what has no certain
reading stays as it was typed (003 §2.2).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from contracts import normalise
from contracts.consents import BasisKind, StatutoryProvision
from contracts.document import Document
from contracts.document_parts import DocumentStatement
from contracts.errors import HandrailError
from contracts.messages.referral import Concern
from contracts.normalise import Normalised, Sure
from contracts.questions import CODE_SETS, Question, questions
from contracts.reasons import reasons
from contracts.statements import MOST_PARTS_TYPED, MOST_TYPED

_NAME: Final = "identity.name"
_BORN_ON: Final = "identity.born_on"
_OLDEST_YEARS: Final = 26
"""Help for a young person ends at the latest with the twenty-sixth year (care leavers, EHCPs)."""

_UNBORN_DAYS: Final = 300
_SPLIT: Final = re.compile(r"\s*[;|,/\n]\s*")
_MOST_TOLD: Final = 20

_Read = Callable[[str], str | None]
_Answer = str | bool | int | tuple[str, ...] | None


def in_form(document: Document, at: datetime) -> Document:
    """Return `document` with its answers in the contract's form, sealed at the instant `at`.

    What was changed has in `original` what was typed. Raises HandrailError `statements.code`,
    `statements.number` or `statements.unclear` (the first of those found), which names the place
    and the question of every answer that has no certain reading, and never a value.
    """
    lenient = serves_protection(document)
    made: list[DocumentStatement] = []
    unclear: list[tuple[int, Question]] = []
    for place, statement in enumerate(document.statements):
        question = questions()[statement.question]
        read = _put_right(statement, question, at.date())
        if read is None and not lenient and statement.carried_from is None:
            unclear.append((place, question))
        made.append(read or statement)
    if unclear:
        raise _refused(unclear)
    return document.model_copy(update={"statements": tuple(made)})


def serves_protection(document: Document) -> bool:
    """Tell whether a document raises or serves child protection, whatever its kind."""
    if getattr(document.data, "concern", None) is Concern.CHILD_PROTECTION:
        return True
    if document.basis.kind == BasisKind.PROTECTION.value:
        return True
    provision = getattr(document.basis, "provision", None)
    return provision is StatutoryProvision.CHILDREN_ACT_1989_S47


def _put_right(
    statement: DocumentStatement, question: Question, today: date
) -> DocumentStatement | None:
    """Return the statement with its answer in form, or None where it has no certain reading."""
    value = statement.value
    read = _reader(question, today)
    # A name is whatever the family says it is: what cannot be read as one is no fault.
    is_free = question.key == _NAME and (not isinstance(value, str) or len(value) > MOST_TYPED)
    if value is None or read is None or is_free:
        return statement
    made = _all(value, question, read)
    if made is None or made == value:
        return None if made is None else statement
    typed = value if isinstance(value, tuple) else str(value)
    return statement.model_copy(update={"value": made, "original": typed})


def _all(value: _Answer, question: Question, read: _Read) -> _Answer:
    """Return an answer read in whole or in all its parts, or None."""
    if isinstance(value, tuple):
        fits = question.many and 0 < len(value) <= MOST_PARTS_TYPED
        return _parts(value, read) if fits else None
    text = str(value)
    if isinstance(value, bool) or len(text) > MOST_TYPED:
        return None
    whole = read(text)
    if whole is None and question.many:
        return _parts(_SPLIT.split(text), read)
    return whole


def _parts(texts: Iterable[str], read: _Read) -> tuple[str, ...] | None:
    found = [read(text) for text in texts]
    certain = [one for one in found if one is not None]
    return tuple(dict.fromkeys(certain)) if len(certain) == len(found) else None


def _reader(question: Question, today: date) -> _Read | None:
    """Return what reads the answers to a question; None where any text will do."""
    if question.codes is not None:
        return _CODES.get(question.codes) or partial(_coded, question.codes)
    if question.key == _BORN_ON:
        return partial(_birth_date, today=today)
    return _TEXTS.get(question.key)


def _certain(read: Normalised[str]) -> str | None:
    return None if read.value is None or read.for_a_person else str(read.value)


def _coded(code_set: str, text: str) -> str | None:
    found = normalise.coded(text, CODE_SETS[code_set]).value
    return None if found is None else found.value


def _sex(text: str) -> str | None:
    found = normalise.sex(text).value
    return None if found is None else found.value


def _ethnicity(text: str) -> str | None:
    found = normalise.ethnicity(text).value
    return None if found is None else found.value


def _birth_date(text: str, *, today: date) -> str | None:
    """Return the day, also where day and month are swapped and the calendar leaves one reading.

    A day in RFC 3339 form stands as it is; the bounds only help to read the other forms.
    """
    if normalise.birth_date(text).sure is Sure.EXACT:
        return text
    first = date(today.year - _OLDEST_YEARS, 1, 1)
    last = today + timedelta(days=_UNBORN_DAYS)
    found = normalise.birth_date(text, not_before=first, not_after=last).value
    return None if found is None else found.isoformat()


def _name(text: str) -> str | None:
    """Return the name in one spelling; as it was typed where it is none that can be read.

    None only where it was decoded wrongly on its way (`JosÃ©`).
    """
    read = normalise.name(text)
    if read.sure is Sure.REPAIRED:
        return None
    return text if read.value is None or _is_remark(text) else read.value


def _is_remark(text: str) -> bool:
    """Tell whether a comma is followed by words rather than given names (`Amir, known as Ami`)."""
    family, _, rest = text.partition(",")
    small = [word for word in rest.split() if word[0].islower()]
    return bool(small) and not (family.islower() and len(rest.split()) == 1)


_CODES: Final[Mapping[str, _Read]] = {"Sex": _sex, "Ethnicity": _ethnicity}
_TEXTS: Final[Mapping[str, _Read]] = {
    _NAME: _name,
    "identity.nhs_number": lambda text: _certain(normalise.nhs_number(text)),
    "identity.upn": lambda text: _certain(normalise.upn(text)),
    "identity.postcode": lambda text: _certain(normalise.postcode(text)),
}
_NUMBERS: Final = frozenset({"identity.nhs_number", "identity.upn"})


def _code_of(question: Question) -> str:
    if question.codes is not None:
        return "statements.code"
    return "statements.number" if question.key in _NUMBERS else "statements.unclear"


def _refused(unclear: list[tuple[int, Question]]) -> HandrailError:
    """Return the error that names at most twenty of the answers and what to do about each sort."""
    codes = dict.fromkeys(_code_of(question) for _, question in unclear)
    told = [
        f"$.statements[{place}] ({question.key}): {reasons()[_code_of(question)].message}"
        for place, question in unclear[:_MOST_TOLD]
    ]
    if len(unclear) > _MOST_TOLD:
        told.append(f"and {len(unclear) - _MOST_TOLD} more")
    remedy = "; ".join(reasons()[code].remedy for code in codes)
    return HandrailError(next(iter(codes)), "; ".join(told), remedy)
