"""The consent decision: what each basis carries, and everything that withholds."""

from datetime import timedelta

import pytest

from consent import Share, Withhold, decide
from contracts.consents import (
    Basis,
    ConsentBasis,
    ConsentHeld,
    Covers,
    OverrideBasis,
    OverrideGround,
    StatutoryBasis,
    StatutoryProvision,
)
from contracts.event import Signer
from contracts.questions import Category
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from tests.unit.consent_cases import (
    AUTHOR,
    BY_BOTH,
    BY_CONSENT,
    CAF_TEAM,
    COURT_ORDER,
    DAY,
    DEPUTY,
    FIRST,
    FRONT_DOOR,
    LINE_MANAGER,
    MANAGER,
    NOTICE,
    NOW,
    OVERRIDE,
    PROTECTION,
    SECOND,
    SOME,
    STATUTORY,
    WITHOUT_CONSENT,
    held,
    request,
)

INSTANT = timedelta(microseconds=1)
OUT_OF_SCOPE = Refusal("consent.out-of-scope", FRONT_DOOR)


def test_a_notice_without_statements_is_shared_without_any_consent() -> None:
    """What is about the process only needs nobody's consent."""
    answer = decide(request(basis=NOTICE, categories=(), consents=(), protection=False))

    assert answer == Share(("notice.process",), ())


@pytest.mark.parametrize("category", Category)
def test_a_notice_with_any_statement_is_withheld(category: Category) -> None:
    """No statement travels under cover of a notice."""
    answer = decide(request(basis=NOTICE, categories=(category,)))

    assert answer == Withhold(("notice.statements",), (Refusal("statements.not-allowed"),))


@pytest.mark.parametrize(
    "named",
    [
        held(roles=(Role.FIRST_RESPONSE,), recipients=()),
        held(roles=(), recipients=(FRONT_DOOR,)),
    ],
)
def test_a_consent_reaches_the_agency_that_it_names_or_whose_role_it_names(
    named: ConsentHeld,
) -> None:
    """A recipient is in scope by its own name or by its role."""
    answer = decide(request(consents=(named,)))

    assert answer == Share(("consent.in-force",), (True, True))


@pytest.mark.parametrize(
    ("consent", "rule", "reason"),
    [
        (held(SECOND), "consent.unknown", Refusal("consent.unknown")),
        (held(covers=Covers.SERVICE), "consent.service-only", Refusal("consent.missing")),
        (held(withdrawn_at=NOW - DAY), "consent.withdrawn", Refusal("consent.withdrawn")),
        (held(withdrawn_at=NOW), "consent.withdrawn", Refusal("consent.withdrawn")),
        (held(withdrawn_at=NOW + DAY), "consent.withdrawn", Refusal("consent.withdrawn")),
        (held(expires_at=NOW), "consent.not-in-force", Refusal("consent.expired")),
        (held(given_at=NOW + INSTANT), "consent.not-in-force", Refusal("consent.expired")),
        (held(roles=(Role.CAF_TEAM,)), "consent.other-recipient", OUT_OF_SCOPE),
        (held(roles=(), recipients=(CAF_TEAM,)), "consent.other-recipient", OUT_OF_SCOPE),
        (held(roles=()), "consent.other-recipient", OUT_OF_SCOPE),
        (held(categories=(Category.VIEWS,)), "consent.other-categories", OUT_OF_SCOPE),
        (held(categories=()), "consent.other-categories", OUT_OF_SCOPE),
    ],
)
def test_a_consent_that_does_not_carry_withholds_and_says_why(
    consent: ConsentHeld, rule: str, reason: Refusal
) -> None:
    """Each way in which a consent falls short has a rule and a reason of its own."""
    assert decide(request(consents=(consent,))) == Withhold((rule,), (reason,))


@pytest.mark.parametrize("bounded", [held(given_at=NOW), held(expires_at=NOW + INSTANT)])
def test_a_consent_carries_from_the_instant_it_is_given_until_it_expires(
    bounded: ConsentHeld,
) -> None:
    """The first instant is within the time of a consent, the last is just before its expiry."""
    assert isinstance(decide(request(consents=(bounded,))), Share)


