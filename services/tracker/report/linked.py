"""Withholding over all tables of a report together: one table must not give away another. Pure.

Two tables count the same things in two places: the requests of a direction start clocks, so how
many clocks began tells how many requests there were; and what is late of a standard is what its
misses add up to. Where one of the two is withheld, so is the other.
"""

from collections.abc import Iterable
from typing import Final

from services.tracker.report.drafts import Draft, for_anybody
from services.tracker.report.form import ALL, Table
from services.tracker.report.material import Material
from services.tracker.report.privacy import SMALL, Key, Node

_VOLUMES: Final = "volumes"
_ANSWERS: Final = "answer_times"
_STANDARDS: Final = "standards"
_LATE_AND_RUNNING: Final = (1, 2)
"""The ranks of these parts in a row of the standards."""

_MISSES: Final = "misses"


def for_everybody(drafts: Iterable[Draft], material: Material) -> tuple[Table, ...]:
    """Return the tables without small numbers and without what, in any table, gives them away."""
    several = tuple(drafts)
    shown = {draft.table.id: for_anybody(draft) for draft in several}
    by_id = {draft.table.id: draft for draft in several}
    counted = _begun_by_withheld(shown[_VOLUMES], material)
    answered = _begun_by_withheld(shown[_ANSWERS], material)
    standards = by_id[_STANDARDS]
    parts = _all_of(standards, answered) - {tree.key for tree in standards.trees}
    also = parts | _all_of(standards, counted) | _undone(standards)
    shown[_STANDARDS] = for_anybody(standards, also)
    hidden = {row.labels[0] for row in shown[_STANDARDS].rows if row.withheld}
    misses = by_id[_MISSES]
    shown[_MISSES] = for_anybody(misses, _all_of(misses, hidden))
    return tuple(shown[draft.table.id] for draft in several)


def _undone(standards: Draft) -> frozenset[Key]:
    """Return what was not done of each standard of which a part is small: all of it, or nothing.

    How many requests have no answer stands elsewhere, and less the one part is the other.
    """
    found: set[Key] = set()
    for tree in standards.trees:
        undone = [part for part in tree.parts if part.rank in _LATE_AND_RUNNING]
        if any(0 < part.count <= SMALL for part in tree.parts):
            found.update(part.key for part in undone)
    return frozenset(found)


def _begun_by_withheld(requests: Table, material: Material) -> set[str]:
    """Return the standards begun by requests of a direction of which a number is withheld."""
    withheld = {
        row.labels[0]
        for row in requests.rows
        if row.withheld and (requests.id != _VOLUMES or set(row.labels[1:]) == {ALL})
    }
    asked = {(fact.child, fact.message) for fact in material.facts if fact.direction in withheld}
    return {one.rule for one in material.standards if (one.child, one.message) in asked}


def _all_of(draft: Draft, first_labels: set[str]) -> frozenset[Key]:
    """Return the keys of every count under one of these first labels, and of what sums them up."""
    rows = draft.table.rows
    named = {place for place, row in enumerate(rows) if row.labels[0] in first_labels}
    keys = {node.key for tree in draft.trees for node in _nodes(tree)}
    found = {key for key in keys if isinstance(key, tuple) and key[0] in named}
    sums = {tree.key for tree in draft.trees if found & {node.key for node in _nodes(tree)}}
    return frozenset(found | sums)


def _nodes(node: Node) -> Iterable[Node]:
    yield node
    for part in node.parts:
        yield from _nodes(part)
