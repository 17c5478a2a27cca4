"""What a family's page may say of messages and reads, and what a copy for the family leaves out.

A page lies on a kitchen table: whoever lives there may see it. So it never says that somebody
raised a concern for the child's safety, broke the glass, or shared without asking because asking
was a risk. Of what the family asked a copy of, a person decides on what these rules keep back
(UK GDPR art. 15; Data Protection Act 2018, Sch. 2 paras. 16 and 17, and Sch. 3). What may be spoken
of is named in `consent.telling_lists`; whatever is not named there is kept back.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from consent.rules import Rule
from consent.telling_lists import (
    AT_WORK,
    CLOCKS,
    GUARDING,
    KINDS,
    KINDS_THAT_SAY,
    OWN_WORDS,
)
from contracts.consents import Basis, BasisKind, OverrideBasis, OverrideGround
from contracts.questions import Category
from contracts.roles import Level, Requester, Role

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
        "family.guarding": Rule(
            "Data Protection Act 2018 Sch. 3; Working Together 2023",
            "nothing is said of who must not know, of a protected address, or of what was not told",
        ),
        "family.not-listed": Rule(
            "Data Protection Act 2018 Sch. 3; domain, trap 12",
            "nothing is said of a message that is not known to tell nothing of child protection",
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
            "Data Protection Act 2018 Sch. 2 paras. 16 and 17",
            "what anybody said but who asks, or a professional of health, education or social "
            "work, is kept back until a person has decided",
        ),
    }
)
"""The rules by which something is kept back, and where each stands."""

_GLASS: Final = "read.break-glass"
_CARE: Final = frozenset({Role.SOCIAL_CARE, Role.FIRST_RESPONSE})


def untold(
    basis: Basis, *, protection: bool, kind: str, content: Mapping[str, object] | None = None
) -> str | None:
    """Return the rule by which a family's page does not speak of a message, or None.

    `content` is what the message says beside its statements, None where that is not known.
    """
    if protection or basis.kind == BasisKind.PROTECTION.value:
        return "family.child-protection"
    if isinstance(basis, OverrideBasis) and basis.ground != OverrideGround.NOT_POSSIBLE_AND_DELAY:
        return "family.risk-in-asking"
    if kind in GUARDING:
        return "family.guarding"
    harmless = kind in KINDS or _says_harmless(kind, content)
    return None if harmless else "family.not-listed"


def _says_harmless(kind: str, content: Mapping[str, object] | None) -> bool:
    wanted = KINDS_THAT_SAY.get(kind)
    if wanted is None or content is None:
        return False
    return all(_word(content.get(name)) in allowed for name, allowed in wanted.items())


def _word(said: object) -> str | None:
    """Return a code that a message says, None for nothing, and what no list names for the rest."""
    return said if said is None or isinstance(said, str) else "?"


def clock_told(rule: str) -> bool:
    """Tell whether a family's page may show a clock, by the id of its rule."""
    return rule in CLOCKS


def lead_told(level: Level, role: Role | None) -> bool:
    """Tell whether a page may name a lead professional of an agency of `role`, at that level.

    A social worker who leads under a child protection plan is not named: it would tell of the plan.
    """
    return role is not None and not (level is Level.CHILD_PROTECTION and role in _CARE)


def untold_read(categories: Collection[Category], rules: Collection[str]) -> str | None:
    """Return the rule by which a page does not speak of a read, or None.

    `categories` are those of the statements that the read showed, `rules` those that showed them.
    Give a read of nothing but messages that may be spoken of (`untold`).
    """
    if any(rule.startswith(_GLASS) for rule in rules):
        return "family.break-glass"
    return "family.safety" if Category.SAFETY in categories else None


def kept_back(
    category: Category, said_by: str, message: str | None, requester: Requester | None
) -> str | None:
    """Return the rule by which a copy for the family leaves a statement out, or None.

    `said_by` is the capacity in which somebody said it, `message` what `untold` says of the message
    that it stands in, `requester` for whom the copy is, None where that is not said. Only an exact
    name counts: who is "a neighbour, a nurse" is a neighbour.
    """
    if message is not None:
        return message
    if category is Category.SAFETY:
        return "family.safety"
    if category is Category.FAMILY:
        return "access.about-others"
    said = " ".join(said_by.lower().split())
    own = requester is not None and said in OWN_WORDS[requester]
    return None if own or said in AT_WORK else "access.said-by-other"
