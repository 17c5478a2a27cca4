"""What a family's page and copy leave out, and that every rule says where it stands."""

import pytest

from consent.telling import TELLING, clock_told, kept_back, lead_told, untold, untold_read
from consent.telling_lists import CLOCKS, GUARDING, KINDS, KINDS_THAT_SAY
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
from contracts.messages import KINDS as EVERY_KIND
from contracts.questions import Category
from contracts.roles import Level, Requester, Role

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
    assert untold(basis, protection=protection, kind="story.added") == rule
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
        (Category.VIEWS, "young  person", None, None),
        (Category.HEALTH, "mother", None, "access.said-by-other"),
        (Category.HEALTH, "father", None, "access.said-by-other"),
        (Category.HEALTH, "health visitor", None, None),
        (Category.EDUCATION, "teaching assistant", None, None),
        (Category.HEALTH, "grandmother", None, "access.said-by-other"),
        (Category.CONCERN, "neighbour, a nurse", None, "access.said-by-other"),
        (Category.CONCERN, "retired teacher", None, "access.said-by-other"),
        (Category.CONCERN, "anonymous teacher", None, "access.said-by-other"),
        (Category.CONCERN, "shop manager", None, "access.said-by-other"),
        (Category.CONCERN, "ex-partner manager", None, "access.said-by-other"),
        (Category.CONCERN, "police officer", None, "access.said-by-other"),
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
    """The child's own words and professionals' are given; whoever is not named is kept back."""
    assert kept_back(category, said_by, message, Requester.CHILD) == rule
    assert rule is None or TELLING[rule].says


@pytest.mark.parametrize("requester", [*Requester, None])
def test_each_is_given_their_own_words_and_nobody_elses(requester: Requester | None) -> None:
    """A mother's copy has no word of the father's; where nobody is named, nobody's are given."""
    given = {
        said_by
        for said_by in ("child", "mother", "father", "carer", "parent", "family")
        if kept_back(Category.VIEWS, said_by, None, requester) is None
    }

    assert given == ({requester.value} if requester else set())


def test_a_kind_that_is_not_listed_is_not_spoken_of() -> None:
    """What is unknown is kept back, and so is a kind of which nobody said why it is harmless."""
    spoken = {
        kind for kind in EVERY_KIND if untold(NoticeBasis(), protection=False, kind=kind) is None
    }

    assert spoken == set(KINDS)
    assert untold(DUTY, protection=False, kind="anything.new") == "family.not-listed"
    assert all(reason for reason in (*KINDS.values(), *CLOCKS.values()))
    assert set(EVERY_KIND) >= {*KINDS, *KINDS_THAT_SAY, *GUARDING}
    assert not {*KINDS, *KINDS_THAT_SAY} & GUARDING


@pytest.mark.parametrize(
    ("kind", "harmless", "telling"),
    [
        ("referral.decided", {"outcome": "assess"}, {"outcome": "section_47"}),
        ("stepup.decided", {"outcome": "not_accepted"}, {"outcome": "section_47"}),
        ("assessment.started", {"assessment": "initial"}, {"assessment": "section_47"}),
        ("assessment.concluded", {"finding": "child_in_need"}, {"finding": "child_protection"}),
        (
            "assessment.concluded",
            {"finding": "not_in_need"},
            {"finding": "not_in_need", "assessment": "section_47"},
        ),
        ("meeting.held", {"meeting": "child_in_need"}, {"meeting": "strategy_discussion"}),
        ("meeting.convened", {"meeting": "child_in_need"}, {"meeting": ["child_in_need"]}),
        ("case.opened-before", {"level": "early_help"}, {"level": "child_protection"}),
        (
            "case.opened-before",
            {"level": "child_in_need"},
            {"level": "child_in_need", "protection_plan_ended": "2026-01-01T00:00:00Z"},
        ),
    ],
)
def test_a_kind_of_two_faces_is_spoken_of_only_where_its_content_is_harmless(
    kind: str, harmless: dict[str, object], telling: dict[str, object]
) -> None:
    """A finding of child protection, a conference and an enquiry are kept back with their kind."""
    assert untold(DUTY, protection=False, kind=kind, content=harmless) is None
    for content in (telling, dict.fromkeys(harmless, "something_new"), {}, None):
        assert untold(DUTY, protection=False, kind=kind, content=content) == "family.not-listed"


def test_what_guards_somebody_is_named_to_nobody() -> None:
    """Who must not know, a protected address and broken glass stand in the review alone."""
    rules = {untold(NoticeBasis(), protection=False, kind=kind) for kind in GUARDING}

    assert rules == {"family.guarding"}


def test_a_clock_that_is_not_listed_is_not_shown() -> None:
    """A conference, a visit to see the child and another pack's rule are on no page."""
    silent = (
        "child-protection-conference",
        "initial-conference",
        "see-child",
        "core-group",
        "first-protection-review",
        "protection-plan-review",
        "first-review-after-plan",
        "start-protection-assessment",
        "answer-agency-check",
        "notify-panel",
        "of-our-own",
    )

    assert not any(clock_told(rule) for rule in silent)
    assert clock_told("child-in-need-meeting")


def test_a_lead_does_not_tell_of_a_protection_plan() -> None:
    """A social worker who leads is named at every level but child protection."""
    assert lead_told(Level.CHILD_IN_NEED, Role.SOCIAL_CARE)
    assert lead_told(Level.CHILD_PROTECTION, Role.UNIVERSAL)
    assert not lead_told(Level.CHILD_PROTECTION, Role.SOCIAL_CARE)
    assert not lead_told(Level.EARLY_HELP, None)
