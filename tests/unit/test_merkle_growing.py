"""The growing tree of the log against RFC 9162 §2.1 written down as it stands there."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.merkle import (
    Tree,
    consistency,
    grow,
    inclusion,
    is_consistent,
    leaf_hash,
    root_from,
    root_of,
)

SIZES = range(1, 71)


class Kept:
    """The complete subtrees of a tree that grew leaf by leaf, kept in memory."""

    def __init__(self, size: int) -> None:
        self._nodes: dict[tuple[int, int], bytes] = {}
        for number in range(size):
            for made in grow(number, leaf_hash(entry(number)), self.node):
                self._nodes[made.level, made.position] = made.hash

    def node(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree."""
        return self._nodes[level, position]


def entry(number: int) -> bytes:
    """The entry at an index."""
    return b"entry %d" % number


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(entry(number)) for number in range(size)]


def _hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _head(leaves: list[bytes]) -> bytes:
    """MTH of §2.1.1: the definition, by recursion."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return _hash(_head(leaves[:split]), _head(leaves[split:]))


def _proof(first: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of §2.1.4.1: the definition, by recursion."""
    size = len(leaves)
    if first == size:
        return [] if whole else [_head(leaves)]
    split = 1 << (size - 1).bit_length() - 1
    if first <= split:
        return [*_proof(first, leaves[:split], whole=whole), _head(leaves[split:])]
    return [*_proof(first - split, leaves[split:], whole=False), _head(leaves[:split])]


KEPT = Kept(max(SIZES))


@pytest.mark.parametrize("size", SIZES)
def test_a_grown_tree_has_the_roots_and_paths_of_a_whole_one(size: int) -> None:
    """From complete subtrees alone come the same root and inclusion proofs, at every size."""
    tree = Tree(_leaves(size))
    assert root_of(size, KEPT.node) == tree.root
    for index in range(size):
        assert inclusion(index, size, KEPT.node) == tree.path(index)


@pytest.mark.parametrize("second", SIZES)
def test_consistency_proofs_are_those_of_the_rfc_and_hold(second: int) -> None:
    """Every earlier size is proved to be the beginning, by the path that the definition gives."""
    leaves = _leaves(second)
    for first in range(1, second + 1):
        path = consistency(first, second, KEPT.node)
        assert list(path) == _proof(first, leaves)
        assert is_consistent(first, _head(leaves[:first]), second, _head(leaves), path)


def test_the_worked_example_of_the_rfc() -> None:
    """The proofs of §2.1.5 for a tree of seven leaves come out as printed there."""
    a, b, c, d, e, f, j = _leaves(7)
    g, h, i = _hash(a, b), _hash(c, d), _hash(e, f)
    k, l = _hash(g, h), _hash(i, j)  # noqa: E741 - the RFC's own names
    node = KEPT.node
    assert root_of(7, node) == _hash(k, l)
    assert inclusion(0, 7, node) == (b, h, l)
    assert inclusion(3, 7, node) == (c, g, l)
    assert inclusion(4, 7, node) == (f, j, k)
    assert inclusion(6, 7, node) == (i, k)
    assert consistency(3, 7, node) == (c, d, g, l)
    assert consistency(4, 7, node) == (l,)
    assert consistency(6, 7, node) == (i, j, k)


@given(data=st.data())
def test_a_rewritten_removed_or_added_leaf_is_never_consistent(data: st.DataObject) -> None:
    """Whatever leaf of the beginning differs, no path of the other tree proves it."""
    second = data.draw(st.integers(2, 70))
    first = data.draw(st.integers(1, second - 1))
    at = data.draw(st.integers(0, first - 1))
    leaves = _leaves(second)
    old = _head(leaves[:first])
    rewritten = [*leaves[:at], leaf_hash(b"rewritten"), *leaves[at + 1 :]]
    removed = leaves[:at] + leaves[at + 1 :]
    assert not is_consistent(first, old, second, _head(rewritten), _proof(first, rewritten))
    if len(removed) >= first:
        path = _proof(first, removed)
        assert not is_consistent(first, old, len(removed), _head(removed), path)


@given(data=st.data())
def test_a_bent_consistency_path_proves_nothing(data: st.DataObject) -> None:
    """A step changed, left out, added or in another place makes the proof fail."""
    second = data.draw(st.integers(2, 70))
    first = data.draw(st.integers(1, second - 1))
    leaves = _leaves(second)
    old, new, path = _head(leaves[:first]), _head(leaves), _proof(first, leaves)
    at = data.draw(st.integers(0, len(path) - 1))
    other = leaf_hash(b"other")
    for bent in (
        [*path[:at], other, *path[at + 1 :]],
        path[:at] + path[at + 1 :],
        [*path[:at], other, *path[at:]],
        [*path, other],
    ):
        assert not is_consistent(first, old, second, new, bent)
    swapped = path[::-1]
    assert swapped == path or not is_consistent(first, old, second, new, swapped)


@given(
    first=st.integers(-3, 80),
    second=st.integers(-3, 80),
    steps=st.integers(0, 9),
    hit=st.booleans(),
)
def test_no_sizes_make_it_raise(first: int, second: int, steps: int, hit: bool) -> None:
    """Whatever sizes and steps a proof names, the answer is yes or no."""
    root = leaf_hash(b"root")
    path = [root if hit else leaf_hash(b"y")] * steps
    assert is_consistent(first, root, second, root, path) in (True, False)
    if not 0 < first <= second:
        assert not is_consistent(first, root, second, root, path)


def test_an_inclusion_path_of_the_grown_tree_leads_to_its_root() -> None:
    """What the log proves of a leaf is what the verifier of groups accepts too."""
    for size in (1, 2, 7, 64, 69):
        for index in range(size):
            path = inclusion(index, size, KEPT.node)
            root = root_of(size, KEPT.node)
            assert root_from(leaf_hash(entry(index)), index, size, path) == root
