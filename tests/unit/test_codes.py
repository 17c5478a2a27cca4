"""Guarantees of the code sets and of the checks of a child's numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import (
    AssessmentFactor,
    Coded,
    NumberFlaw,
    ReferralSource,
    Sex,
    is_nhs_number,
    is_upn,
    nhs_number_flaw,
    upn_check_letter,
    upn_flaw,
)

DIGITS = st.text("0123456789", min_size=9, max_size=9)


@pytest.mark.parametrize("codes", Coded.__subclasses__())
def test_every_code_has_a_label_of_its_own(codes: type[Coded]) -> None:
    """No two codes of a set read alike to people, and none reads as nothing."""
    labels = [member.label for member in codes]

    assert all(label.strip() == label != "" for label in labels)
    assert len(set(labels)) == len(labels)


@given(st.text(max_size=6))
def test_reading_a_code_accepts_exactly_the_codes_of_the_set(text: str) -> None:
    """A text is read as the member that it equals, and as nothing else."""
    member = ReferralSource.read(text)

    assert (member is not None) == (text in {source.value for source in ReferralSource})


def test_a_code_is_read_as_the_member_that_equals_it() -> None:
    """A member is its code, so it can be compared with and written as text."""
    assert ReferralSource.read("5D") is ReferralSource.LA_EARLY_HELP
    assert f"{ReferralSource.LA_EARLY_HELP}" == "5D"
    assert ReferralSource.read("5d") is None


def test_individuals_anonymous_and_unknown_sources_name_no_agency() -> None:
    """Exactly 1A to 1D, 9 and 10 leave open which agency referred."""
    assert {source.value for source in ReferralSource if not source.names_agency} == {
        "1A",
        "1B",
        "1C",
        "1D",
        "9",
        "10",
    }


def test_exactly_the_undivided_abuse_factors_are_deprecated() -> None:
    """18A and 19A are still read and must no longer be given; no other factor is retired."""
    assert [factor.value for factor in AssessmentFactor if factor.deprecated] == ["18A", "19A"]


@pytest.mark.parametrize(
    ("code", "sex"),
    [("1", Sex.MALE), ("2", Sex.FEMALE), ("0", Sex.UNKNOWN), ("9", Sex.UNKNOWN), ("M", None)],
)
def test_gender_current_of_older_returns_becomes_sex(code: str, sex: Sex | None) -> None:
    """The four codes of `GenderCurrent` map onto `Sex`, and nothing else does."""
    assert Sex.from_gender_current(code) is sex


@pytest.mark.parametrize("number", ["9434765919", "943 476 5919", "4010232137", "9000000009"])
def test_a_right_nhs_number_is_accepted_plain_and_spaced(number: str) -> None:
    """Published examples pass as ten digits and in the printed form."""
    assert is_nhs_number(number)
    assert nhs_number_flaw(number) is None


@pytest.mark.parametrize(
    "number",
    ["", "943476591", "94347659190", "9434 76 5919", "943-476-5919", "943476591٩", "9434765919\n"],
)
def test_an_nhs_number_of_another_form_is_refused(number: str) -> None:
    """Only ten ASCII digits, plain or written 3-3-4, are an NHS number."""
    assert nhs_number_flaw(number) is NumberFlaw.FORM


@pytest.mark.parametrize("digit", "0123456789")
def test_ten_times_one_digit_is_no_nhs_number(digit: str) -> None:
    """A placeholder is refused although its check digit is right."""
    assert nhs_number_flaw(digit * 10) is NumberFlaw.PLACEHOLDER


@given(DIGITS)
def test_at_most_one_check_digit_makes_an_nhs_number(body: str) -> None:
    """Of the ten numbers on one body at most one is right: any changed last digit is found."""
    right = [digit for digit in "0123456789" if is_nhs_number(body + digit)]

    assert len(right) <= 1


@given(DIGITS, st.integers(0, 8), st.integers(1, 9))
def test_one_changed_digit_of_an_nhs_number_is_found(body: str, place: int, shift: int) -> None:
    """No single wrong digit in the first nine turns one right number into another."""
    changed = str((int(body[place]) + shift) % 10)
    other = body[:place] + changed + body[place + 1 :]

    assert not any(is_nhs_number(body + d) and is_nhs_number(other + d) for d in "0123456789")


@pytest.mark.parametrize("upn", ["B801200005001", "P207000016049", "p207000016049"])
def test_a_right_upn_is_accepted_in_either_case(upn: str) -> None:
    """A published example and one worked by hand pass; case does not matter to the schema.

    By hand: 2x2 + 7x4 + 1x9 + 6x10 + 4x12 + 9x13 = 266, and 266 modulo 23 is 13, which is P.
    """
    assert is_upn(upn)
    assert upn_flaw(upn) is None


def test_a_wrong_check_letter_is_told_from_a_wrong_form() -> None:
    """A UPN with another letter has a wrong check, one that is cut short has a wrong form."""
    assert upn_flaw("B207000016049") is NumberFlaw.CHECK
    assert upn_flaw("P20700001604") is NumberFlaw.FORM
    assert upn_flaw("P2070000160٤9") is NumberFlaw.FORM


@pytest.mark.parametrize(
    ("body", "letter"),
    # The eleven digits add up to 149; then comes the letter's value times 13.
    [("20700001604A", "M"), ("20700001604Z", "Y")],
)
def test_a_temporary_upn_counts_its_last_letter(body: str, letter: str) -> None:
    """The letter at the end of a temporary UPN has a value from 0 to 22 in the sum.

    A: 149 modulo 23 is 11, which is M. Z: 149 + 22 x 13 = 435, modulo 23 is 21, which is Y.
    """
    assert upn_check_letter(body) == letter


@pytest.mark.parametrize("letter", "IOSios")
def test_letters_that_look_like_digits_are_no_part_of_a_temporary_upn(letter: str) -> None:
    """I, O and S are in no UPN, neither first nor last."""
    assert upn_check_letter(f"20700001604{letter}") is None
    assert upn_flaw(f"A20700001604{letter}") is NumberFlaw.FORM
    assert upn_flaw(f"{letter}207000016049") is NumberFlaw.CHECK


@given(st.text("0123456789", min_size=11, max_size=11), st.sampled_from("0123456789ABZ"))
def test_exactly_one_letter_fits_a_upn(digits: str, last: str) -> None:
    """Of the alphabet's letters exactly the check letter makes a right UPN."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    right = [letter for letter in letters if is_upn(letter + digits + last)]

    assert right == [upn_check_letter(digits + last)]


@given(st.text(max_size=20))
def test_no_text_makes_a_check_of_a_number_fail(text: str) -> None:
    """Whatever is given, each check answers and never raises."""
    assert nhs_number_flaw(text) in {None, *NumberFlaw}
    assert upn_flaw(text) in {None, *NumberFlaw}
