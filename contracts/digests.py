"""Which digests stand in the seals about a child, as its journey remembers them (ADR 0017).

A journey keeps the first eight characters, 48 bits, of every digest that an accepted message's seal
names, decoys too, in one text per message: enough to find that a correction names nothing, and
nothing that tells what was said, since every digest is salted (RFC 9901 §4.2.3).
"""

from collections.abc import Iterable
from typing import Final

_SHORT: Final = 8
_MOST: Final = 32_768
"""Characters that a journey keeps, 4,096 digests; what is older is let go."""

LET_GO: Final = ""
"""Stands first where digests are missing: then no digest can be shown to be unknown."""


def remembered(kept: tuple[str, ...], digests: Iterable[str]) -> tuple[str, ...]:
    """Return what is kept after a message whose seal names `digests`; the oldest are let go."""
    new = "".join(digest[:_SHORT] for digest in digests)
    if not new:
        return kept
    after = (*kept, new)
    if sum(map(len, after)) <= _MOST:
        return after
    while after and sum(map(len, after)) > _MOST:
        after = after[1:]
    return (LET_GO, *after)


def may_stand(kept: tuple[str, ...], digest: str) -> bool:
    """Tell whether a seal may name `digest`: False only where it is certain that none does."""
    short = digest[:_SHORT]
    return any(
        text == LET_GO or any(text.startswith(short, at) for at in range(0, len(text), _SHORT))
        for text in kept
    )
