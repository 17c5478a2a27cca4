"""Sex and ethnicity as systems write them, in the codes of the DfE.

Sources: the CIN census code sets (`contracts.codes`); `GenderCurrent` of earlier returns; NHS Data
Dictionary, ETHNIC CATEGORY, for the letters that health systems write. The spellings are in
`spellings.toml`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, TypeVar

from contracts.codes import Coded, Ethnicity, Sex
from contracts.normalise.base import Normalised, Sure, certain, one_of, unreadable

C = TypeVar("C", bound=Coded)

_MOST: Final = 200
_SPLIT: Final = re.compile(r"\s*[/|;,]\s*|\s+-\s+")
_WHOLE_NUMBER: Final = re.compile(r"([0-9])\.0")

NHS_ETHNIC_CATEGORY: Final[Mapping[str, Ethnicity]] = {
    "A": Ethnicity.WHITE_BRITISH,
    "B": Ethnicity.WHITE_IRISH,
    "C": Ethnicity.WHITE_OTHER,
    "D": Ethnicity.WHITE_AND_CARIBBEAN,
    "E": Ethnicity.WHITE_AND_AFRICAN,
    "F": Ethnicity.WHITE_AND_ASIAN,
    "G": Ethnicity.MIXED_OTHER,
    "H": Ethnicity.INDIAN,
    "J": Ethnicity.PAKISTANI,
    "K": Ethnicity.BANGLADESHI,
    "L": Ethnicity.ASIAN_OTHER,
    "M": Ethnicity.CARIBBEAN,
    "N": Ethnicity.AFRICAN,
    "P": Ethnicity.BLACK_OTHER,
    "R": Ethnicity.CHINESE,
    "S": Ethnicity.OTHER,
    "Z": Ethnicity.REFUSED,
}
"""ETHNIC CATEGORY of the NHS in DfE codes; its 99, not known, is no answer and not listed.

`Z` is "not stated": the person was asked and did not say.
"""


def sex(text: str) -> Normalised[Sex]:
    """Return the DfE code of a sex: `Male`, `m`, `1`, `1.0` and `Male / 1 / M` are all `M`.

    Parts that contradict one another are readings. What people say of gender beyond the three codes
    is unreadable here; it is for a statement of its own.
    """
    code = Sex.read(text)
    if code is not None:
        return certain(code, text)
    plain = _plain(text)
    parts = [_sex_of(plain)] if _sex_of(plain) else [_sex_of(one) for one in _SPLIT.split(plain)]
    found = [part for part in parts if part is not None]
    return one_of(tuple(found), text) if len(found) == len(parts) else unreadable(text)


def ethnicity(text: str) -> Normalised[Ethnicity]:
    """Return the DfE code of an ethnicity in one of the spellings of `spellings.toml`.

    A heading that covers several codes (`White`, `Mixed`) is unsure, with those as readings. A
    single letter is unreadable: give a health system's codes to `nhs_ethnicity`.
    """
    code = Ethnicity.read(text)
    if code is not None:
        return certain(code, text)
    words = _words(text)
    return one_of(_spellings().get(words, ()), text)


def coded(text: str, codes: type[C]) -> Normalised[C]:
    """Return the code of a set that is written in other capitals, as its label, or as both.

    `n2`, `Child's disability` and `N2 - Child's disability` are one; a code beside the label of
    another is unreadable.
    """
    code = codes.read(text)
    if code is not None:
        return certain(code, text)
    if len(text) > _MOST:
        return unreadable(text)
    words = _words(text)
    return one_of(tuple(one for one in codes if words in _ways(one)), text)


def nhs_ethnicity(text: str) -> Normalised[Ethnicity]:
    """Return the DfE code for an ETHNIC CATEGORY of the NHS, which is a letter from A to Z."""
    found = NHS_ETHNIC_CATEGORY.get(text.strip().upper())
    return unreadable(text) if found is None else one_of((found,), text, Sure.CONVERTED)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[:_MOST]).casefold()
    return " ".join(folded.split())


def _sex_of(plain: str) -> Sex | None:
    number = _WHOLE_NUMBER.fullmatch(plain)
    word = number[1] if number else plain.strip(".")
    return Sex.from_gender_current(word) or _SEXES.get(word)


_SEXES: Final[Mapping[str, Sex]] = {
    **dict.fromkeys(("m", "male", "boy", "man", "son"), Sex.MALE),
    **dict.fromkeys(("f", "female", "girl", "woman", "daughter"), Sex.FEMALE),
    **dict.fromkeys(
        ("u", "unknown", "not known", "unborn", "indeterminate", "not specified"), Sex.UNKNOWN
    ),
}


def _words(text: str) -> str:
    """Return the words of a spelling alone: no capitals, marks or signs; `&` and `+` are `and`."""
    plain = _plain(text).replace("&", " and ").replace("+", " and ").replace("'", "")
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split())


@cache
def _ways(code: Coded) -> frozenset[str]:
    """Return the words in which a code of a set may be written."""
    label = code.label
    spelled = (code.value, label, f"{code.value} {label}", f"{label} {code.value}")
    return frozenset(map(_words, spelled))


@cache
def _spellings() -> dict[str, tuple[Ethnicity, ...]]:
    """Return the codes by spelling: those of the file, each code itself, and each code's label."""
    file = resources.files("contracts.normalise").joinpath("spellings.toml")
    made = tomllib.loads(file.read_text(encoding="utf-8"))["ethnicity"]
    found: dict[str, tuple[Ethnicity, ...]] = {}
    for code in Ethnicity:
        for spelling in (code.value, code.label, *made["one"].get(code.value, ())):
            words = _words(spelling)
            found[words] = tuple(dict.fromkeys((*found.get(words, ()), code)))
    for spelling, codes in made["several"].items():
        found[_words(spelling)] = tuple(code for code in Ethnicity if code.value in codes)
    return found
