"""Small numbers are withheld, and so is whatever would give them away by subtraction."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from services.tracker.report.privacy import SMALL, Node, withheld


def tree(*counts: int | list[int]) -> Node:
    """A total of leaves, or of groups of leaves; leaf `0.1` is the second of the first group."""
    parts = []
    for place, count in enumerate(counts):
        name, rank = str(place), place * 100
        if isinstance(count, int):
            parts.append(Node(name, count, rank=rank))
        else:
            leaves = tuple(Node(f"{name}.{n}", c, rank=rank + n) for n, c in enumerate(count))
            parts.append(Node(name, sum(count), leaves, rank))
    return Node("total", sum(part.count for part in parts), tuple(parts))


def test_counts_of_one_to_five_are_withheld_and_nought_is_not() -> None:
    """Nought tells of nobody; six is a number like any other."""
    assert withheld([tree(3, 4, 0, 6, 20)]) == {"0", "1"}


def test_a_lone_small_number_takes_the_next_smallest_with_it() -> None:
    """With the total shown, one number missing would be the total less the others."""
    assert withheld([tree(3, 30, 9, 0)]) == {"0", "2"}


def test_two_small_numbers_that_add_up_to_a_small_one_take_another() -> None:
    """A 1 and a 2 leave a difference of 3, which is a small number too."""
    assert withheld([tree(1, 2, 40, 8)]) == {"0", "1", "3"}


def test_where_no_other_part_is_left_the_total_goes() -> None:
    """A total of one part only would be that part."""
    assert withheld([tree(3, 0, 0)]) == {"0", "total"}


def test_a_small_group_takes_the_grand_total_and_no_other_group() -> None:
    """Group totals stand elsewhere too, so it is the grand total that must not be known."""
    assert withheld([tree([20, 30], [1, 2])]) == {"1", "1.0", "1.1", "total"}


def test_within_a_group_another_part_is_withheld_and_the_group_total_stays() -> None:
    """The group's total stays for every reader."""
    assert withheld([tree([3, 20, 30], [9, 9])]) == {"0.0", "0.1"}


def test_of_equal_parts_the_earlier_is_withheld() -> None:
    """Which one goes does not depend on chance, so two reports do not give each other away."""
    assert withheld([tree(2, 9, 9)]) == {"0", "1"}


SHAPES = st.lists(
    st.one_of(st.integers(0, 12), st.lists(st.integers(0, 12), min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)


@given(SHAPES)
def test_nobody_can_work_out_a_small_number(shape: list[int | list[int]]) -> None:
    """Of every small number at least two values fit all that is shown, tried one by one."""
    whole = tree(*shape)
    gone = withheld([whole])
    leaves = [n for n in nodes(whole) if not n.parts]
    hidden = [n for n in leaves if n.key in gone]
    if not hidden or len(hidden) > 5:
        return
    limit = 1 + max(SMALL + 1, *(n.count for n in hidden), 0)
    fitting = [
        guess
        for guess in product(range(1, limit), repeat=len(hidden))
        if fits(whole, gone, {n.key: g for n, g in zip(hidden, guess, strict=True)})
    ]
    for place, node in enumerate(hidden):
        if 0 < node.count <= SMALL and is_part_of_one_shown(node, whole, gone):
            assert len({guess[place] for guess in fitting}) > 1


def is_part_of_one_shown(leaf: Node, whole: Node, gone: frozenset[object]) -> bool:
    """Tell whether a total above `leaf` is shown: otherwise nothing is known of it at all."""
    return any(n.parts and n.key not in gone and leaf in nodes(n) for n in nodes(whole))


def nodes(node: Node) -> list[Node]:
    """Return a tree's nodes."""
    return [node, *(n for part in node.parts for n in nodes(part))]


def fits(node: Node, gone: frozenset[object], guess: dict[object, int]) -> bool:
    """Tell whether a guess at what is withheld agrees with every total shown."""
    shown = [n for n in nodes(node) if n.parts and n.key not in gone]
    return all(guessed(n, guess) == n.count for n in shown)


def guessed(node: Node, guess: dict[object, int]) -> int:
    """Return what a node comes to by a guess."""
    if node.parts:
        return sum(guessed(part, guess) for part in node.parts)
    return guess.get(node.key, node.count)


@given(SHAPES)
def test_no_small_number_is_ever_shown(shape: list[int | list[int]]) -> None:
    """Whatever is shown is nought or more than five."""
    whole = tree(*shape)
    gone = withheld([whole])

    assert all(n.count == 0 or n.count > SMALL for n in nodes(whole) if n.key not in gone)
