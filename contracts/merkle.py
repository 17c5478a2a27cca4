"""Merkle trees with the hashing of RFC 9162 §2.1: one root per group, a path for every leaf."""

import hashlib
from collections.abc import Sequence


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
