"""Messy input: normalised to one reading or to none, never guessed, the original always kept."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import normalise
from contracts.codes import Ethnicity, Sex, is_nhs_number, is_upn, upn_check_letter
from contracts.normalise import Normalised, Order, Sure
from contracts.normalise.codes import NHS_ETHNIC_CATEGORY, _spellings

EVERY: tuple[Callable[[str], Normalised[Any]], ...] = (
    normalise.name,
    normalise.comparable_name,
    normalise.birth_date,
    normalise.sex,
    normalise.ethnicity,
    normalise.nhs_ethnicity,
    normalise.nhs_number,
    normalise.upn,
    normalise.postcode,
)
DAYS = st.dates(date(1990, 1, 1), date(2026, 11, 22))
LETTERS = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyzéüñøłßčşİ'- "), min_size=3, max_size=30
)


@pytest.mark.parametrize("read", EVERY, ids=lambda f: f.__name__)
@given(text=st.text(max_size=80) | st.from_regex(r"[0-9A-Z/ .\-]{1,14}", fullmatch=True))
def test_no_text_makes_normalising_raise_or_guess(
    read: Callable[[str], Normalised[Any]], text: str
) -> None:
    """Any text gives one value, or several readings and no value, or neither; and is kept."""
    made = read(text)

    assert made.original == text
    assert (made.value is None) == (made.sure in {Sure.UNSURE, Sure.UNREADABLE})
    assert (len(made.readings) > 1) == (made.sure is Sure.UNSURE)
    assert len(set(made.readings)) == len(made.readings)


@pytest.mark.parametrize("read", EVERY, ids=lambda f: f.__name__)
@given(text=st.text(max_size=40))
def test_what_came_out_once_comes_out_again_exact(
    read: Callable[[str], Normalised[Any]], text: str
) -> None:
    """A value in the standard's form reads as itself: normalising twice changes nothing."""
    first = read(text)
    if first.value is None or read is normalise.nhs_ethnicity:
        return
    form = first.value.isoformat() if isinstance(first.value, date) else str(first.value)
    again = read(form)
    assert (again.value, again.sure) == (first.value, Sure.EXACT)


def test_what_is_said_of_a_child_does_not_stand_in_the_repr() -> None:
    """A value that lands in a log line by mistake tells nothing."""
    made = normalise.name("Zebedee Quill")

    assert "Zebedee" not in f"{made!r}"
    assert "Zebedee" not in f"{normalise.birth_date('Zebedee')!r}"


@pytest.mark.parametrize(
    ("text", "value", "sure"),
    [
        ("José", "José", Sure.EXACT),
        ("Jose\u0301", "José", Sure.CONVERTED),
        ("  O'Brien ,  Seán ", "Seán O'Brien", Sure.CONVERTED),
        ("Smith, Jr.", "Smith Jr.", Sure.CONVERTED),
        ("Ana\u200bLuz", "AnaLuz", Sure.CONVERTED),
        ("JosÃ©", "José", Sure.REPAIRED),
        ("李小龍", "李小龍", Sure.EXACT),
        ("Jane D0e", None, Sure.UNREADABLE),
        ("not known", None, Sure.UNREADABLE),
        ("Unborn baby of Jane Doe", None, Sure.UNREADABLE),
        ("x" * 201, None, Sure.UNREADABLE),
        ("", None, Sure.UNREADABLE),
    ],
)
def test_a_name_keeps_its_spelling_in_one_form(text: str, value: str | None, sure: Sure) -> None:
    """NFC, single spaces and given names first; nobody's name is made of a placeholder."""
    made = normalise.name(text)

    assert (made.value, made.sure) == (value, sure)


def test_a_name_that_reads_two_ways_has_no_value() -> None:
    """Where both the text and its repair could be names, a person decides."""
    made = normalise.name("Ãœmit")

    assert (made.value, made.sure) == (None, Sure.UNSURE)
    assert made.readings == ("Ümit", "Ãœmit")
    assert normalise.comparable_name("Ãœmit").readings == ("umit", "aoemit")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë Müller-Łukasz", "ZOE MULLER LUKASZ"),
        ("O\u2019Brien, Seán", "Sean OBrien"),
        ("Weiß", "WEISS"),
        ("Ødegård", "Odegard"),
        ("Þórdís", "Thordis"),
        ("I\u015f\u0131k", "ISIK"),
        ("Jose\u0301", "José"),
        ("Nguyễn Văn", "nguyen van"),
    ],
)
def test_spellings_of_one_name_compare_alike(one: str, other: str) -> None:
    """Accents, capitals, apostrophes, hyphens and the order round a comma make no difference."""
    assert normalise.comparable_name(one).value == normalise.comparable_name(other).value != None  # noqa: E711


def test_vowel_signs_of_other_scripts_are_kept() -> None:
    """Two names that differ in a vowel sign stay two names."""
    assert normalise.comparable("राम") != normalise.comparable("रोम")