def test_a_consent_without_expiry_stays_in_force() -> None:
    """What has no end given does not end by itself."""
    consent = held(given_at=NOW - 4000 * DAY, expires_at=None)

    assert isinstance(decide(request(consents=(consent,))), Share)


def test_a_consent_that_is_held_but_not_named_carries_nothing() -> None:
    """A sender who names no consent cannot lean on one that somebody else recorded."""
    basis = ConsentBasis.model_construct(consents=())

    assert decide(request(basis=basis)) == Withhold(
        ("consent.none-named",), (Refusal("consent.missing"),)
    )


def test_statements_outside_the_scope_are_held_back_and_the_others_shown_in_order() -> None:
    """Each statement is shown only if a consent names its category."""
    categories = (Category.VIEWS, Category.HEALTH, Category.PLAN, Category.NEEDS)

    assert decide(request(categories=categories)) == Share(
        ("consent.in-force", "consent.other-categories"), (False, True, False, True)
    )


def test_several_consents_carry_together_what_each_of_them_names() -> None:
    """The categories of all named consents in force add up."""
    consents = (
        held(FIRST, categories=(Category.HEALTH,)),
        held(SECOND, categories=(Category.NEEDS,)),
    )

    assert decide(request(basis=BY_BOTH, consents=consents)) == Share(
        ("consent.in-force",), (True, True)
    )


def test_a_consent_for_another_recipient_adds_nothing_to_one_for_this_recipient() -> None:
    """What may go to the CAF team may not therefore go to the front door."""
    consents = (held(FIRST, categories=(Category.HEALTH,)), held(SECOND, roles=(Role.CAF_TEAM,)))

    assert decide(request(basis=BY_BOTH, consents=consents)) == Share(
        ("consent.in-force", "consent.other-categories"), (True, False)
    )


@pytest.mark.parametrize(
    "spoilt", [(), (held(SECOND, withdrawn_at=NOW - 2 * DAY),), (held(SECOND, expires_at=NOW),)]
)
def test_a_lapsed_consent_does_not_spoil_another_that_covers(
    spoilt: tuple[ConsentHeld, ...],
) -> None:
    """One good consent among those named is enough."""
    answer = decide(request(basis=BY_BOTH, consents=(held(), *spoilt)))

    assert answer == Share(("consent.in-force",), (True, True))


def test_every_reason_is_given_at_once() -> None:
    """A sender learns all that is wrong with all consents named in one answer."""
    consents = (
        held(FIRST, withdrawn_at=NOW - DAY, expires_at=NOW, roles=()),
        held(SECOND, covers=Covers.SERVICE, withdrawn_at=NOW),
    )
    basis = ConsentBasis(consents=(SECOND, FIRST, "9" * 20))

    assert decide(request(basis=basis, consents=consents)) == Withhold(
        (
            "consent.unknown",
            "consent.service-only",
            "consent.withdrawn",
            "consent.not-in-force",
            "consent.other-recipient",
        ),
        (
            Refusal("consent.unknown"),
            Refusal("consent.missing"),
            Refusal("consent.withdrawn"),
            Refusal("consent.expired"),
            OUT_OF_SCOPE,
        ),
    )


def test_what_lapsed_is_told_when_the_consent_left_shows_nothing() -> None:
    """Where one consent was withdrawn and the other covers no statement, both are said."""
    consents = (held(FIRST, withdrawn_at=NOW), held(SECOND, categories=(Category.VIEWS,)))

    assert decide(request(basis=BY_BOTH, consents=consents)) == Withhold(
        ("consent.withdrawn", "consent.other-categories"),
        (Refusal("consent.withdrawn"), OUT_OF_SCOPE),
    )


def test_a_message_cannot_bring_a_withdrawn_consent_back_by_carrying_it() -> None:
    """A withdrawal counts for the id, whatever a message carries under it."""
    answer = decide(request(consents=(held(withdrawn_at=NOW - DAY), held())))

    assert answer == Withhold(("consent.withdrawn",), (Refusal("consent.withdrawn"),))


