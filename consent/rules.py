"""The rules of consent by their stable ids, and how a rule is asked so that a fault withholds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a rule comes from and what it says in one sentence."""

    cites: str
    says: str


RULES: Final[dict[str, Rule]] = {
    "recipient.unknown": Rule(
        "Handrail directory",
        "nothing goes to an agency that the directory does not hold",
    ),
    "basis.unknown": Rule(
        "Handrail contract",
        "nothing is shared on a basis that the contract does not have",
    ),
    "notice.process": Rule(
        "Handrail design, words: notice",
        "a notice is about the process only and may go to any agency that takes part",
    ),
    "notice.statements": Rule(
        "Handrail design, words: notice",
        "a notice carries no statements",
    ),
    "consent.in-force": Rule(
        "003 principles: with family consent in place",
        "what the family agreed to share with this recipient may be shared",
    ),
    "consent.none-named": Rule(
        "003 §2.3",
        "who shares by consent names the consent",
    ),
    "consent.unknown": Rule(
        "Handrail contract",
        "a consent counts only if the journey holds it or the message carries it",
    ),
    "consent.service-only": Rule(
        "003 §4.1",
        "consent to the support is not consent to information being shared",
    ),
    "consent.is-refusal": Rule(
        "003 §2.3",
        "what the family refused is no consent",
    ),
    "consent.not-entitled": Rule(
        "Children Act 1989 ss.2, 3; 003 §2.3",
        "only a person with parental responsibility, a young person who understands, or the "
        "child's carer can agree",
    ),
    "consent.withdrawn": Rule(
        "003 §§2.3, 3.3",
        "a consent that the family withdrew carries nothing any more, nor does what the same "
        "person had agreed to until then under another reference",
    ),
    "consent.not-in-force": Rule(
        "003 §2.3",
        "a consent carries from when it was given until it expires, not before and not after",
    ),
    "consent.other-recipient": Rule(
        "003 principles: with family consent in place",
        "a consent reaches the agencies and roles that it names and no other",
    ),
    "consent.other-purpose": Rule(
        "UK GDPR Art. 5(1)(b)",
        "a consent given for stated purposes carries no message that is for another",
    ),
    "consent.refused": Rule(
        "003 §2.3; domain, trap 13",
        "a refusal stands against every consent given before it, and a young person's against "
        "everybody else's",
    ),
    "consent.may-not-see": Rule(
        "national CAF form: who may not see",
        "who may not see anything is sent nothing by consent, whatever else is agreed to",
    ),
    "consent.other-categories": Rule(
        "003 principles: with family consent in place",
        "a statement of a category that no consent in force names is held back",
    ),
    "safety.not-named": Rule(
        "003 §2.3: increased risk of significant harm",
        "who must not learn and what endangers staff goes by consent only if it names `safety`",
    ),
    "consent.other-person": Rule(
        "Herefordshire referral form: whose information it covers",
        "a statement about somebody whose information no consent in force covers is held back",
    ),
    "consent.refused-in-part": Rule(
        "003 §2.3",
        "a statement of what the family refused to share, or took back, is held back",
    ),
    "consent.may-not-see-some": Rule(
        "national CAF form: who may not see",
        "a statement that the recipient may not see is held back, whichever consent grants it",
    ),
    "address.protected": Rule(
        "Working Together 2023; Family Procedure Rules 2010 r.29.1",
        "a protected address is shown only to whom the family or the court allows, and to "
        "protect a child",
    ),
    "override.approved": Rule(
        "003 §2.3",
        "consent is set aside on a stated ground and with the line manager's signature",
    ),
    "override.ground": Rule(
        "003 §2.3",
        "consent stands unless it cannot be obtained and delay would be detrimental, or seeking "
        "it would increase the risk of significant harm",
    ),
    "override.line-manager": Rule(
        "003 §2.3",
        "consent is not set aside without the signature of the sender's line manager, who is "
        "another person than the author",
    ),
    "statutory.duty": Rule(
        "Children Act 1989 ss.17, 47; Children Act 2004 ss.10, 11, 16LA",
        "what a statute requires or empowers to be shared may be shared without consent",
    ),
    "statutory.no-provision": Rule(
        "Handrail contract",
        "a statutory duty is named by its Act and section",
    ),
    "court.order": Rule(
        "Handrail contract",
        "what a court ordered to be shared may be shared without consent",
    ),
    "court.no-reference": Rule(
        "Handrail contract",
        "a court's order is named by its reference",
    ),
    "protection.concern": Rule(
        "003 §2.2",
        "a child-protection concern goes without delay, whatever was consented to",
    ),
    "protection.not-raised": Rule(
        "003 §2.2",
        "only a message that raises a child-protection concern travels on that basis",
    ),
    "statement.unknown-category": Rule(
        "Handrail contract",
        "a statement of a category that the contract does not have is held back",
    ),
    "read.must-not-know": Rule(
        "003 §2.3: increased risk of significant harm",
        "a person who must not learn of a referral reads nothing of it",
    ),
    "read.own-words": Rule(
        "Handrail design, the way of one message",
        "an agency may read what it said itself",
    ),
    "read.not-recipient": Rule(
        "Handrail design, the way of one message",
        "an agency to which a message was not addressed reads nothing of it",
    ),
    "read.no-part": Rule(
        "Handrail design: break-glass",
        "an agency without a part in the child's journey breaks no glass",
    ),
    "read.break-glass": Rule(
        "Handrail design: break-glass; Children Act 2004 s.11",
        "a stated reason opens what consent does not, and a named person is told at once",
    ),
    "read.break-glass-protection": Rule(
        "003 §2.2",
        "to protect a child from harm a stated reason opens all there is",
    ),
    "read.stays-shut": Rule(
        "003 §2.3: increased risk of significant harm",
        "what endangers somebody, and what somebody may not see, opens only to protect a child",
    ),
}

