"""What an agency decided not to share, and which of its people must not know. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.identifiers import agency_of
from contracts.questions import Category


def people_of(must_not_know: Iterable[str], agency: str) -> tuple[str, ...]:
    """Return the practitioners of `agency` among those who must not know; groups are left out."""
    return tuple(one for one in must_not_know if "." in one and agency_of(one) == agency)


@dataclass(frozen=True, slots=True)
class NotShared:
    """That the agency `by` decided not to share with the agency `to`: of what, all where empty."""

    by: str
    to: str
    of: tuple[Category, ...] = ()


def keeps_back(kept: Iterable[NotShared], by: str, to: str, category: Category) -> bool:
    """Tell whether `by` decided not to share that category with `to`."""
    return any((n.by, n.to) == (by, to) and (not n.of or category in n.of) for n in kept)


def with_not_shared(
    kept: tuple[NotShared, ...], by: str, to: Iterable[str], of: tuple[Category, ...]
) -> tuple[NotShared, ...]:
    """Return what is kept back after `by` decided to share those categories with none of `to`."""
    after = {(n.by, n.to): n for n in kept}
    for agency in to:
        before = after.get((by, agency))
        everything = not of or (before is not None and not before.of)
        both = () if everything else tuple(dict.fromkeys((*(before.of if before else ()), *of)))
        after[by, agency] = NotShared(by, agency, both)
    return tuple(after.values())


def without_not_shared(
    kept: tuple[NotShared, ...], by: str, to: Iterable[str], of: tuple[Category, ...]
) -> tuple[NotShared, ...]:
    """Return what is kept back after `by` ended that decision towards `to`; all of it if empty."""
    ended, left = set(to), list[NotShared]()
    for one in kept:
        if one.by != by or one.to not in ended:
            left.append(one)
            continue
        still = tuple(c for c in (one.of or tuple(Category)) if of and c not in of)
        if still:
            left.append(NotShared(one.by, one.to, still))
    return tuple(left)


def not_shared(made: Iterable[Mapping[str, Any]]) -> tuple[NotShared, ...]:
    """Return the values of their compact form in a journey."""
    return tuple(
        NotShared(one["by"], one["to"], tuple(Category(c) for c in one["of"])) for one in made
    )