@given(LETTERS)
def test_capitals_never_make_another_name(text: str) -> None:
    """The compared form of a name and of the same name in capitals is the same."""
    assert normalise.comparable(text.upper()) == normalise.comparable(text.upper().lower())


@given(DAYS)
def test_an_iso_day_is_exact_and_a_named_month_is_read(day: date) -> None:
    """The standard's form, and forms in which day and month cannot be mixed up, read as written."""
    assert normalise.birth_date(day.isoformat()) == Normalised(day, day.isoformat(), Sure.EXACT)
    for form in ("%d %B %Y", "%d-%b-%Y", "%B %d, %Y", "%Y%m%d", "%Y/%m/%d", "%Y-%m-%d 00:00:00"):
        made = normalise.birth_date(day.strftime(form))
        assert (made.value, made.sure) == (day, Sure.CONVERTED)


@given(DAYS)
def test_day_and_month_are_swapped_only_where_one_reading_is_left(day: date) -> None:
    """Either way round comes back where it can be only one; otherwise both stand as readings."""
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        made = normalise.birth_date(day.strftime(form))
        if day.day > 12 or day.day == day.month:
            assert made.value == day
        else:
            assert made.value is None
            assert set(made.readings) == {day, date(day.year, day.day, day.month)}


@given(DAYS)
def test_a_system_that_says_its_order_is_believed_where_the_calendar_allows(day: date) -> None:
    """With the order known no day is unsure, and one that does not fit it is marked as repaired."""
    right = normalise.birth_date(day.strftime("%d.%m.%Y"), order=Order.DAY_FIRST)
    swapped = normalise.birth_date(day.strftime("%m/%d/%Y"), order=Order.DAY_FIRST)

    assert (right.value, right.sure) == (day, Sure.CONVERTED)
    if day.day > 12:
        assert (swapped.value, swapped.sure) == (day, Sure.REPAIRED)
        assert swapped.for_a_person


@given(DAYS)
def test_bounds_leave_out_readings_beyond_them(day: date) -> None:
    """Whatever comes out lies within the bounds that were given."""
    first, last = date(2008, 1, 1), date(2026, 11, 22)
    for form in ("%d/%m/%Y", "%m/%d/%y", "%Y-%m-%d"):
        made = normalise.birth_date(day.strftime(form), not_before=first, not_after=last)
        found = (*made.readings, *([made.value] if made.value else []))
        assert all(first <= one <= last for one in found)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("2015-25-04", [date(2015, 4, 25)]),
        ("3rd of Sept 2015", [date(2015, 9, 3)]),
        ("04/25/2015 00:00", [date(2015, 4, 25)]),
        ("2015-04-02T23:00:00Z", [date(2015, 4, 2), date(2015, 4, 3)]),
        ("1/2/15", [date(2015, 2, 1), date(1915, 2, 1), date(2015, 1, 2), date(1915, 1, 2)]),
        ("2015-04-02T14:30:00Z", []),
        ("31/02/2015", []),
        ("1900-01-01", []),
        ("42097", []),
        ("٢٠١٥-٠٤-٠٣", []),
        ("9999-12-31", []),
    ],
)
def test_usual_slips_in_a_date(text: str, readings: list[date]) -> None:
    """One reading is the value, several are for a person, and an empty date is none."""
    made = normalise.birth_date(text)

    found = [made.value] if made.value else list(made.readings)
    assert found == readings


def test_an_expected_date_comes_through_where_the_bound_allows_it() -> None:
    """A child not born yet has a date to come."""
    today = date(2026, 11, 22)
    due = today + timedelta(days=100)

    assert normalise.birth_date(due.isoformat(), not_after=today).sure is Sure.UNREADABLE
    assert normalise.birth_date(due.isoformat(), not_after=date(2027, 9, 1)).value == due


@pytest.mark.parametrize(
    ("text", "value", "sure"),
    [
        ("M", Sex.MALE, Sure.EXACT),
        ("Male / 1 / M", Sex.MALE, Sure.CONVERTED),
        (" FEMALE. ", Sex.FEMALE, Sure.CONVERTED),
        ("2.0", Sex.FEMALE, Sure.CONVERTED),
        ("9", Sex.UNKNOWN, Sure.CONVERTED),
        ("unborn", Sex.UNKNOWN, Sure.CONVERTED),
        ("M / F", None, Sure.UNSURE),
        ("Male / prefers not to say", None, Sure.UNREADABLE),
        ("non-binary", None, Sure.UNREADABLE),
        ("3", None, Sure.UNREADABLE),
    ],
)
def test_sex_in_the_ways_of_school_systems(text: str, value: Sex | None, sure: Sure) -> None:
    """Words, letters and the old numbers become the DfE's code where they agree."""
    made = normalise.sex(text)

    assert (made.value, made.sure) == (value, sure)


