"""Finding the same child without a register: keyed digests that agree, or do not.

A digest is HMAC-SHA-256 (RFC 2104) under the partnership's matching key, cut to 128 bits (§5
there). The story service alone holds the key, so that nobody else can tell from a digest whose it
is, nor make one. What is told is a verdict and at most a reference, never who or what a child is.

The marks follow the NHS number as the identifier meant by the Children Act 2004 s.16LC, and the
rules of DfE's SUI Matcher: exact name and birth date, day and month swapped, postcode.
"""

import hmac
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Final, NamedTuple, TypeVar

from pydantic import Field, StringConstraints

from contracts import normalise
from contracts.normalise import Normalised
from contracts.values import Value

DIGEST_BYTES: Final = 16
KEY_BYTES: Final = 32
_MOST_SPELLINGS: Final = 4
_MOST_FAMILY_NAMES: Final = 4
_SEPARATOR: Final = "\x1f"
_IN_ADDRESS: Final = re.compile(r"\b[A-Za-z]{1,2}[0-9][A-Za-z0-9]?\s*[0-9][A-Za-z]{2}\b")

T = TypeVar("T")
Written = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Mark(IntEnum):
    """What a digest stands for; those of `LOOSE` are for a person to look at."""

    NHS_NUMBER = 1
    UPN = 2
    PLACE = 3
    NAME = 4
    LOOSE = 5


class Key(NamedTuple):
    """A digest and what it stands for."""

    mark: Mark
    digest: bytes


class Absent(StrEnum):
    """Why an identifier is not given (Children Act 2004 s.16LC(7)-(8))."""

    UNKNOWN_WOULD_DELAY = "unknown_would_delay"
    WITHHELD_DETRIMENTAL = "withheld_detrimental"


class Sought(Value):
    """What an asker has of a child, as written; `nhs_number_absent` says why that is not given."""

    nhs_number: Written | None = Field(default=None, repr=False)
    nhs_number_absent: Absent | None = None
    upn: Written | None = Field(default=None, repr=False)
    name: Written | None = Field(default=None, repr=False)
    born_on: Written | None = Field(default=None, repr=False)
    postcode: Written | None = Field(default=None, repr=False)

    @property
    def gives_reason(self) -> bool:
        """Tell whether either the NHS number is given or the reason why it is not."""
        return (self.nhs_number is None) != (self.nhs_number_absent is None)


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that is written of a child's identity, each in every spelling there is."""

    nhs_numbers: tuple[str, ...] = field(default=(), repr=False)
    upns: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    born_on: tuple[str, ...] = field(default=(), repr=False)
    postcodes: tuple[str, ...] = field(default=(), repr=False)


class Verdict(StrEnum):
    """What an asker is told."""

    KNOWN_HERE = "known_here"
    POSSIBLY = "possibly"
    NOT_KNOWN = "not_known"


