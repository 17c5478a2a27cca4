"""What every code set has in common: a code of the standard and the words people read for it."""

from enum import StrEnum
from typing import Self


class Coded(StrEnum):
    """Be the code itself as text, with its label beside it.

    A member equals its code, so it goes into JSON as the standard writes it.
    """

    label: str

    def __new__(cls, code: str, label: str) -> Self:
        """Make a member from the standard's `code` and the `label` shown to people."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the member whose code is exactly `text`, or None where there is none."""
        return next((member for member in cls if member.value == text), None)
