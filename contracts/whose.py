"""Whose information a statement is, what a message is for, and what tells where a child lives.

Consent is given for some people's information and for some purposes; both follow from what is
sealed (the question, the kind of message), so that nobody can claim them.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from contracts.questions import questions


class Whose(StrEnum):
    """Whose information it is (national CAF form; Herefordshire referral form)."""

    CHILD = "child"
    PARENT = "parent"
    CARER = "carer"
    SIBLING = "sibling"


class Purpose(StrEnum):
    """What a message is for."""

    REFERRAL = "referral"
    ASSESSMENT = "assessment"
    SUPPORT = "support"
    PLANNING = "planning"
    COORDINATION = "coordination"


EVERYBODY: Final = frozenset(Whose)
_PARENTS: Final = frozenset({Whose.PARENT, Whose.CARER})

_WHOSE: Final[Mapping[str, frozenset[Whose]]] = {
    **dict.fromkeys(
        (
            "family.parents",
            "family.parental_responsibility",
            "family.relationships",
            "family.parents_language",
            "family.parents_ethnicity",
            "family.other_adults",
            "family.history",
            "needs.parenting",
            "needs.basic_care",
            "needs.warmth",
            "needs.guidance",
            "views.parents",
            "views.parents_on_plan",
        ),
        _PARENTS,
    ),
    "family.carers": frozenset({Whose.CARER}),
    "family.carers_needs": frozenset({Whose.CARER}),
    "family.siblings": frozenset({Whose.SIBLING}),
}
_LOCATING: Final = frozenset(
    {
        "identity.address",
        "identity.postcode",
        "identity.other_addresses",
        "family.contact",
        "education.setting",
        "health.gp",
        "health.visitor_or_nurse",
    }
)
"""Where the child lives, and the places near it where somebody could wait for the child.

What stands in free text or in a document is for its author to leave out.
"""

_PURPOSES: Final[Mapping[str, Purpose]] = {
    "referral": Purpose.REFERRAL,
    "stepup": Purpose.REFERRAL,
    "request": Purpose.REFERRAL,
    "incident": Purpose.REFERRAL,
    "assessment": Purpose.ASSESSMENT,
    "agency-check": Purpose.ASSESSMENT,
    "child": Purpose.ASSESSMENT,
    "stepdown": Purpose.SUPPORT,
    "caf": Purpose.SUPPORT,
    "lead": Purpose.SUPPORT,
    "task": Purpose.SUPPORT,
    "family": Purpose.SUPPORT,
    "work": Purpose.SUPPORT,
    "meeting": Purpose.PLANNING,
    "conference": Purpose.PLANNING,
    "protection-plan": Purpose.PLANNING,
    "case": Purpose.PLANNING,
    "disagreement": Purpose.COORDINATION,
    "enquiry": Purpose.COORDINATION,
    "standard": Purpose.COORDINATION,
    "people": Purpose.COORDINATION,
    "message": Purpose.COORDINATION,
    "consent": Purpose.COORDINATION,
    "sharing": Purpose.COORDINATION,
    "story": Purpose.COORDINATION,
}


def purpose_of(kind: str) -> Purpose | None:
    """Return what messages of `kind` are for, or None for one that is for nothing listed."""
    return _PURPOSES.get(kind.partition(".")[0])


@cache
def whose_information() -> Mapping[int, frozenset[Whose]]:
    """Return, by number of question, whose information its answer is: the child's unless listed."""
    child = frozenset({Whose.CHILD})
    return {q.number: _WHOSE.get(q.key, child) for q in questions().values()}


@cache
def locating() -> frozenset[int]:
    """Return the numbers of the questions whose answers tell where a child lives."""
    return frozenset(q.number for q in questions().values() if q.key in _LOCATING)
