"""What an agency may know of what a family told others: by the family's consent as it stands."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consent.knowing import Knower, may_know
from contracts.consents import Consent, ConsentHeld, Covers, GivenBy
from contracts.identifiers import new_reference
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category, questions
from contracts.roles import Role
from tests.area import CARE, GP, TEACHER, Area

AREA = Area()
DAY = timedelta(days=1)
HOUSEHOLD, ADDRESS = questions()["family.household"], questions()["identity.address"]


def held(withdrawn: bool = False, **more: Any) -> ConsentHeld:
    """A consent of the family that the journey holds."""
    said = {
        "id": new_reference(),
        "covers": Covers.SHARING,
        "given_by": GivenBy.PARENT,
        "taken_by": TEACHER,
        "given_at": AREA.now - DAY,
        "recipients": (GP,),
        "categories": (Category.FAMILY, Category.IDENTITY),
        **more,
    }
    consent = Consent.model_validate(said)
    return ConsentHeld(consent=consent, withdrawn_at=AREA.now if withdrawn else None)


def knower(*consents: ConsentHeld, has_part: bool = True) -> Knower:
    """The GP, that would know now."""
    return Knower(GP, Role.UNIVERSAL, consents, has_part, AREA.now)


def test_a_consent_that_names_the_agency_and_the_category_lets_it_know() -> None:
    """Named itself, or by its role where it has a part in the journey."""
    assert may_know(knower(held()), HOUSEHOLD).shown
    assert may_know(knower(held(), has_part=False), HOUSEHOLD).shown
    by_role = held(recipients=(), roles=(Role.UNIVERSAL,))
    assert may_know(knower(by_role), HOUSEHOLD).shown


@pytest.mark.parametrize(
    "consent",
    [
        held(withdrawn=True),
        held(expires_at=AREA.now - DAY / 2),
        held(given_at=AREA.now + DAY),
        held(covers=Covers.SERVICE),
        held(categories=(Category.HEALTH,)),
        held(recipients=(CARE,)),
        held(recipients=(), roles=(Role.SOCIAL_CARE,)),
        held(decision="refused"),
    ],
)
def test_any_other_consent_lets_it_know_nothing(consent: ConsentHeld) -> None:
    """Withdrawn, expired, to come, to the service, of another kind or recipient, or a refusal."""
    assert not may_know(knower(consent), HOUSEHOLD).shown


def test_a_role_alone_is_not_enough_without_a_part() -> None:
    """Otherwise every school could learn what one family agreed with its own."""
    by_role = held(recipients=(), roles=(Role.UNIVERSAL,))

    assert not may_know(knower(by_role, has_part=False), HOUSEHOLD).shown


def test_nobody_knows_anything_without_a_consent_or_once_they_have_left() -> None:
    """An agency that the directory no longer holds is let know nothing."""
    assert not may_know(knower(), HOUSEHOLD).shown
    assert not may_know(replace(knower(held()), role=None), HOUSEHOLD).shown


def test_a_refusal_and_a_protected_address_stand_against_a_consent() -> None:
    """What is refused later, or protected, is not known however many others agree."""
    refusal = held(decision="refused", given_at=AREA.now - DAY / 2)
    protected = ProtectedAddress(by=ProtectedBy.COURT, recorded_by=CARE)

    assert not may_know(knower(held(), refusal), HOUSEHOLD).shown
    assert may_know(knower(held()), ADDRESS).shown
    assert not may_know(replace(knower(held()), protected=protected), ADDRESS).shown


def test_one_of_many_consents_is_enough() -> None:
    """More are held than one message can name; the last of them still counts."""
    others = [held(categories=(Category.HEALTH,)) for _ in range(40)]

    assert may_know(knower(*others, held()), HOUSEHOLD).shown