def test_every_spelling_of_an_ethnicity_reads_in_any_writing() -> None:
    """Capitals, signs and spaces around a spelling of the table do not change what it means."""
    found = _spellings()
    assert {code for codes in found.values() for code in codes} == set(Ethnicity)
    for code in Ethnicity:
        assert sum(codes == (code,) for codes in found.values()) >= 2
    for spelling, codes in found.items():
        made = normalise.ethnicity(f"  {spelling.upper().replace(' ', ' - ')}. ")
        assert (made.readings or (made.value,)) == codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("White British", "WBRI"),
        ("WHITE - BRITISH", "WBRI"),
        ("White: British", "WBRI"),
        ("White/British", "WBRI"),
        ("white (british)", "WBRI"),
        ("British - White", "WBRI"),
        ("wbri", "WBRI"),
        ("White English", "WBRI"),
        ("White - Welsh", "WBRI"),
        ("English/Welsh/Scottish/Northern Irish/British", "WBRI"),
        ("Irish", "WIRI"),
        ("Gypsy / Roma", "WROM"),
        ("Traveller of Irish Heritage", "WIRT"),
        ("Any other White background", "WOTH"),
        ("Mixed - White & Black Caribbean", "MWBC"),
        ("Asian or Asian British - Pakistani", "APKN"),
        ("British Bangladeshi", "ABAN"),
        ("Afro-Caribbean", "BCRB"),
        ("Black / African / Caribbean / Black British : African", "BAFR"),
        ("Chinese", "CHNE"),
        ("Arab", "OOTH"),
        ("Prefer not to say", "REFU"),
        ("Not yet obtained", "NOBT"),
    ],
)
def test_ethnicity_in_the_ways_of_school_systems(text: str, code: str) -> None:
    """Twenty and more spellings become the DfE's code."""
    made = normalise.ethnicity(text)

    assert (made.value, made.sure) == (Ethnicity(code), Sure.CONVERTED)  # type: ignore[call-arg]


@pytest.mark.parametrize("text", ["White", "Mixed", "Asian", "Black British", "Traveller", "Other"])
def test_a_heading_is_no_ethnicity(text: str) -> None:
    """A word that covers several codes has no value, and says which codes it covers."""
    made = normalise.ethnicity(text)

    assert made.value is None
    assert len(made.readings) > 1


def test_nhs_letters_are_read_only_where_they_are_said_to_be_that() -> None:
    """`M` is Caribbean in the NHS's set and nothing at all in the DfE's."""
    assert normalise.nhs_ethnicity(" m ").value is Ethnicity.CARIBBEAN
    assert normalise.ethnicity("M").sure is Sure.UNREADABLE
    assert normalise.nhs_ethnicity("99").sure is Sure.UNREADABLE
    assert set(NHS_ETHNIC_CATEGORY.values()) < set(Ethnicity)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("943 476 5919", "9434765919"),
        ("943-476-5919", "9434765919"),
        ("9434765919.0", "9434765919"),
        ("94E4765919", None),
        ("9434765918", None),
        ("9999999999", None),
        ("9.43E+09", None),
    ],
)
def test_an_nhs_number_in_the_ways_of_systems(text: str, value: str | None) -> None:
    """Separators and a sheet's decimals go; a wrong check digit and a placeholder give nothing."""
    assert normalise.nhs_number(text).value == value


@given(st.text("0123456789", min_size=11, max_size=11), st.sampled_from("O0"))
def test_a_repaired_upn_has_its_check_letter(digits: str, zero: str) -> None:
    """O for 0 is put right exactly where the check letter is then right, and is marked so."""
    letter = upn_check_letter(f"{digits[:-1]}00")
    assert letter is not None
    made = normalise.upn(f"{letter}{digits[:-1]}{zero}{zero}".lower())

    if made.value is not None:
        assert is_upn(made.value)
    if zero == "0":
        assert made.value == f"{letter}{digits[:-1]}00"
    else:
        assert made.sure is not Sure.EXACT


@given(st.text("0123456789OILSB", min_size=10, max_size=10))
def test_no_nhs_number_comes_out_with_a_wrong_check_digit(text: str) -> None:
    """Whatever is put right, the number that comes out is one."""
    made = normalise.nhs_number(text)

    assert made.value is None or is_nhs_number(made.value)


@pytest.mark.parametrize(
    ("text", "value", "sure"),
    [
        ("SW1A 1AA", "SW1A 1AA", Sure.EXACT),
        ("sw1a1aa", "SW1A 1AA", Sure.CONVERTED),
        ("m1 1ae", "M1 1AE", Sure.CONVERTED),
        ("SW1A OAA", "SW1A 0AA", Sure.REPAIRED),
        ("EX4 3PLX", None, Sure.UNREADABLE),
        ("ZZ99 3VZ", "ZZ99 3VZ", Sure.EXACT),
        ("GIR 0AA", "GIR 0AA", Sure.EXACT),
        ("EX4", None, Sure.UNREADABLE),
        ("", None, Sure.UNREADABLE),
    ],
)
def test_a_postcode_in_the_ways_of_systems(text: str, value: str | None, sure: Sure) -> None:
    """One space, capitals, and a letter O that must be a nought; half a postcode is none."""
    made = normalise.postcode(text)

    assert (made.value, made.sure) == (value, sure)
