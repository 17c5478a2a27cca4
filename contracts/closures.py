"""How long an agency may be closed, so that what is owed there falls due in a foreseeable time.

A clock that runs by an agency's own calendar stands still on its closed days.
"""

from collections.abc import Iterable
from typing import Final

from contracts.directory_entries import Closure

LONGEST: Final = 400
"""More days than these nobody is closed, unless it is open for as many in between."""

_Days = tuple[int, int]
"""A first and a last day, as ordinals of the calendar."""


def honoured(closures: Iterable[Closure]) -> tuple[Closure, ...]:
    """Return the closures that count, by their first day: each as long as the rule allows it.

    The rule is `LONGEST` closed days (local dates) at a stretch. Closures with fewer days open
    between them than closed in them are one stretch: a day open now and then moves no clock on. One
    that ends before it begins closes nothing, and does not count.
    """
    kept: list[Closure] = []
    spans: list[_Days] = []
    for closure in sorted(closures, key=lambda one: (one.first, one.last)):
        if closure.last < closure.first:
            continue
        # A day of two closures is closed once.
        reached = spans[-1][1] if spans else 0
        span = max(closure.first.toordinal(), reached + 1), closure.last.toordinal()
        if span[1] > reached:
            if _too_long([*spans, span]):
                continue
            spans.append(span)
        kept.append(closure)
    return tuple(kept)


def too_long(closures: Iterable[Closure]) -> bool:
    """Tell whether any of the closures does not count because the agency is closed too long."""
    ordered = [one for one in closures if one.first <= one.last]
    return len(honoured(ordered)) < len(ordered)


def _too_long(spans: list[_Days]) -> bool:
    """Tell whether a stretch that ends with the last of the spans, which do not meet, is too long.

    Those before the last are right by themselves.
    """
    end, closed = spans[-1][1], 0
    for first, last in reversed(spans):
        closed += last - first + 1
        still_open = end - first + 1 - closed
        if closed > LONGEST and still_open < closed:
            return True
    return False
