"""The checks of rule packs that ask for a consent: what counts as one, and for whom."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.consents import Answered, Consent, ConsentHeld, Covers, GivenBy
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.kinds import Situation
from contracts.messages.checks import CHECKS
from contracts.messages.early_help import agreed_to_support
from contracts.questions import Category
from contracts.roles import Role
from contracts.rules import GuardRule
from contracts.whose import Purpose, Whose
from tests import messages as m
from tests.area import CAF, GP, WORKER, Area

AREA = Area()
DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
RULE = GuardRule.model_validate(
    {
        "id": "asks-for-it",
        "title": "asks",
        "citation": "Board",
        "applies_to": ("stepdown.requested",),
        "check": "consent_to_sharing",
        "codes": ("caf_team",),
        "refuses": "stepdown.consent-sharing",
    }
)


def agreed(**changes: Any) -> Consent:
    """Return a consent to sharing with the CAF team, given yesterday."""
    made = {"roles": (Role.CAF_TEAM,), "given_at": AREA.now - DAY, "taken_by": WORKER}
    return m.consent(AREA, **{**made, **changes})


def refused(**changes: Any) -> Consent:
    """Return a refusal of everything, just after `agreed`."""
    made = {"decision": Answered.REFUSED, "roles": (), "categories": ()}
    return agreed(**{**made, "given_at": AREA.now - DAY + INSTANT, **changes})


def counts(*held: ConsentHeld, check: str = "consent_to_sharing", **data: Any) -> bool:
    """Tell whether the check is content with what the journey holds."""
    child = new_reference()
    sealed = AREA.sealed("stepdown.requested", child, WORKER, [CAF, GP], content=CONTENT, **data)
    message = AREA.open(sealed)
    situation = Situation(message, Journey(child, consents=held), AREA.directory, AREA.now)
    return not list(CHECKS[check](situation, RULE))


CONTENT = {"reason": "support_still_needed", "unmet_need_manageable": True}


def hold(consent: Consent, **changes: Any) -> ConsentHeld:
    """Return a consent as a journey holds it."""
    return ConsentHeld(consent=consent, **changes)


@pytest.mark.parametrize(
    ("consent", "good"),
    [
        (agreed(), True),
        (agreed(roles=(), recipients=(CAF,)), True),
        (agreed(roles=(), recipients=(GP,)), False),
        (agreed(roles=(Role.UNIVERSAL,)), False),
        (agreed(covers=Covers.SERVICE), False),
        (agreed(given_by=GivenBy.OTHER), False),
        (agreed(decision=Answered.REFUSED), False),
        (agreed(given_at=AREA.now), True),
        (agreed(given_at=AREA.now + INSTANT), False),
        (agreed(expires_at=AREA.now), False),
        (agreed(expires_at=AREA.now + INSTANT), True),
    ],
)
def test_only_a_consent_in_force_that_names_them_counts(consent: Consent, good: bool) -> None:
    """By role or by name, of its own kind, given by who may, begun and not ended."""
    assert counts(hold(consent)) is good


def test_a_withdrawn_consent_does_not_count() -> None:
    """What the family took back is none."""
    assert not counts(hold(agreed(), withdrawn_at=AREA.now))
    assert not counts()


@pytest.mark.parametrize(
    ("no", "stands"),
    [
        (refused(), True),
        (refused(roles=(Role.CAF_TEAM,)), True),
        (refused(recipients=(CAF,)), True),
        (refused(recipients=(GP,)), False),
        (refused(roles=(Role.UNIVERSAL,)), False),
        (refused(covers=Covers.SERVICE), False),
        (refused(given_at=AREA.now - DAY), True),
        (refused(given_at=AREA.now - DAY - INSTANT), False),
        (refused(given_at=AREA.now - DAY - INSTANT, given_by=GivenBy.YOUNG_PERSON), True),
        (refused(expires_at=AREA.now), False),
    ],
)
def test_a_refusal_stands_against_the_consents_before_it(no: Consent, stands: bool) -> None:
    """Of the same kind, for the same agency, unless the consent was given since."""
    assert counts(hold(agreed()), hold(no)) is not stands


def test_a_refusal_taken_back_stands_no_longer() -> None:
    """The family may change its mind."""
    assert counts(hold(agreed()), hold(refused(), withdrawn_at=AREA.now))


SOME = (Category.HEALTH, Category.NEEDS)
ABOUT = (Whose.CHILD, Whose.PARENT)
FOR = (Purpose.SUPPORT, Purpose.PLANNING)


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ({}, False),
        ({"roles": (), "recipients": (CAF,)}, False),
        ({"given_at": AREA.now - 9 * DAY}, False),
        ({"expires_at": AREA.now - INSTANT}, False),
        ({"given_by": GivenBy.YOUNG_PERSON}, False),
        ({"given_by": GivenBy.CARER}, True),
        ({"roles": (), "recipients": (GP,)}, True),
        ({"covers": Covers.SERVICE}, True),
        ({"categories": SOME}, False),
        ({"categories": SOME[:1]}, True),
        ({"about": ABOUT}, False),
        ({"about": ABOUT[:1]}, True),
        ({"purposes": FOR}, False),
        ({"purposes": FOR[:1]}, True),
    ],
)
def test_what_was_taken_back_is_not_agreed_to_under_another_reference(
    gone: dict[str, Any], left: bool
) -> None:
    """All of it, for the same agency, by the same person or the young person."""
    limits = {"categories": SOME, "about": ABOUT, "purposes": FOR}
    withdrawn = hold(agreed(**{**limits, **gone}), withdrawn_at=AREA.now - INSTANT)

    assert counts(hold(agreed(**limits)), withdrawn) is left
    assert counts(hold(agreed(**limits, given_at=AREA.now)), withdrawn) is (
        left or gone.get("given_by") is not GivenBy.YOUNG_PERSON
    )


def test_a_limited_withdrawal_leaves_what_was_agreed_without_limit() -> None:
    """Who took back what one purpose needs, or what is about one person, took back no more."""
    for limit in ({"about": ABOUT}, {"purposes": FOR}):
        withdrawn = hold(agreed(**limit), withdrawn_at=AREA.now)

        assert counts(hold(agreed()), withdrawn)


@pytest.mark.parametrize(
    ("gone", "still"),
    [
        ({}, False),
        ({"roles": (Role.CAF_TEAM, Role.UNIVERSAL), "recipients": ()}, False),
        ({"recipients": ()}, True),
        ({"roles": (), "recipients": (GP,)}, True),
        ({"covers": Covers.SHARING}, True),
    ],
)
def test_support_that_was_taken_back_is_not_agreed_to_under_another_reference(
    gone: dict[str, Any], still: bool
) -> None:
    """Where nobody is left to give it, the family has not agreed to it."""
    scope = {"covers": Covers.SERVICE, "roles": (Role.CAF_TEAM,), "recipients": (GP,)}
    consents = (
        hold(agreed(**scope)),
        hold(agreed(**{**scope, **gone}), withdrawn_at=AREA.now),
    )
    message = AREA.open(AREA.sealed("stepdown.requested", new_reference(), WORKER, content=CONTENT))
    journey = Journey(new_reference(), consents=consents)

    assert agreed_to_support(Situation(message, journey, AREA.directory, AREA.now)) is still


def test_consent_to_the_service_is_another_fact() -> None:
    """Agreeing that information is shared is not agreeing to be helped."""
    assert not counts(hold(agreed()), check="consent_to_service")
    assert counts(hold(agreed(covers=Covers.SERVICE)), check="consent_to_service")
