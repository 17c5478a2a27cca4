"""What a family's page may say of messages and reads, and what a copy for the family leaves out.

A page lies on a kitchen table: whoever lives there may see it. So it never says that somebody
raised a concern for the child's safety, broke the glass, or shared without asking because asking
was a risk. Of what the family asked a copy of, a person decides on what these rules keep back
(Data Protection Act 2018, Sch. 2 para. 16 and Sch. 3). What cannot be worked out is kept back.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from consent.rules import Rule
from contracts.consents import Basis, BasisKind, OverrideBasis, OverrideGround
from contracts.questions import Category

TELLING: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "family.child-protection": Rule(
            "003 §2.2; Working Together 2023",
            "nothing is said of a child-protection concern",
        ),
        "family.risk-in-asking": Rule(
            "003 §2.3",
            "nothing is said of what was shared without asking because asking was a risk",
        ),
        "family.safety": Rule(
            "Data Protection Act 2018 Sch. 3",
            "nothing is said of what endangers somebody, or of a read of it",
        ),
        "family.break-glass": Rule(
            "Children Act 2004 s.11",
            "nothing is said of a read that broke the glass; a manager was told of it",
        ),
        "access.about-others": Rule(
            "Data Protection Act 2018 Sch. 2 para. 16",
            "what is about other members of the family is kept back until a person has decided",
        ),
        "access.said-by-other": Rule(
            "Data Protection Act 2018 Sch. 2 para. 16",
            "what somebody outside the family said is kept back until a person has decided",
        ),
    }
)
"""The rules by which something is kept back, and where each stands."""

_GLASS: Final = "read.break-glass"
_OURS: Final = frozenset({"child", "young person", "parent", "mother", "father", "carer", "family"})
_AT_WORK: Final = frozenset(
    {
        "assistant",
        "doctor",
        "gp",
        "manager",
        "midwife",
        "nurse",
        "officer",
        "paediatrician",
        "practitioner",
        "psychologist",
        "record",
        "registry",
        "social worker",
        "support worker",
        "duty worker",
        "teacher",
        "therapist",
        "visitor",
    }
)


def untold(basis: Basis, *, protection: bool) -> str | None:
    """Return the rule by which a family's page does not speak of a message, or None."""
    if protection or basis.kind == BasisKind.PROTECTION.value:
        return "family.child-protection"
    if isinstance(basis, OverrideBasis) and basis.ground != OverrideGround.NOT_POSSIBLE_AND_DELAY:
        return "family.risk-in-asking"
    return None


def untold_read(categories: Collection[Category], rules: Collection[str]) -> str | None:
    """Return the rule by which a page does not speak of a read, or None.

    `categories` are those of the statements that the read showed, `rules` those that showed them.
    Give a read of nothing but messages that may be spoken of (`untold`).
    """
    if any(rule.startswith(_GLASS) for rule in rules):
        return "family.break-glass"
    return "family.safety" if Category.SAFETY in categories else None


def kept_back(category: Category, said_by: str, message: str | None) -> str | None:
    """Return the rule by which a copy for the family leaves a statement out, or None.

    `said_by` is the capacity in which somebody said it, `message` what `untold` says of the message
    that it stands in.
    """
    if message is not None:
        return message
    if category is Category.SAFETY:
        return "family.safety"
    if category is Category.FAMILY:
        return "access.about-others"
    said = said_by.strip().lower()
    known = said in _OURS or any(said == one or said.endswith(f" {one}") for one in _AT_WORK)
    return None if known else "access.said-by-other"
