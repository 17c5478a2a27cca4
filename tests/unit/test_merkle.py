"""Merkle trees against RFC 9162 §2.1 written down as it stands there, for every size up to 70."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.merkle import Tree, leaf_hash, root_from

SIZES = range(1, 71)


def _head(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1: the definition, by recursion."""
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = _split(len(entries))
    return hashlib.sha256(b"\x01" + _head(entries[:split]) + _head(entries[split:])).digest()


def _path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1: the definition, by recursion."""
    if len(entries) == 1:
        return []
    split = _split(len(entries))
    if index < split:
        return [*_path(index, entries[:split]), _head(entries[split:])]
    return [*_path(index - split, entries[split:]), _head(entries[:split])]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def _tree(size: int) -> Tree:
    return Tree([leaf_hash(entry) for entry in _entries(size)])


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_paths_are_those_of_the_rfc(size: int) -> None:
    """Root and every inclusion path are what the recursive definition gives."""
    entries, tree = _entries(size), _tree(size)
    assert (tree.size, tree.root) == (size, _head(entries))
    for index in range(size):
        assert list(tree.path(index)) == _path(index, entries)


@pytest.mark.parametrize("size", SIZES)
def test_every_path_leads_to_the_root_and_only_from_its_own_leaf(size: int) -> None:
    """A path proves its leaf at its index; at another index or for another leaf it does not."""
    entries, tree = _entries(size), _tree(size)
    for index, entry in enumerate(entries):
        path = tree.path(index)
        assert root_from(leaf_hash(entry), index, size, path) == tree.root
        assert root_from(leaf_hash(b"another"), index, size, path) != tree.root
        assert root_from(leaf_hash(entry), (index + 1) % size, size, path) != tree.root or size == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_path_of_another_length_proves_nothing(size: int) -> None:
    """A step left out or added is noticed, whatever it holds."""
    entries, tree = _entries(size), _tree(size)
    for index, entry in enumerate(entries):
        leaf, path = leaf_hash(entry), tree.path(index)
        assert root_from(leaf, index, size, (*path, tree.root)) is None
        if path:
            assert root_from(leaf, index, size, path[:-1]) is None
            assert root_from(leaf, index, size, path[1:]) != tree.root


@given(index=st.integers(-5, 80), size=st.integers(-5, 80), steps=st.integers(0, 9))
def test_no_place_makes_it_raise(index: int, size: int, steps: int) -> None:
    """Whatever place a record names, the answer is a hash or nothing, and nothing outside it."""
    found = root_from(leaf_hash(b"x"), index, size, [leaf_hash(b"y")] * steps)
    assert found is None or len(found) == 32
    if not 0 <= index < size:
        assert found is None


def test_an_inner_node_never_passes_for_a_leaf() -> None:
    """Leaves and nodes are hashed apart, so that no entry can be made that equals a node."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert Tree([left, right]).root != leaf_hash(left + right)


def test_trees_of_different_sizes_have_different_roots() -> None:
    """A leaf more, even an equal one, changes the root."""
    assert all(a.root != b.root for a, b in pairwise(_tree(size) for size in SIZES))
    assert Tree([leaf_hash(b"a")] * 2).root != Tree([leaf_hash(b"a")] * 3).root


def test_a_tree_has_at_least_one_leaf() -> None:
    """There is no root over nothing."""
    with pytest.raises(ValueError, match="at least one leaf"):
        Tree([])