def test_a_message_cannot_widen_a_held_consent_by_carrying_it() -> None:
    """Of an id that is held twice, only what both copies name is covered."""
    narrow, wide = held(categories=(Category.HEALTH,)), held(categories=tuple(Category))

    assert decide(request(consents=(narrow, wide))) == Share(
        ("consent.in-force", "consent.other-categories"), (True, False)
    )


def test_a_message_without_statements_needs_a_consent_that_names_its_recipient() -> None:
    """Where there is nothing to show, the recipient still has to be one the family agreed to."""
    reaching = held(categories=())
    elsewhere = held(roles=(Role.CAF_TEAM,))

    assert decide(request(categories=(), consents=(reaching,))) == Share(("consent.in-force",), ())
    assert decide(request(categories=(), consents=(elsewhere,))) == Withhold(
        ("consent.other-recipient",), (OUT_OF_SCOPE,)
    )


def test_safety_goes_by_consent_only_where_the_consent_names_it() -> None:
    """Who must not learn of the referral is held back unless the family agreed to that as well."""
    naming = held(categories=SOME)

    assert decide(request(categories=SOME)) == Share(
        ("consent.in-force", "safety.not-named"), (True, True, False)
    )
    assert decide(request(categories=SOME, consents=(naming,))) == Share(
        ("consent.in-force",), (True, True, True)
    )
    assert decide(request(categories=(Category.SAFETY,))) == Withhold(
        ("safety.not-named",), (OUT_OF_SCOPE,)
    )


@pytest.mark.parametrize("basis", WITHOUT_CONSENT)
def test_safety_is_shown_on_every_basis_that_needs_no_consent(basis: Basis) -> None:
    """Who acts to protect a child learns what endangers the child and those who visit."""
    answer = decide(request(basis=basis, categories=SOME, consents=()))

    assert isinstance(answer, Share)
    assert answer.shown == (True, True, True)


@pytest.mark.parametrize(
    ("ground", "not_possible", "delay", "carries"),
    [
        (OverrideGround.NOT_POSSIBLE_AND_DELAY, True, True, True),
        (OverrideGround.NOT_POSSIBLE_AND_DELAY, True, False, False),
        (OverrideGround.NOT_POSSIBLE_AND_DELAY, False, True, False),
        (OverrideGround.NOT_POSSIBLE_AND_DELAY, False, False, False),
        (OverrideGround.SEEKING_INCREASES_RISK, False, False, True),
        (OverrideGround.SEEKING_INCREASES_RISK, True, False, True),
    ],
)
def test_the_first_ground_needs_both_its_limbs_and_the_second_stands_alone(
    ground: OverrideGround, not_possible: bool, delay: bool, carries: bool
) -> None:
    """Delay alone, or consent out of reach alone, never sets consent aside."""
    basis = OverrideBasis(
        ground=ground, not_possible_to_obtain=not_possible, delay_detrimental=delay
    )
    answer = decide(request(basis=basis, consents=()))

    if carries:
        assert answer == Share(("override.approved",), (True, True))
    else:
        assert answer == Withhold(("override.ground",), (Refusal("override.ground"),))


def test_an_unknown_ground_sets_nothing_aside() -> None:
    """A ground that the guidance does not have is none."""
    urgent = OVERRIDE.model_copy(
        update={"ground": "urgent", "not_possible_to_obtain": True, "delay_detrimental": True}
    )

    assert decide(request(basis=urgent)) == Withhold(
        ("override.ground",), (Refusal("override.ground"),)
    )


@pytest.mark.parametrize("person", [MANAGER, DEPUTY])
def test_the_line_manager_or_the_deputy_approves(person: str) -> None:
    """Either of the two persons whom the directory names can be the second signer."""
    signer = Signer(id=person, capacity=Capacity.LINE_MANAGER)

    assert isinstance(decide(request(basis=OVERRIDE, countersigners=(signer,))), Share)


