"""Hostile evidence files that hold fewer or more of a child's references than are the child's."""

from contracts.evidence import Code, Evidence
from tests.evidence.base import Base
from tests.evidence.changing import with_entries, without_reference
from tests.evidence.hostile import case
from tests.unit.test_kinds_linking import unlinked


def part(base: Base) -> None:
    """Have both references told that they are two children after all."""
    base.ledger.take(unlinked(base.area, base.retired, base.child))
    base.ledger.take(unlinked(base.area, base.child, base.retired))


@case(Code.ENTRY_MISSING)
def reference_left_out(base: Base) -> Evidence:
    """A whole reference was taken out, though a message names it as the same child."""
    return without_reference(base, base.retired)


@case(Code.ENTRY_MISSING)
def own_reference_left_out(base: Base) -> Evidence:
    """The very reference that the file is about was taken out, and its other one left there."""
    return without_reference(base, base.child)


@case(Code.ENTRY_MISSING)
def reference_emptied(base: Base) -> Evidence:
    """A reference is named, and every message about it was taken out."""
    less = without_reference(base, base.retired)
    emptied = with_entries(base.evidence, lambda entries: entries.clear(), journey=1)
    return less.model_copy(update={"journeys": emptied.journeys})


@case(Code.NOT_JOINED)
def reference_parted_since(base: Base) -> Evidence:
    """A reference stands in the file that was joined once, and was found to be another child's."""
    return base.again(part).evidence
