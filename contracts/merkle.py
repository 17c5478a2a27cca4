"""Merkle trees with the hashing of RFC 9162 §2.1: roots, inclusion and consistency.

A group is a small tree, kept whole (`Tree`). The log only grows: it keeps the hashes of its
complete subtrees, each named by its level and its position there, and the rest follows from them.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Node = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree at a level (0 are the leaves) and a position on it."""

_HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A Merkle tree over the hashes of its leaves, in order; at least one leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Build all levels over `leaves`, each a leaf hash."""
        if not leaves:
            msg = "a tree has at least one leaf"
            raise ValueError(msg)
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            level = [_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
            if len(below) % 2:
                level.append(below[-1])
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """Return the root hash."""
        return self._levels[-1][0]

    @property
    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion proof of the leaf at `index` (RFC 9162 §2.1.3.1)."""
        found: list[bytes] = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                found.append(level[sibling])
            index //= 2
        return tuple(found)


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that `path` leads to from a leaf hash, or None when the path cannot fit.

    The verification of RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    here, last, node = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if here % 2 or here == last:
            node = _node(step, node)
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            node = _node(node, step)
        here, last = here // 2, last // 2
    return node if last == 0 else None


@dataclass(frozen=True, slots=True)
class Made:
    """The hash of a complete subtree that a new leaf has made, and where it stands."""

    level: int
    position: int
    hash: bytes


def grow(size: int, leaf: bytes, node: Node) -> tuple[Made, ...]:
    """Return what a leaf hash makes complete in a tree of `size` leaves: itself, and its parents.

    `node` is asked for the complete subtrees to the left of the new leaf.
    """
    made = [Made(0, size, leaf)]
    while made[-1].position % 2:
        last = made[-1]
        parent = _node(node(last.level, last.position - 1), last.hash)
        made.append(Made(last.level + 1, last.position // 2, parent))
    return tuple(made)


def root_of(size: int, node: Node) -> bytes:
    """Return the root over the first `size` leaves (RFC 9162 §2.1.1); at least one."""
    return _range(0, size, node)


def inclusion(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Return the inclusion proof of leaf `index` among the first `size` (RFC 9162 §2.1.3.1)."""
    start, end = 0, size
    found: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append(_range(middle, end, node))
            end = middle
        else:
            found.append(_range(start, middle, node))
            start = middle
    return tuple(reversed(found))


def consistency(first: int, second: int, node: Node) -> tuple[bytes, ...]:
    """Return the proof that the tree of `second` leaves begins with that of `first`.

    RFC 9162 §2.1.4.1; `0 < first <= second`, and nothing needs proof when they are equal.
    """
    start, end = 0, second
    found: list[bytes] = []
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            found.append(_range(middle, end, node))
            end = middle
        else:
            found.append(_range(start, middle, node))
            start = middle
    if start:
        found.append(_range(start, end, node))
    return tuple(reversed(found))


def is_consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Tell whether `path` proves that the second tree begins with the first.

    The verification of RFC 9162 §2.1.4.2; sizes are numbers of leaves and any may be given.
    """
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    steps = list(path) if first & (first - 1) else [first_root, *path]
    if not steps:
        return False
    here, last = first - 1, second - 1
    while here % 2:
        here, last = here // 2, last // 2
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here % 2 or here == last:
            old, new = _node(step, old), _node(step, new)
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            new = _node(new, step)
        here, last = here // 2, last // 2
    return last == 0 and old == first_root and new == second_root


def is_hash(value: bytes | None) -> bool:
    """Tell whether `value` has the length of a hash."""
    return value is not None and len(value) == _HASH_BYTES


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range(start: int, end: int, node: Node) -> bytes:
    """Return the root over the leaves from `start` to before `end`.

    `start` is a multiple of the smallest power of two that holds the range, as the splits of
    RFC 9162 §2.1 leave it, so that the range falls into complete subtrees.
    """
    parts: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(node(level, start >> level))
        start += 1 << level
    made = parts.pop()
    while parts:
        made = _node(parts.pop(), made)
    return made
