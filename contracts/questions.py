"""The catalogue of questions that statements answer: keys, numbers, categories, who is asked.

Only a question's number ever stands in a journey, never its answer (design, words: journey).
The fields follow the national CAF form, the merged referral forms and Devon's content standards.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from contracts import codes
from contracts.values import ShortText, Value


class Category(StrEnum):
    """What kind of information a statement is: the unit in which consent is scoped."""

    IDENTITY = "identity"
    FAMILY = "family"
    HEALTH = "health"
    EDUCATION = "education"
    NEEDS = "needs"
    CONCERN = "concern"
    VIEWS = "views"
    PLAN = "plan"
    DECISION = "decision"
    SAFETY = "safety"


class Answer(StrEnum):
    """Whether there is an answer; an empty field never stands for one of these.

    `withheld`: it is known and kept back because telling it would do the child more harm (Children
    Act 2004 s.16LC(8) of the child's identifier).
    """

    GIVEN = "given"
    NOT_KNOWN = "not_known"
    WITHHELD = "withheld"
    NOT_ASKED = "not_asked"
    DECLINED = "declined"
    NOT_APPLICABLE = "not_applicable"


class Who(StrEnum):
    """Who may answer a question."""

    FAMILY = "family"
    PROFESSIONAL = "professional"
    EITHER = "either"


CODE_SETS: Final[dict[str, type[codes.Coded]]] = {
    found.__name__: found
    for found in (
        codes.AssessmentFactor,
        codes.ClosureReason,
        codes.Disability,
        codes.Ethnicity,
        codes.PrimaryNeed,
        codes.ReligionGroup,
        codes.SenProvision,
        codes.Sex,
        codes.UpnUnknown,
    )
}
"""The code sets that a question may name."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `number` is what journeys hold, `key` what statements name.

    `asked_of_family`: a family is asked it. For `fresh_days` days an answer counts as held; with 0
    it never does. `codes` names the set of `CODE_SETS` of which a given answer is a code, or
    several where `many`; `allowed` are those codes, empty where any value will do. `reason_when`
    are the answers that need a reason. `since` is the version that brought the question.
    `attachable`: a document may be attached to an answer.
    """

    number: int
    key: str
    category: Category
    text: str
    asked_of_family: bool = False
    fresh_days: int = 0
    who: Who = Who.EITHER
    codes: str | None = None
    many: bool = False
    reason_when: frozenset[Answer] = frozenset()
    since: int = 1
    allowed: frozenset[str] = frozenset()
    attachable: bool = False

    def takes(self, value: object) -> bool:
        """Tell whether a given answer may have this value: a code of the set, or several of it."""
        if not self.allowed:
            return True
        if isinstance(value, tuple | list):
            return self.many and bool(value) and self.allowed.issuperset(value)
        return value in self.allowed


class _Written(Value):
    """A question as the file has it."""

    number: Annotated[int, Field(ge=1)]
    key: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z_]+$")]
    category: Category
    text: ShortText
    asked_of_family: bool
    fresh_days: Annotated[int, Field(ge=0, le=36_525)]
    who: Who
    codes: str | None = None
    many: bool = False
    reason_when: tuple[Answer, ...] = ()
    since: Annotated[int, Field(ge=1)] = 1
    attachable: bool = False


class _File(Value):
    version: Annotated[int, Field(ge=1)]
    question: tuple[_Written, ...]


@cache
def questions() -> dict[str, Question]:
    """Return the catalogue, by key."""
    return {made.key: made for made in _read(_text())}


@cache
def version() -> int:
    """Return the version of the catalogue, which every question added raises."""
    return _File.model_validate(tomllib.loads(_text())).version


@cache
def by_number() -> dict[int, Question]:
    """Return the catalogue by the numbers that journeys hold."""
    return {made.number: made for made in questions().values()}


def _text() -> str:
    return resources.files("contracts").joinpath("questions.toml").read_text(encoding="utf-8")


def _read(text: str) -> tuple[Question, ...]:
    """Return the questions of a file.

    Raises ValueError for a member that is unknown, missing or of another type, a number or key
    that stands twice, an unknown code set, several codes without a set, a reason asked of a given
    answer, and a question from a version to come: the file is ours, so a fault stops the program.
    """
    file = _File.model_validate(tomllib.loads(text))
    for name in ("number", "key"):
        if len({getattr(one, name) for one in file.question}) < len(file.question):
            raise ValueError(f"a {name} stands twice in the catalogue")
    return tuple(_question(one, file.version) for one in file.question)


def _question(one: _Written, newest: int) -> Question:
    if one.codes is not None and one.codes not in CODE_SETS:
        raise ValueError(f"{one.key}: no code set is named {one.codes}")
    if one.since > newest or Answer.GIVEN in one.reason_when or (one.many and not one.codes):
        raise ValueError(f"{one.key}: since, reason_when or many cannot be so")
    allowed = frozenset(code.value for code in CODE_SETS[one.codes]) if one.codes else frozenset()
    return Question(**{**dict(one), "reason_when": frozenset(one.reason_when), "allowed": allowed})
