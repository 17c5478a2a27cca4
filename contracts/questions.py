"""The catalogue of questions that statements answer: keys, numbers and categories.

Only a question's number ever stands in a journey, never its answer (design, words: journey).
The fields follow the national CAF form, the merged referral forms and Devon's content standards.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources


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


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `number` is what journeys hold, `key` what statements name."""

    number: int
    key: str
    category: Category
    text: str


@cache
def questions() -> dict[str, Question]:
    """Return the catalogue, by key."""
    text = resources.files("contracts").joinpath("questions.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["question"]
    return {
        e["key"]: Question(e["number"], e["key"], Category(e["category"]), e["text"])
        for e in entries
    }