@pytest.mark.parametrize(
    "changes",
    [
        {"countersigners": ()},
        {"countersigners": (Signer(id=MANAGER, capacity=Capacity.TEAM_MANAGER),)},
        {"countersigners": (Signer(id="demo.front-door.duty", capacity=Capacity.LINE_MANAGER),)},
        {
            "countersigners": (Signer(id=AUTHOR, capacity=Capacity.LINE_MANAGER),),
            "line_managers": frozenset({AUTHOR}),
        },
        {"line_managers": frozenset()},
        {"sender": "demo.riverside-gp"},
    ],
)
def test_nobody_but_the_senders_own_line_manager_approves(changes: dict[str, object]) -> None:
    """No other capacity, no other person, not the author, and nobody else's manager."""
    assert decide(request(basis=OVERRIDE, **changes)) == Withhold(
        ("override.line-manager",), (Refusal("override.line-manager"),)
    )


def test_the_line_manager_is_found_among_several_countersigners() -> None:
    """Other signatures beside the manager's do no harm."""
    other = Signer(id="demo.front-door.duty", capacity=Capacity.DUTY_WORKER)

    assert isinstance(decide(request(basis=OVERRIDE, countersigners=(other, LINE_MANAGER))), Share)


def test_a_missing_ground_and_a_missing_manager_are_told_together() -> None:
    """An override that lacks both is refused with both reasons."""
    basis = OverrideBasis(ground=OverrideGround.NOT_POSSIBLE_AND_DELAY)

    assert decide(request(basis=basis, countersigners=())) == Withhold(
        ("override.ground", "override.line-manager"),
        (Refusal("override.ground"), Refusal("override.line-manager")),
    )


@pytest.mark.parametrize("provision", StatutoryProvision)
def test_a_statutory_duty_carries_in_its_own_right(provision: StatutoryProvision) -> None:
    """No consent, signature or flag is asked for beside the duty."""
    basis = StatutoryBasis(provision=provision)
    answer = decide(request(basis=basis, consents=(), countersigners=(), protection=False))

    assert answer == Share(("statutory.duty",), (True, True))


def test_a_court_order_carries_in_its_own_right() -> None:
    """No consent, signature or flag is asked for beside the order."""
    answer = decide(request(basis=COURT_ORDER, consents=(), countersigners=(), protection=False))

    assert answer == Share(("court.order",), (True, True))


@pytest.mark.parametrize(
    ("basis", "rule"),
    [
        (STATUTORY.model_copy(update={"provision": "CA1989-s99"}), "statutory.no-provision"),
        (COURT_ORDER.model_copy(update={"order": " "}), "court.no-reference"),
    ],
)
def test_a_duty_or_order_that_names_nothing_carries_nothing(basis: Basis, rule: str) -> None:
    """The bare word `statutory` or `court` opens no door."""
    assert decide(request(basis=basis)) == Withhold((rule,), (Refusal("basis.not-entitled"),))


@pytest.mark.parametrize("consents", [(), (held(withdrawn_at=NOW),), (held(expires_at=NOW),)])
def test_child_protection_is_never_withheld_for_a_missing_consent(
    consents: tuple[ConsentHeld, ...],
) -> None:
    """A protection concern goes through whatever the family agreed to or withdrew."""
    answer = decide(
        request(basis=PROTECTION, categories=tuple(Category), consents=consents, countersigners=())
    )

    assert answer == Share(("protection.concern",), (True,) * len(Category))


def test_child_protection_is_no_basis_for_a_message_that_raises_no_concern() -> None:
    """Nobody reaches more by writing `child_protection` over something else."""
    assert decide(request(basis=PROTECTION, protection=False)) == Withhold(
        ("protection.not-raised",), (Refusal("basis.not-entitled"),)
    )


@pytest.mark.parametrize("basis", [NOTICE, BY_CONSENT, *WITHOUT_CONSENT])
@pytest.mark.parametrize(
    "stranger", [{"recipient_role": None}, {"recipient_role": "friend"}, {"recipient": ""}]
)
def test_nothing_goes_to_an_agency_that_the_directory_does_not_hold(
    basis: Basis, stranger: dict[str, object]
) -> None:
    """An unknown recipient is withheld from on every basis."""
    answer = decide(request(basis=basis, categories=(), **stranger))

    assert isinstance(answer, Withhold)
    assert "recipient.unknown" in answer.rules
    assert answer.reasons[0].code == "agency.unknown"
