"""Finding the same child by keyed digests: messy input agrees, different children do not."""

import hashlib
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.matching import (
    DIGEST_BYTES,
    Absent,
    Identity,
    Judgement,
    Key,
    Likeness,
    Mark,
    Sought,
    Verdict,
    identity_of,
    judge,
    keys_of,
    likeness,
)

KEY = bytes(range(32))
NHS, OTHER_NHS = "943 476 5919", "401 023 2137"
NAME, BORN, POSTCODE = "Zofia Kowalska-Łuk", "2015-03-04", "OL16 1XU"
ZOFIA = Identity(names=(NAME,), born_on=(BORN,), postcodes=(POSTCODE,), nhs_numbers=(NHS,))


def keys(identity: Identity | None = None, **said: Any) -> frozenset[Key]:
    """The keys of an identity, or of what an asker wrote."""
    return keys_of(identity or identity_of(Sought(**said)), KEY)


HELD = {"zofia": keys(ZOFIA)}


def verdict(held: dict[str, frozenset[Key]] | None = None, **said: Any) -> Verdict:
    """The verdict on what an asker wrote."""
    return judge(keys(**said), HELD if held is None else held).verdict


@pytest.mark.parametrize("written", ["9434765919", "943 476 5919", "943-476-5919", " 9434765919.0"])
def test_the_same_nhs_number_is_the_same_child(written: str) -> None:
    """However it is written, and whatever the name, a right NHS number tells the reference."""
    found = judge(keys(nhs_number=written, name="S Kowalski", born_on=BORN), HELD)
    assert found == Judgement(Verdict.KNOWN_HERE, ("zofia",))


def test_name_birth_date_and_postcode_together_are_the_same_child() -> None:
    """Three that agree are enough; two are for a person to look at."""
    assert verdict(name=NAME, born_on=BORN, postcode="ol161xu") is Verdict.KNOWN_HERE
    assert verdict(name=NAME, born_on=BORN) is Verdict.POSSIBLY
    assert verdict(name=NAME, born_on=BORN, postcode="M1 1AA") is Verdict.POSSIBLY


@pytest.mark.parametrize(
    ("name", "born"),
    [
        ("ZOFIA KOWALSKA LUK", "04/03/2015"),
        ("Kowalska-Łuk, Zofia", "4 March 2015"),
        ("zofia kowalska luk", "2015-04-03"),
        ("Kowalska Łuk Zofia", "03/04/2015"),
        ("Zosia Kowalska-Luk", BORN),
        ("Z. Kowalska", "2015-04-03"),
    ],
)
def test_messy_input_is_possibly_the_same_child(name: str, born: str) -> None:
    """Diacritics, turned names, swapped days, familiar forms and initials are tolerated."""
    assert verdict(name=name, born_on=born) is Verdict.POSSIBLY


@pytest.mark.parametrize(
    ("name", "born"),
    [("Zofia Kowalska-Łuk", "2016-03-04"), ("Adam Nowak", BORN), ("Zofia Nowak", BORN)],
)
def test_another_child_is_not_known(name: str, born: str) -> None:
    """Another year of birth, or another family name, agrees in nothing."""
    assert verdict(name=name, born_on=born) is Verdict.NOT_KNOWN


def test_numbers_that_differ_outweigh_name_and_address() -> None:
    """Twins in one flat with one initial are two children, and a person may look."""
    said: dict[str, Any] = {"name": NAME, "born_on": BORN, "postcode": POSTCODE}
    assert verdict(nhs_number=OTHER_NHS, **said) is Verdict.POSSIBLY


def test_a_repaired_number_needs_a_person() -> None:
    """A number that was read with a letter for a digit is never taken for certain."""
    assert verdict(nhs_number="9434765919") is Verdict.KNOWN_HERE
    assert verdict(nhs_number="943476S919") is Verdict.POSSIBLY
    assert verdict(nhs_number="9434765910") is Verdict.NOT_KNOWN


def test_two_references_of_one_child_go_to_a_person() -> None:
    """Where the same number stands under two references, neither is told as the one."""
    held = {"b": keys(ZOFIA), "a": keys(ZOFIA)}
    assert judge(keys(nhs_number=NHS), held) == Judgement(Verdict.POSSIBLY, ("a", "b"))


