"""Withholding small numbers, and whatever would give them away by subtraction. Pure.

Counts of 1 to 5 are withheld from a reader who is not entitled to them; 0 says nothing of anybody.
Counts that add up form a tree: a total, its parts, their parts. Who reads a total less the parts
shown learns the sum of those withheld, so at least two must be withheld, more than 5 together; the
next smallest part is withheld with a small one, and where there is none, the total. In a tree this
is all that can be learned: every withheld part lies below exactly one lowest total shown.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

SMALL: Final = 5
_AT_LEAST: Final = 2

Key = Hashable


@dataclass(frozen=True, slots=True)
class Node:
    """A count and the parts that add up to it; a count without parts is a leaf.

    `rank` is the node's place in the table: of equal counts the earlier one is withheld.
    """

    key: Key
    count: int
    parts: tuple["Node", ...] = ()
    rank: int = 0


def withheld(trees: Iterable[Node], also: frozenset[Key] = frozenset()) -> frozenset[Key]:
    """Return the keys of the counts that a reader who is not entitled may not see.

    Those of `also` are withheld for another reason, and what would give them away with them.
    """
    return frozenset(key for tree in trees for key in _withheld(tree, also))


def _withheld(tree: Node, also: frozenset[Key]) -> set[Key]:
    gone = {n.key for n in _all(tree) if 0 < n.count <= SMALL or n.key in also}
    while True:
        unsafe = next((n for n in _all(tree) if n.key not in gone and _gives_away(n, gone)), None)
        if unsafe is None:
            return gone
        shown = [n for n in _near_leaves(unsafe, gone) if n.key not in gone and n.count > 0]
        gone.add(min(shown, key=lambda n: (n.count, n.rank)).key if shown else unsafe.key)


def _gives_away(total: Node, gone: set[Key]) -> bool:
    """Tell whether `total`, which is shown, lets anybody work out what is withheld below it."""
    hidden = [n.count for n in _near_leaves(total, gone) if n.key in gone]
    return bool(hidden) and (len(hidden) < _AT_LEAST or sum(hidden) <= SMALL)


def _near_leaves(node: Node, gone: set[Key]) -> Iterator[Node]:
    """Yield the leaves below `node` with no shown subtotal between."""
    for part in node.parts:
        if not part.parts:
            yield part
        elif part.key in gone:
            yield from _near_leaves(part, gone)


def _all(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from _all(part)
