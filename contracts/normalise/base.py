"""What normalising gives: a value in the standard's form, what was written, and how sure that is.

Normalising is a pure function of the text. It never raises on what a system exported, and it never
chooses between two readings: then there is no value, and the readings go to a person.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Sure(StrEnum):
    """Say how a value came out of a text.

    `exact`: it stood there in the standard's form. `converted`: a rule or table has one reading for
    it. `repaired`: it is wrong as written, and one usual slip explains it in one way only.
    `unsure`: there are several readings. `unreadable`: there is none.
    """

    EXACT = "exact"
    CONVERTED = "converted"
    REPAIRED = "repaired"
    UNSURE = "unsure"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Normalised(Generic[T]):
    """A text, normalised: `value` is None exactly where `sure` is `unsure` or `unreadable`.

    `original` is the text as it was given. `readings` are what it may mean where that is unsure,
    and empty otherwise. What is held is about a child, so none of it stands in the `repr`.
    """

    value: T | None = field(repr=False)
    original: str = field(repr=False)
    sure: Sure
    readings: tuple[T, ...] = field(default=(), repr=False)

    @property
    def for_a_person(self) -> bool:
        """Tell whether a person has to look: something was repaired, or nothing is certain."""
        return self.sure in {Sure.REPAIRED, Sure.UNSURE, Sure.UNREADABLE}


def certain(value: T, original: str, *, as_written: bool | None = None) -> Normalised[T]:
    """Return the only reading of `original`; `exact` where it equals `value` or as is told."""
    exact = value == original if as_written is None else as_written
    return Normalised(value, original, Sure.EXACT if exact else Sure.CONVERTED)


def one_of(readings: tuple[T, ...], original: str, one: Sure = Sure.CONVERTED) -> Normalised[T]:
    """Return the only reading at the sureness `one`, several as unsure, none as unreadable."""
    different = tuple(dict.fromkeys(readings))
    if len(different) == 1:
        return Normalised(different[0], original, one)
    return Normalised(None, original, Sure.UNSURE if different else Sure.UNREADABLE, different)


def unreadable(original: str) -> Normalised[T]:
    """Return that nothing can be read in `original`."""
    return Normalised(None, original, Sure.UNREADABLE)
