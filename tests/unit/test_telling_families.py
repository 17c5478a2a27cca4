"""What a family's page and copy leave out, and that every rule says where it stands."""

import pytest

from consent.telling import TELLING, kept_back, untold, untold_read
from contracts.consents import (
    Basis,
    ConsentBasis,
    CourtOrderBasis,
    NoticeBasis,
    OverrideBasis,
    OverrideGround,
    ProtectionBasis,
    StatutoryBasis,
    StatutoryProvision,
)
from contracts.questions import Category

DUTY = StatutoryBasis(provision=StatutoryProvision.CHILDREN_ACT_1989_S17)
RISK = OverrideBasis(ground=OverrideGround.SEEKING_INCREASES_RISK)
DELAY = OverrideBasis(
    ground=OverrideGround.NOT_POSSIBLE_AND_DELAY,
    not_possible_to_obtain=True,
    delay_detrimental=True,
)


@pytest.mark.parametrize(
    ("basis", "protection", "rule"),
    [
        (ProtectionBasis(), False, "family.child-protection"),
        (DUTY, True, "family.child-protection"),
        (RISK, False, "family.risk-in-asking"),
        (DELAY, False, None),
        (DUTY, False, None),
        (NoticeBasis(), False, None),
        (CourtOrderBasis(order="ZC24C00123"), False, None),
        (ConsentBasis(consents=("CONSENTOFTHEFAMILY01",)), False, None),
    ],
)
def test_a_page_is_silent_about_concerns_and_about_risk(
    basis: Basis, *, protection: bool, rule: str | None
) -> None:
    """On whatever basis it went, a concern is not told; nor what could not safely be asked."""
    assert untold(basis, protection=protection) == rule
    assert rule is None or rule in TELLING


def test_a_page_is_silent_about_broken_glass_and_safety() -> None:
    """A read that showed anything of the kind is not told, however much else it showed."""
    plain = {Category.VIEWS}

    assert untold_read(plain, ["consent.in-force"]) is None
    assert untold_read(plain, ["consent.in-force", "read.break-glass"]) == "family.break-glass"
    assert untold_read(plain, ["read.break-glass-protection"]) == "family.break-glass"
    assert untold_read({*plain, Category.SAFETY}, ["statutory.duty"]) == "family.safety"


@pytest.mark.parametrize(
    ("category", "said_by", "message", "rule"),
    [
        (Category.VIEWS, "Child", None, None),
        (Category.HEALTH, "mother", None, None),
        (Category.HEALTH, "health visitor", None, None),
        (Category.EDUCATION, "teaching assistant", None, None),
        (Category.HEALTH, "grandmother", None, "access.said-by-other"),
        (Category.HEALTH, "neighbour", None, "access.said-by-other"),
        (Category.HEALTH, "", None, "access.said-by-other"),
        (Category.FAMILY, "mother", None, "access.about-others"),
        (Category.SAFETY, "child", None, "family.safety"),
        (Category.VIEWS, "child", "family.child-protection", "family.child-protection"),
    ],
)
def test_a_copy_keeps_back_what_is_about_or_by_others(
    category: Category, said_by: str, message: str | None, rule: str | None
) -> None:
    """The family's own words and professionals' are given; whoever is not known is kept back."""
    assert kept_back(category, said_by, message) == rule
    assert rule is None or TELLING[rule].says