class Likeness(IntEnum):
    """How much two sets of keys agree."""

    NONE = 0
    MAYBE = 1
    SAME = 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the references behind it: one where the child is known, any where possibly."""

    verdict: Verdict
    children: tuple[str, ...] = ()


def identity_of(sought: Sought) -> Identity:
    """Return what an asker has as an identity."""
    return Identity(
        nhs_numbers=_one(sought.nhs_number),
        upns=_one(sought.upn),
        names=_one(sought.name),
        born_on=_one(sought.born_on),
        postcodes=_one(sought.postcode),
    )


def keys_of(identity: Identity, matching_key: bytes) -> frozenset[Key]:
    """Return the keys of an identity under `matching_key`; none where too little is written.

    What had to be repaired or has two readings gives loose keys only: a person must look.
    """
    return frozenset(
        Key(mark, _digest(matching_key, label, *parts))
        for mark, label, parts in (*_numbers(identity), *_names(identity))
    )


def likeness(asked: frozenset[Key], held: frozenset[Key]) -> Likeness:
    """Return how much two children's keys agree.

    The same NHS number is the same child, and the same UPN where no NHS number speaks against it;
    so are the same name, birth date and postcode where no number does. Everything else that agrees
    in one digest at least may be.
    """
    both = asked & held
    marks = {key.mark for key in both}
    nhs_differs = _differ(Mark.NHS_NUMBER, asked, held)
    upn_differs = _differ(Mark.UPN, asked, held)
    if Mark.NHS_NUMBER in marks or (Mark.UPN in marks and not nhs_differs):
        return Likeness.SAME
    if Mark.PLACE in marks and not nhs_differs and not upn_differs:
        return Likeness.SAME
    common = {key.digest for key in asked} & {key.digest for key in held}
    return Likeness.MAYBE if common else Likeness.NONE


def judge(asked: frozenset[Key], held: Mapping[str, frozenset[Key]]) -> Judgement:
    """Return the verdict on `asked` against the keys of children by reference.

    Where two references are the same child, or the number is one child's and the name another's, a
    person must look.
    """
    found = {child: likeness(asked, keys) for child, keys in held.items()}
    same = sorted(child for child, like in found.items() if like is Likeness.SAME)
    alike = tuple(sorted(child for child, like in found.items() if like is not Likeness.NONE))
    if not alike:
        return Judgement(Verdict.NOT_KNOWN)
    if len(same) == 1 and not _crossed(asked, held, same[0]):
        return Judgement(Verdict.KNOWN_HERE, (same[0],))
    return Judgement(Verdict.POSSIBLY, alike)


def _crossed(asked: frozenset[Key], held: Mapping[str, frozenset[Key]], same: str) -> bool:
    """Tell whether the name asked for is not this child's at all and exactly another's."""
    named = {key for key in asked if key.mark is Mark.NAME}
    tolerated = {key.digest for key in asked if key.mark in (Mark.NAME, Mark.LOOSE)}
    if not named or tolerated & {key.digest for key in held[same]}:
        return False
    return any(named & keys for child, keys in held.items() if child != same)


def _differ(mark: Mark, asked: frozenset[Key], held: frozenset[Key]) -> bool:
    """Tell whether both have keys of that mark and share none."""
    ours, theirs = ({k for k in keys if k.mark is mark} for keys in (asked, held))
    return bool(ours) and bool(theirs) and not ours & theirs


_Part = tuple[Mark, str, tuple[str, ...]]


def _numbers(identity: Identity) -> Iterator[_Part]:
    for mark, label, written, read in (
        (Mark.NHS_NUMBER, "nhs", identity.nhs_numbers, normalise.nhs_number),
        (Mark.UPN, "upn", identity.upns, normalise.upn),
    ):
        for text in written[:_MOST_SPELLINGS]:
            for value, sure in _readings(read(text)):
                yield (mark if sure else Mark.LOOSE), label, (value,)


def _names(identity: Identity) -> Iterator[_Part]:
    """Yield what stands for a name with a birth date, and with a postcode, for every spelling."""
    names = _all(map(normalise.comparable_name, identity.names[:_MOST_SPELLINGS]))
    names = [(name, sure) for name, sure in names if name]
    days = _all(map(normalise.birth_date, identity.born_on[:_MOST_SPELLINGS]))
    codes = _all(map(_postcode, identity.postcodes[:_MOST_SPELLINGS]))
    for name, name_sure in names:
        for day, day_sure in days:
            sure, exact = name_sure and day_sure, (name, day.isoformat())
            yield (Mark.NAME if sure else Mark.LOOSE), "name", exact
            yield from ((Mark.LOOSE, label, parts) for label, parts in _tolerant(name, day))
            for code, code_sure in codes:
                yield (Mark.PLACE if sure and code_sure else Mark.LOOSE), "place", (*exact, code)


def _postcode(written: str) -> Normalised[str]:
    """Return the postcode, which may be the last one of a whole address."""
    found = _IN_ADDRESS.findall(written)
    return normalise.postcode(found[-1] if found else written)


def _tolerant(name: str, day: date) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what survives swapped days and names, a familiar form, and an initial alone."""
    parts = name.split()
    # The same whichever of the two is the month.
    born = f"{day.year}-{min(day.month, day.day)}-{max(day.month, day.day)}"
    yield "order", (" ".join(sorted(parts)), born)
    given, family = parts[0], parts[1:]
    initials = {given[0], nicknames().get(given, given)[0]}
    for surname in family[-_MOST_FAMILY_NAMES:]:
        yield from (("initial", (initial, surname, born)) for initial in initials)


def _one(written: str | None) -> tuple[str, ...]:
    return (written,) if written else ()


def _all(read: Iterable[Normalised[T]]) -> list[tuple[T, bool]]:
    return [reading for one in read for reading in _readings(one)]


def _readings(
    read: Normalised[T],
) -> tuple[tuple[T, bool], ...]:
    """Return the readings of a text, each with whether it is certain."""
    if read.value is not None:
        return ((read.value, not read.for_a_person),)
    return tuple((one, False) for one in read.readings)


@cache
def nicknames() -> dict[str, str]:
    """Return familiar forms of given names and the names they stand for, in compared form."""
    text = resources.files("contracts").joinpath("nicknames.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text))


def _digest(key: bytes, label: str, *parts: str) -> bytes:
    text = _SEPARATOR.join((label, *parts))
    return hmac.digest(key, text.encode(), "sha256")[:DIGEST_BYTES]
