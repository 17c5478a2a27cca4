"""Numbers and postcodes as systems write them: NHS number, unique pupil number, postcode.

Sources: the checks of `contracts.codes.identifiers`; for postcodes BS 7666 as the Office for
National Statistics describes the forms in its Postcode Directory guide.
"""

import re
from collections.abc import Callable
from itertools import product
from typing import Final

from contracts.codes import is_nhs_number, is_upn
from contracts.normalise.base import Normalised, Sure, certain, one_of, unreadable

_SEPARATORS: Final = re.compile(r"[\s\-._/]+")
_SHEET_NUMBER: Final = re.compile(r"([0-9]{10})\.0")
_MOST: Final = 64
_MOST_DOUBTS: Final = 3
_DIGIT_FOR: Final = {"O": "0", "I": "1", "L": "1", "S": "5", "B": "8", "Z": "2"}
_LETTER_FOR: Final = {"0": "O", "1": "I", "5": "S", "8": "B"}
_POSTCODE: Final = re.compile(
    r"(?:[A-PR-UWYZ][0-9]{1,2}|[A-PR-UWYZ][A-HK-Y][0-9]{1,2}|[A-PR-UWYZ][0-9][A-HJKPSTUW]"
    r"|[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]|GIR)"
    r" [0-9][ABD-HJLNP-UW-Z]{2}|ZZ99 [0-9][A-Z]{2}"
)


def nhs_number(text: str) -> Normalised[str]:
    """Return an NHS number as ten digits; spaces, hyphens, dots and a sheet's `.0` are left out.

    Letters that look like digits are read as these only where one such number has a right check
    digit. A wrong check digit and a placeholder are unreadable.
    """
    sheet = _SHEET_NUMBER.fullmatch(text.strip())
    bare = sheet[1] if sheet else _bare(text)
    return _checked(bare, text, "9" * 10, is_nhs_number)


def upn(text: str) -> Normalised[str]:
    """Return a unique pupil number in capitals without separators.

    O for 0 and the like are put right only where one such number has the right check letter. A
    wrong check letter is unreadable.
    """
    return _checked(_bare(text), text, "A" + "9" * 11 + "?", is_upn)


def postcode(text: str) -> Normalised[str]:
    """Return a postcode in capitals with one space before its last three characters.

    O for 0 and the like are put right where the forms of postcodes leave one reading. Only the form
    is looked at: whether there is such a postcode is for a gazetteer. `ZZ99` is the NHS's
    for no fixed abode and the like.
    """
    bare = _bare(text)
    whole = _spaced(bare)
    if _POSTCODE.fullmatch(whole):
        return certain(whole, text)
    readings = tuple(
        code
        for length in ("A9", "A99", "AA9", "AA99", "A9A", "AA9A")
        for code in map(_spaced, _alike(bare, length + "9AA"))
        if _POSTCODE.fullmatch(code)
    )
    return one_of(readings, text, Sure.REPAIRED)


def _checked(bare: str, text: str, form: str, is_right: Callable[[str], bool]) -> Normalised[str]:
    if is_right(bare):
        return certain(bare, text)
    if len(bare) != len(form):
        return unreadable(text)
    return one_of(tuple(n for n in _alike(bare, form) if is_right(n)), text, Sure.REPAIRED)


def _bare(text: str) -> str:
    return _SEPARATORS.sub("", text.strip().upper()) if len(text) <= _MOST else ""


def _spaced(bare: str) -> str:
    return f"{bare[:-3]} {bare[-3:]}"


def _alike(bare: str, form: str) -> list[str]:
    """Return what `bare` says where signs that look alike are taken as `form` wants them.

    `9` wants a digit, `A` a letter, `?` either. At most three signs may be in doubt.
    """
    if len(bare) != len(form):
        return []
    choices = [_choices(sign, wanted) for sign, wanted in zip(bare, form, strict=True)]
    changed = sum(sign not in could for sign, could in zip(bare, choices, strict=True))
    if not all(choices) or changed > _MOST_DOUBTS:
        return []
    return ["".join(signs) for signs in product(*choices)]


def _choices(sign: str, wanted: str) -> tuple[str, ...]:
    if not sign.isascii():
        return ()
    if wanted == "9":
        return (sign,) if sign.isdigit() else tuple(_DIGIT_FOR.get(sign, ""))
    if wanted == "A":
        return (sign,) if sign.isalpha() else tuple(_LETTER_FOR.get(sign, ""))
    return tuple({sign, _DIGIT_FOR.get(sign, sign)})
