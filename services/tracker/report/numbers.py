"""The arithmetic of a report: medians, percentiles, shares, a sample drawn from a seed. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from statistics import median
from typing import Final

_HOUR_S: Final = 3600
_NINETY: Final = 0.9


def hours(since: datetime, until: datetime) -> float:
    """Return the elapsed hours between two aware instants, never below 0; nights count too."""
    return max(0.0, (until - since).total_seconds() / _HOUR_S)


def middle(lengths: Sequence[float]) -> float | None:
    """Return the median, to one decimal; None of nothing."""
    return round(median(lengths), 1) if lengths else None


def ninetieth(lengths: Sequence[float]) -> float | None:
    """Return the smallest length that at least nine in ten do not exceed, to one decimal.

    It is one of the lengths itself (nearest rank), so that no value is reported that nobody met
    with. None of nothing.
    """
    if not lengths:
        return None
    rank = ceil(round(_NINETY * len(lengths), 9))
    return round(sorted(lengths)[rank - 1], 1)


def share(part: int, whole: int) -> float | None:
    """Return `part` of `whole` in percent, to one decimal; None where there is no whole."""
    return round(100 * part / whole, 1) if whole else None


def drawn(children: Iterable[str], seed: str, size: int) -> tuple[str, ...]:
    """Return at most `size` of `children`, drawn by `seed`: the same for whoever draws again.

    Each reference is as likely as any other, and one drawn stays drawn when `size` grows.
    """

    def place(child: str) -> bytes:
        return hashlib.sha256(f"{seed}\n{child}".encode()).digest()

    return tuple(sorted(set(children), key=place)[:size])