PRIVATE: Final = frozenset(
    {
        "consent.may-not-see",
        "consent.may-not-see-some",
        "consent.refused-in-part",
        "address.protected",
        "safety.not-named",
    }
)
"""Rules of which not even the name is told: it would tell a recipient what is kept from it."""

_CONSENT: Final = "consent."
TOLD_INSTEAD: Final = "consent.other-categories"


UNCOUNTED: Final = PRIVATE | {"read.stays-shut"}
"""Rules of which it is not told that they hold anything back, not even how much."""


def told(rules: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of `rules` as a decision may carry them to its recipients.

    A private rule is told as one about consent where others of `rules` are about consent, and not
    at all beside a duty or a court's order: nothing else than a private rule limits those.
    """
    named = tuple(dict.fromkeys(rules))
    open_ones = [rule for rule in named if rule not in PRIVATE]
    if open_ones and not any(rule.startswith(_CONSENT) for rule in open_ones):
        return tuple(open_ones)
    return tuple(dict.fromkeys(TOLD_INSTEAD if r in PRIVATE else r for r in named))


def counted(rules: Iterable[str]) -> bool:
    """Tell whether it may be told that something is withheld by `rules`, one of which may fail."""
    return UNCOUNTED.isdisjoint(rule.removesuffix(FAILED) for rule in rules)


ORDER: Final = {rule: place for place, rule in enumerate(RULES)}
FAILED: Final = ".failed"


class RuleFailedError(Exception):
    """A rule could not be worked out; `rule` is its id. Never leaves this package."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Check(Generic[P]):
    """A rule that withholds: its id, the reason that the sender is given, and when it fires.

    `names_recipient`: the reason concerns one recipient only and names that agency.
    """

    rule: str
    code: str
    fires: Callable[P, bool]
    names_recipient: bool = False


def ask(rule: str, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `question` answers; raise RuleFailedError whatever goes wrong in it.

    A rule that would withhold must not be passed over because it broke.
    """
    try:
        return question(*args, **kwargs)
    except Exception as fault:
        raise RuleFailedError(rule) from fault


def firing(checks: Iterable[Check[P]], *args: P.args, **kwargs: P.kwargs) -> tuple[Check[P], ...]:
    """Return the checks that fire; an answer other than a plain False counts as firing.

    Raises RuleFailedError when one of them could not be worked out.
    """
    return tuple([c for c in checks if ask(c.rule, c.fires, *args, **kwargs) is not False])
