"""Hostile evidence files: each made from an honest one by one defect, for which it is named."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from contracts.evidence import Code, Evidence, dump
from tests.evidence.base import Base

Make = Callable[[Base], Evidence | bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """A defect by name, what it is, the code with which it must be caught, and how it is made.

    `believes` reads it without a root key of the reader's own, `knows` with the newest directory,
    `keeps` gives the receipt or file that its reader kept.
    """

    name: str
    code: Code
    make: Make
    believes: bool = False
    knows: bool = False
    keeps: Callable[[Base], bytes] | None = None

    @property
    def defect(self) -> str:
        """Say what was done, as its maker's docstring does."""
        return (self.make.__doc__ or "").strip().rstrip(".")

    def data(self, base: Base) -> bytes:
        """Make the bytes of the file."""
        made = self.make(base)
        return made if isinstance(made, bytes) else dump(made)


CASES: Final[list[Case]] = []
"""Every hostile file, in the order in which they are registered."""


def case(
    code: Code,
    *,
    believes: bool = False,
    knows: bool = False,
    keeps: Callable[[Base], bytes] | None = None,
) -> Callable[[Make], Make]:
    """Register the maker of a hostile file, named as its function is, with `-` for `_`."""

    def register(make: Make) -> Make:
        name = make.__name__.replace("_", "-")
        CASES.append(Case(name, code, make, believes=believes, knows=knows, keeps=keeps))
        return make

    return register


def cases() -> tuple[Case, ...]:
    """Return every hostile file there is."""
    from tests.evidence import (  # noqa: F401, PLC0415 - they register themselves
        hostile_bytes,
        hostile_clocks,
        hostile_decisions,
        hostile_journeys,
        hostile_kept,
        hostile_logs,
        hostile_references,
        hostile_rewriting,
    )

    return tuple(CASES)
