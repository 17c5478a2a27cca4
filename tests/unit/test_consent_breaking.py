"""Breaking the glass: more than consent allows, and what stays shut all the same."""

from dataclasses import replace
from typing import Any, NoReturn, cast

import pytest

from consent import BrokenGlass, KeptStatement, ReadRequest, Seen, decide_broken_glass, decide_read
from contracts.consents import MayNotSee
from contracts.keeping_back import NotShared
from contracts.protecting import BreakGlassReason, ProtectedAddress, ProtectedBy
from contracts.questions import Category, questions
from contracts.roles import Role
from tests.unit.consent_cases import BY_CONSENT, CAF_TEAM, FRONT_DOOR, NOW, SCHOOL, SECOND, held

DUTY = "demo.front-door.duty"
SHOWN = Seen(shown=True, rules=("read.break-glass",))
SHUT = Seen(shown=False, rules=("read.stays-shut",))
PROTECTS = Seen(shown=True, rules=("read.break-glass-protection",))
ADDRESS = questions()["identity.address"].number
NAME = questions()["identity.name"].number


def kept(category: Category = Category.HEALTH, question: int = NAME) -> KeptStatement:
    """Return a statement that the school sent to the CAF team, and to nobody else."""
    return KeptStatement(category, BY_CONSENT, SCHOOL, frozenset({CAF_TEAM}), question=question)


def broken(
    *statements: KeptStatement,
    reason: BreakGlassReason = BreakGlassReason.MISSING_CHILD,
    involved: tuple[str, ...] = (FRONT_DOOR,),
    not_shared: tuple[NotShared, ...] = (),
    **changes: object,
) -> tuple[Seen, ...]:
    """Break the glass as the front door, although the family withdrew its consent."""
    made = ReadRequest(
        FRONT_DOOR, Role.FIRST_RESPONSE, statements, (held(withdrawn_at=NOW),), NOW, DUTY
    )
    read = replace(made, **cast("dict[str, Any]", changes))
    return decide_broken_glass(BrokenGlass(read, reason, involved, not_shared))


def test_it_opens_what_was_sent_to_others_and_no_consent_carries() -> None:
    """A reason opens what a read would not."""
    made = ReadRequest(FRONT_DOOR, Role.FIRST_RESPONSE, (kept(),), (held(),), NOW, DUTY)

    assert decide_read(made) == (Seen(shown=False, rules=("read.not-recipient",)),)
    assert broken(kept(), kept(Category.VIEWS)) == (SHOWN, SHOWN)


@pytest.mark.parametrize("reason", [r for r in BreakGlassReason if r != "child_protection"])
def test_what_endangers_somebody_stays_shut(reason: BreakGlassReason) -> None:
    """Safety, what the agency may not see, and a protected address open for no such reason."""
    excluded = held(
        SECOND, may_not_see=(MayNotSee(agencies=(FRONT_DOOR,), categories=(Category.PLAN,)),)
    )
    protected = ProtectedAddress(ProtectedBy.COURT, CAF_TEAM)
    statements = (
        kept(Category.SAFETY),
        kept(Category.PLAN),
        kept(Category.IDENTITY, ADDRESS),
        kept(Category.IDENTITY, 0),
        kept(Category.IDENTITY, NAME),
    )
    seen = broken(*statements, reason=reason, consents=(excluded,), protected=protected)

    assert seen == (SHUT, SHUT, SHUT, SHUT, SHOWN)


def test_what_an_agency_decided_not_to_share_with_the_reader_stays_shut() -> None:
    """Of its own words and towards that reader alone, and never against protecting a child."""
    other = NotShared(SCHOOL, CAF_TEAM)
    against = (other, NotShared(SCHOOL, FRONT_DOOR, (Category.HEALTH,)))
    others = replace(kept(), sender=CAF_TEAM)

    assert broken(kept(), kept(Category.VIEWS), others, not_shared=against) == (SHUT, SHOWN, SHOWN)
    assert broken(kept(), not_shared=(other,)) == (SHOWN,)
    protecting = BreakGlassReason.CHILD_PROTECTION
    assert broken(kept(), not_shared=against, reason=protecting) == (PROTECTS,)


def test_to_protect_a_child_everything_opens() -> None:
    """Child protection is never stopped."""
    excluded = held(may_not_see=(MayNotSee(agencies=(FRONT_DOOR,)),))
    seen = broken(
        kept(Category.SAFETY),
        kept(Category.IDENTITY, ADDRESS),
        reason=BreakGlassReason.CHILD_PROTECTION,
        consents=(excluded,),
        protected=ProtectedAddress(ProtectedBy.COURT, CAF_TEAM),
    )

    assert seen == (PROTECTS, PROTECTS)


def test_an_address_opens_that_is_not_protected_or_is_allowed() -> None:
    """Only protection keeps it shut."""
    allowed = ProtectedAddress(ProtectedBy.COURT, CAF_TEAM, agencies=(FRONT_DOOR,))

    assert broken(kept(Category.IDENTITY, ADDRESS)) == (SHOWN,)
    assert broken(kept(Category.IDENTITY, ADDRESS), protected=allowed) == (SHOWN,)


@pytest.mark.parametrize("reason", BreakGlassReason)
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"reader_role": None}, "recipient.unknown"),
        ({"must_not_know": (DUTY,)}, "read.must-not-know"),
        ({"involved": (SCHOOL,)}, "read.no-part"),
    ],
)
def test_neither_strangers_nor_who_must_not_know_break_it(
    reason: BreakGlassReason, changes: dict[str, Any], rule: str
) -> None:
    """Not for any reason, to protect a child included."""
    assert broken(kept(), reason=reason, **changes) == (Seen(shown=False, rules=(rule,)),)


@pytest.mark.parametrize(
    ("function", "rule"),
    [
        ("_protects", "read.break-glass-protection"),
        ("_stays_shut", "read.stays-shut"),
    ],
)
def test_a_rule_that_raises_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, function: str, rule: str
) -> None:
    """A rule that breaks is named and keeps shut."""

    def raises(*_: object) -> NoReturn:
        raise LookupError

    monkeypatch.setattr(f"consent.breaking.{function}", raises)

    assert broken(kept()) == (Seen(shown=False, rules=(f"{rule}.failed",)),)
