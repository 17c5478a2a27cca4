"""Reading: consent is decided again when a person opens, against the journey as it now stands."""

from dataclasses import replace
from typing import Any, NoReturn, cast

import pytest

from consent import KeptStatement, ReadRequest, Seen, decide_read
from contracts.consents import Basis, OverrideBasis, OverrideGround
from contracts.questions import Category
from contracts.roles import Role
from tests.unit.consent_cases import (
    BY_BOTH,
    BY_CONSENT,
    CAF_TEAM,
    DAY,
    FRONT_DOOR,
    NOTICE,
    NOW,
    PROTECTION,
    SCHOOL,
    SECOND,
    WITHOUT_CONSENT,
    held,
)


def kept(basis: Basis = BY_CONSENT, category: Category = Category.HEALTH) -> KeptStatement:
    """Return a statement that the school sent to the front door on `basis`."""
    return KeptStatement(category, basis, SCHOOL, frozenset({FRONT_DOOR}), basis == PROTECTION)


def reading(*statements: KeptStatement, **changes: object) -> ReadRequest:
    """Return a read by the front door while the family's consent is in force."""
    made = ReadRequest(FRONT_DOOR, Role.FIRST_RESPONSE, statements, (held(),), NOW)
    return replace(made, **cast("dict[str, Any]", changes))


def test_a_recipient_reads_what_the_family_still_agrees_to() -> None:
    """While the consent named by the message is in force and covers, its statements are read."""
    assert decide_read(reading(kept())) == (Seen(shown=True, rules=("consent.in-force",)),)


def test_a_withdrawal_takes_effect_on_the_next_read() -> None:
    """What was shown a moment ago is withheld once the family withdrew."""
    after = reading(kept(), consents=(held(withdrawn_at=NOW),))

    assert decide_read(after) == (Seen(shown=False, rules=("consent.withdrawn",)),)


def test_a_consent_that_ran_out_since_is_not_read_on() -> None:
    """Expiry is judged at the instant of reading."""
    assert decide_read(reading(kept(), now=NOW + DAY)) == (
        Seen(shown=False, rules=("consent.not-in-force",)),
    )


def test_a_consent_that_the_message_did_not_name_opens_nothing() -> None:
    """A later consent lets a later message share; it does not revive what was withdrawn."""
    consents = (held(withdrawn_at=NOW - DAY / 2), held(SECOND, given_at=NOW))

    assert decide_read(reading(kept(), consents=consents)) == (
        Seen(shown=False, rules=("consent.withdrawn",)),
    )
    assert decide_read(reading(kept(BY_BOTH), consents=consents))[0].shown


def test_a_consent_that_the_journey_does_not_hold_carries_no_read() -> None:
    """Reading leans on the journey alone."""
    assert decide_read(reading(kept(), consents=())) == (
        Seen(shown=False, rules=("consent.unknown",)),
    )


@pytest.mark.parametrize("basis", WITHOUT_CONSENT)
@pytest.mark.parametrize("category", [Category.HEALTH, Category.SAFETY])
def test_what_needed_no_consent_stays_readable_after_a_withdrawal(
    basis: Basis, category: Category
) -> None:
    """Protection, duty, order and override do not end with the family's consent."""
    after = reading(kept(basis, category), consents=(held(withdrawn_at=NOW),))

    assert decide_read(after)[0].shown


def test_each_statement_is_decided_by_the_message_that_carried_it() -> None:
    """One withdrawn consent closes its own statements and no other, in the order asked."""
    statements = (
        kept(),
        kept(PROTECTION),
        kept(BY_BOTH, Category.VIEWS),
        kept(BY_BOTH, Category.SAFETY),
        kept(BY_BOTH),
    )
    consents = (held(withdrawn_at=NOW - DAY / 2), held(SECOND, given_at=NOW))

    assert decide_read(reading(*statements, consents=consents)) == (
        Seen(shown=False, rules=("consent.withdrawn",)),
        Seen(shown=True, rules=("protection.concern",)),
        Seen(shown=False, rules=("consent.withdrawn", "consent.other-categories")),
        Seen(shown=False, rules=("consent.withdrawn", "safety.not-named")),
        Seen(shown=True, rules=("consent.in-force",)),
    )


