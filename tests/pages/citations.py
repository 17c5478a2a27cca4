"""Which paragraphs of the guidance (003) a citation names."""

import re
from collections.abc import Iterable
from typing import Final

_NUMBER: Final = r"[1-5]\.[1-9]"
_RANGE: Final = re.compile(rf"({_NUMBER})\s*(?:-|to)\s*({_NUMBER})")
_ONE: Final = re.compile(rf"(?<![\d.])({_NUMBER})(?![\d.]\d)")
_SOURCES: Final = re.compile(r";")
_GUIDANCE: Final = re.compile(r"003|Rochdale|paragraph", re.IGNORECASE)


def paragraphs_of(citation: str, known: Iterable[str], *, guidance: bool = False) -> frozenset[str]:
    """Return those of `known` that `citation` names, such as `003 §§2.1-2.5; 000 l.75`.

    `guidance` says that the citation is of the guidance even where it does not say so.
    """
    order = tuple(known)
    found: set[str] = set()
    for part in _SOURCES.split(citation):
        if not guidance and not _GUIDANCE.search(part):
            continue
        for first, last in _RANGE.findall(part):
            if first in order and last in order:
                found |= set(order[order.index(first) : order.index(last) + 1])
        found |= set(_ONE.findall(part)) & set(order)
    return frozenset(found)