def test_the_number_of_one_child_with_the_name_of_another_goes_to_a_person() -> None:
    """A mix-up is not passed on as certain."""
    adam = Identity(names=("Adam Nowak",), born_on=("2012-01-31",))
    held = {**HELD, "adam": keys(adam)}
    mixed: dict[str, Any] = {"nhs_number": NHS, "name": "Adam Nowak", "born_on": "2012-01-31"}
    assert verdict(held, **mixed) is Verdict.POSSIBLY


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": NAME},
        {"born_on": BORN},
        {"nhs_number": "1234567890"},
        {"nhs_number": "9999999999"},
        {"name": "Unknown", "born_on": BORN},
        {"name": NAME, "born_on": "01/01/1900"},
        {"postcode": POSTCODE},
    ],
)
def test_too_little_gives_no_key(said: dict[str, Any]) -> None:
    """Placeholders, wrong check digits and half of a pair identify nobody."""
    assert keys(**said) == frozenset()
    assert judge(keys(**said), HELD) == Judgement(Verdict.NOT_KNOWN)


def test_an_absent_number_has_a_reason_and_a_given_one_none() -> None:
    """The two reasons of the Act are the only ones; nothing stands for both."""
    assert Sought(nhs_number=NHS).gives_reason
    assert all(Sought(nhs_number_absent=why).gives_reason for why in Absent)
    assert not Sought().gives_reason
    assert not Sought(nhs_number=NHS, nhs_number_absent=Absent.WITHHELD_DETRIMENTAL).gives_reason


def test_a_digest_tells_nothing_without_the_key() -> None:
    """Under another key nothing agrees, and no digest is a hash that anybody could compute."""
    assert likeness(keys(ZOFIA), keys_of(ZOFIA, bytes(32))) is Likeness.NONE
    guesses = {
        hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]
        for text in ("9434765919", "nhs9434765919", f"nhs\x1f{NHS.replace(' ', '')}")
    }
    digests = {key.digest for key in keys(ZOFIA)}
    assert digests.isdisjoint(guesses)
    assert {len(digest) for digest in digests} == {DIGEST_BYTES}
    assert NHS not in repr(ZOFIA)
    assert NAME not in repr(Sought(name=NAME, nhs_number=NHS))


_WORDS = st.lists(
    st.text(st.sampled_from("abcdefghiklmnoprstuwzéłńóśü"), min_size=2, max_size=8),
    min_size=2,
    max_size=4,
    unique=True,
)
_DAYS = st.dates(date(2005, 1, 1), date(2025, 12, 31))


@given(_WORDS, _DAYS, st.data())
def test_every_usual_way_of_writing_one_child_agrees(
    words: list[str], day: date, data: st.DataObject
) -> None:
    """Order, capitals, hyphens, accents and the way round of a date never hide a child."""
    held = keys(name=" ".join(words), born_on=day.isoformat())
    assume(held)
    ordered = data.draw(st.sampled_from(list(permutations(words))))
    joint = data.draw(st.sampled_from([" ", "-", "  "]))
    spelled = data.draw(st.sampled_from([str.upper, str.title, str.lower]))
    written = data.draw(
        st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%m/%d/%Y", "%d.%m.%y"])
    )
    asked = keys(name=spelled(joint.join(ordered)), born_on=day.strftime(written))
    assert likeness(asked, held) >= Likeness.MAYBE
    assert likeness(asked, held) is likeness(held, asked)


@given(_WORDS, _DAYS, _WORDS, _DAYS)
def test_a_child_of_another_year_never_agrees(
    words: list[str], day: date, other: list[str], other_day: date
) -> None:
    """Tolerance never reaches from one year of birth to another."""
    assume(day.year != other_day.year)
    one = keys(name=" ".join(words), born_on=day.isoformat())
    another = keys(name=" ".join(other), born_on=other_day.isoformat())
    assert likeness(one, another) is Likeness.NONE


@given(_WORDS, _DAYS)
def test_without_a_number_and_a_postcode_nobody_is_told_a_reference(
    words: list[str], day: date
) -> None:
    """Name and birth date alone never give more than that a person must look."""
    said: dict[str, Any] = {"name": " ".join(words), "born_on": day.isoformat()}
    assert judge(keys(**said), {"one": keys(**said)}).verdict is not Verdict.KNOWN_HERE
    assert all(key.mark in (Mark.NAME, Mark.LOOSE) for key in keys(**said))