@pytest.mark.parametrize("basis", [BY_CONSENT, *WITHOUT_CONSENT])
def test_an_agency_that_was_never_a_recipient_reads_nothing(basis: Basis) -> None:
    """Nobody reads what was not sent to them, though a consent or a duty would cover them."""
    consents = (held(roles=tuple(Role)),)
    other = reading(kept(basis), reader=CAF_TEAM, reader_role=Role.CAF_TEAM, consents=consents)

    assert decide_read(other) == (Seen(shown=False, rules=("read.not-recipient",)),)


@pytest.mark.parametrize("category", [Category.HEALTH, Category.SAFETY])
def test_the_senders_agency_reads_what_it_said_itself(category: Category) -> None:
    """A withdrawal does not take an agency's own words from it."""
    said = replace(kept(category=category), own=True)
    own = reading(said, reader=SCHOOL, reader_role=Role.UNIVERSAL, consents=())

    assert decide_read(own) == (Seen(shown=True, rules=("read.own-words",)),)


def test_carrying_words_on_does_not_make_them_the_senders_own() -> None:
    """Its seal alone does not open what an agency was only told."""
    own = reading(kept(), reader=SCHOOL, reader_role=Role.UNIVERSAL, consents=())

    assert decide_read(own) == (Seen(shown=False, rules=("read.not-recipient",)),)


def test_alike_statements_of_one_message_are_told_apart_by_whose_words_they_are() -> None:
    """What is decided once for many is decided anew for what is carried on."""
    said = kept()
    both = reading(replace(said, own=True), said, reader=SCHOOL, reader_role=Role.UNIVERSAL)

    assert [seen.shown for seen in decide_read(both)] == [True, False]


@pytest.mark.parametrize(
    "stranger",
    [
        {"reader_role": None},
        {"reader_role": None, "reader": SCHOOL},
        {"reader": ""},
        {"reader_role": "friend"},
    ],
)
def test_an_agency_that_has_left_reads_nothing(stranger: dict[str, object]) -> None:
    """Who is not in the directory now reads nothing, not even what it sent or once received."""
    assert decide_read(reading(kept(PROTECTION), **stranger)) == (
        Seen(shown=False, rules=("recipient.unknown",)),
    )


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (kept(NOTICE), "notice.statements"),
        (replace(kept(PROTECTION), protection=False), "protection.not-raised"),
        (
            kept(OverrideBasis(ground=OverrideGround.NOT_POSSIBLE_AND_DELAY)),
            "override.ground",
        ),
    ],
)
def test_a_statement_whose_basis_does_not_carry_it_is_not_shown(
    statement: KeptStatement, rule: str
) -> None:
    """What should never have been accepted is not read either."""
    assert decide_read(reading(statement)) == (Seen(shown=False, rules=(rule,)),)


def test_a_rule_that_cannot_be_worked_out_shows_nothing_and_spares_the_other_statements() -> None:
    """A fault in one statement's record withholds that statement, not the rest."""
    broken = replace(kept(), recipients=cast("frozenset[str]", None))
    no_basis = replace(kept(), basis=cast("Basis", None))

    assert decide_read(reading(broken, no_basis, kept())) == (
        Seen(shown=False, rules=("read.not-recipient.failed",)),
        Seen(shown=False, rules=("basis.unknown.failed",)),
        Seen(shown=True, rules=("consent.in-force",)),
    )


@pytest.mark.parametrize(
    ("function", "rule"),
    [
        ("_reader_unknown", "recipient.unknown"),
        ("_own_words", "read.own-words"),
        ("_not_recipient", "read.not-recipient"),
    ],
)
def test_a_rule_of_reading_that_raises_withholds(
    monkeypatch: pytest.MonkeyPatch, function: str, rule: str
) -> None:
    """A rule that breaks is named and withholds; it is never passed over."""

    def raises(*_: object) -> NoReturn:
        raise LookupError

    monkeypatch.setattr(f"consent.reading.{function}", raises)

    assert decide_read(reading(kept(PROTECTION))) == (Seen(shown=False, rules=(f"{rule}.failed",)),)


def test_reading_nothing_shows_nothing() -> None:
    """A story without statements is read as such."""
    assert decide_read(reading()) == ()
