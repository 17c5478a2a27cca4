"""Checks of the numbers that health and education give a child: NHS number and UPN.

Each check answers with the first flaw it finds, or None; none of them raises or keeps the number.
"""

import re
from enum import StrEnum


class NumberFlaw(StrEnum):
    """Say what is wrong with a number."""

    FORM = "form"
    CHECK = "check"
    PLACEHOLDER = "placeholder"


_NHS_FORM = re.compile(r"[0-9]{10}|[0-9]{3} [0-9]{3} [0-9]{4}")
_UPN_FORM = re.compile(r"[A-Za-z][0-9]{11}[0-9A-HJ-NP-RT-Za-hj-np-rt-z]")

_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
"""Letter for each remainder 0 to 22; I, O and S are left out because they look like digits."""


def nhs_number_flaw(number: str) -> NumberFlaw | None:
    """Return what is wrong with an NHS number, or None where nothing is.

    Take ten digits, or ten written 3-3-4 with spaces. The tenth is 11 less the weighted sum
    (weights 10 down to 2) modulo 11, where 11 counts as 0 and 10 belongs to no number. Ten times
    the same digit satisfies that arithmetic and is nobody's number, so it is a placeholder.
    Source: NHS Data Dictionary, NHS NUMBER.
    """
    if _NHS_FORM.fullmatch(number) is None:
        return NumberFlaw.FORM
    digits = [int(digit) for digit in number if digit != " "]
    if len(set(digits)) == 1:
        return NumberFlaw.PLACEHOLDER
    weighted = sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=False))
    # A remainder of 1 asks for a check digit of 10, which no digit equals.
    return None if (11 - weighted % 11) % 11 == digits[9] else NumberFlaw.CHECK


def upn_check_letter(body: str) -> str | None:
    """Return the check letter for the twelve characters after it, or None if they are no UPN.

    The letter is the sum of each digit times its place (2 to 13) modulo 23. In a temporary UPN the
    last character is a letter and counts as its own place in the same alphabet (A is 0, Z is 22).
    Source: DfE, Unique pupil numbers guidance; CIN rules 1510 and 1550.
    """
    if _UPN_FORM.fullmatch("A" + body) is None:
        return None
    values = [int(mark) if mark.isdigit() else _UPN_LETTERS.index(mark) for mark in body.upper()]
    total = sum(place * value for place, value in enumerate(values, start=2))
    return _UPN_LETTERS[total % len(_UPN_LETTERS)]


def upn_flaw(upn: str) -> NumberFlaw | None:
    """Return what is wrong with a unique pupil number, temporary ones included, or None.

    The census schema allows letters in either case, so both are read alike. Whether characters
    2 to 4 name a local authority (rule 1530) is not checked: authorities come and go.
    """
    if _UPN_FORM.fullmatch(upn) is None:
        return NumberFlaw.FORM
    return None if upn_check_letter(upn[1:]) == upn[0].upper() else NumberFlaw.CHECK


def is_nhs_number(number: str) -> bool:
    """Tell whether `number` is a well-formed NHS number with the right check digit."""
    return nhs_number_flaw(number) is None


def is_upn(upn: str) -> bool:
    """Tell whether `upn` is a well-formed UPN with the right check letter."""
    return upn_flaw(upn) is None
