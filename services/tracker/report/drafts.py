"""Tables in the making: their rows and how their counts add up, for every reader. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from services.tracker.report.form import ALL, Measure, Row, Table, Unit
from services.tracker.report.privacy import Key, Node, withheld

Leaf = TypeVar("Leaf", bound=tuple[str, ...])

COUNT: Final = Measure(name="count", title="count")


@dataclass(frozen=True, slots=True)
class Draft:
    """A table with every number, and the trees by which its counts add up.

    A node's key is the number of a row and the name of a measure.
    """

    table: Table
    trees: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row whose `parts` add up to the measure `whole`; `others` are worked out from them."""

    labels: tuple[str, ...]
    parts: Mapping[str, int]
    others: Mapping[str, float | None]


def counted(
    name: str,
    title: str,
    labels: tuple[str, ...],
    leaves: Mapping[Leaf, int],
    note: str = "",
) -> Draft:
    """Return a table of `leaves`, counts by their labels, with a total and one by first label."""
    rows: list[Row] = []

    def add(row: tuple[str, ...], count: int, parts: tuple[Node, ...] = ()) -> Node:
        rows.append(Row(labels=row, values={COUNT.name: count}))
        return Node((len(rows) - 1, COUNT.name), count, parts, len(rows))

    rest = len(labels) - 1
    total = add((ALL,) * len(labels), sum(leaves.values()))
    groups: list[Node] = []
    for first in sorted({leaf[0] for leaf in leaves}):
        within = {leaf: count for leaf, count in sorted(leaves.items()) if leaf[0] == first}
        group = add((first, *(ALL,) * rest), sum(within.values()))
        parts = tuple(add(leaf, count) for leaf, count in within.items()) if rest else ()
        groups.append(Node(group.key, group.count, parts, group.rank))
    tree = Node(total.key, total.count, tuple(groups), total.rank)
    table = Table(
        id=name, title=title, labels=labels, measures=(COUNT,), rows=tuple(rows), note=note
    )
    return Draft(table, (tree,))


def divided(
    name: str,
    title: str,
    labels: tuple[str, ...],
    measures: tuple[Measure, ...],
    lines: Iterable[Line],
    note: str = "",
) -> Draft:
    """Return a table each of whose rows divides its first measure into parts.

    `measures` are the whole, its parts and what is worked out from them, in this order.
    """
    whole = measures[0].name
    rows: list[Row] = []
    trees: list[Node] = []
    for place, line in enumerate(sorted(lines, key=lambda one: one.labels)):
        count = sum(line.parts.values())
        parts = tuple(
            Node((place, part), number, rank=rank)
            for rank, (part, number) in enumerate(line.parts.items())
        )
        rows.append(Row(labels=line.labels, values={whole: count, **line.parts, **line.others}))
        trees.append(Node((place, whole), count, parts))
    table = Table(
        id=name, title=title, labels=labels, measures=measures, rows=tuple(rows), note=note
    )
    return Draft(table, tuple(trees))


def for_anybody(draft: Draft, also: frozenset[Key] = frozenset()) -> Table:
    """Return the table without small numbers, what would give them away, and the counts `also`.

    Where a count of a row is withheld, so is whatever is worked out from the row's counts.
    """
    hidden = withheld(draft.trees, also)
    counts = {m.name for m in draft.table.measures if m.unit is Unit.COUNT}
    rows = tuple(
        _without(row, {name for name in counts if (place, name) in hidden}, counts)
        for place, row in enumerate(draft.table.rows)
    )
    return draft.table.model_copy(update={"rows": rows})


def _without(row: Row, hidden: set[str], counts: set[str]) -> Row:
    if not hidden:
        return row
    gone = hidden | {name for name, v in row.values.items() if name not in counts and v is not None}
    values = {name: None if name in gone else value for name, value in row.values.items()}
    return Row(labels=row.labels, values=values, withheld=tuple(n for n in row.values if n in gone))
