"""A child's references in an evidence file: all of them, and only while they are one child's."""

import orjson

from contracts.evidence import Code, Evidence, Report, dump, read
from contracts.evidence.words import words_of
from contracts.kinds import iso
from tests.evidence.base import Base
from tests.evidence.changing import with_entries, without_reference
from tests.evidence.hostile_references import part
from tests.unit.test_kinds_linking import unlinked


def proved(base: Base, evidence: Evidence | None = None) -> Report:
    """Read a file with the root key that the partnership has made known."""
    return read(dump(evidence or base.evidence), base.area.root.x)


def joined(report: Report) -> list[str]:
    """What is told as proved of references that are one child's."""
    return [line for line in words_of(report, iso).proved if "join the references" in line]


def disputed(report: Report) -> list[str]:
    """What is told as open of references, on which the signed messages differ."""
    return [line for line in words_of(report, iso).not_proved if "are one child" in line]


def test_the_references_that_are_missing_are_named() -> None:
    """Whichever reference of the child was taken out whole, the reader learns which it is."""
    base = Base()
    for child in (base.child, base.retired):
        report = proved(base, without_reference(base, child))
        assert [(f.code, f.where) for f in report.findings] == [
            (Code.ENTRY_MISSING, f"{child}, from number 1 on")
        ]
        assert joined(report) == []
        other = without_reference(base, child).model_copy(update={"child": base.retired})
        assert {f.where for f in proved(base, other).findings} == {f"{child}, from number 1 on"}


def test_references_that_were_parted_are_two_files_which_both_hold() -> None:
    """After `child.unlinked` a file about either is about that one, and proves no join."""
    base = Base(more=part)
    for child, other in ((base.child, base.retired), (base.retired, base.child)):
        made = without_reference(base, other).model_copy(update={"child": child})
        report = proved(base, made)
        assert report.holds, report.findings
        assert joined(report) == disputed(report) == []
        assert {one.child for one in report.taken} == {child}


def test_references_that_were_parted_are_not_told_as_one_child() -> None:
    """Whoever puts both into a file is not helped by the messages that once joined them."""
    base = Base(more=part)
    report = proved(base)

    assert report.codes == {Code.NOT_JOINED}
    assert joined(report) == []


def test_references_that_were_joined_again_are_one_child() -> None:
    """The last word under each reference counts, however often they were joined and parted."""

    def again(base: Base) -> None:
        part(base)
        base.join()

    report = proved(base := Base(more=again))

    assert report.holds, report.findings
    assert len(joined(report)) == 1
    assert all(child in joined(report)[0] for child in (base.child, base.retired))


def test_what_was_decided_last_counts_and_not_what_was_signed_last() -> None:
    """A parting that was signed before the join, and decided after it, parts."""

    def signed_first(base: Base) -> None:
        parting = [
            unlinked(base.area, base.retired, base.child),
            unlinked(base.area, base.child, base.retired),
        ]
        base.ledger.later(minutes=30)
        base.join()
        for one in parting:
            base.ledger.take(one)

    base = Base(more=signed_first, joins=False)
    alone = proved(base, without_reference(base, base.retired))

    assert alone.holds, alone.findings
    assert proved(base).codes == {Code.NOT_JOINED}
    assert joined(proved(base)) == []


def test_a_parting_that_is_half_done_leaves_it_open() -> None:
    """The retired reference is released alone; the survivor's file holds both, and proves no join.

    The survivor still names the other, so its file needs it.
    """

    def half(base: Base) -> None:
        base.ledger.take(unlinked(base.area, base.retired, base.child))

    base = Base(more=half)
    survivor, without = proved(base), proved(base, without_reference(base, base.retired))
    retired = without_reference(base, base.child).model_copy(update={"child": base.retired})

    assert survivor.holds, survivor.findings
    assert joined(survivor) == []
    assert len(disputed(survivor)) == 1
    assert all(child in disputed(survivor)[0] for child in (base.child, base.retired))
    assert without.codes == {Code.ENTRY_MISSING}
    assert proved(base, retired).holds


def test_a_join_is_not_proved_where_a_message_is_missing() -> None:
    """With a message taken out of the middle, nobody knows whether that one parted them."""

    def told_more(base: Base) -> None:
        part(base)
        base.join()

    base = Base(more=told_more)
    place = next(
        number
        for number, one in enumerate(base.evidence.journeys[1].entries)
        if orjson.loads(one.decision)["kind"] == "child.unlinked"
    )
    made = with_entries(base.evidence, lambda entries: entries.pop(place), journey=1)
    report = proved(base, made)

    assert report.codes == {Code.ENTRY_MISSING}
    assert joined(report) == []


def test_a_child_of_whom_all_was_refused_needs_no_journey() -> None:
    """Where nothing was ever accepted, the refusals alone are evidence about the child."""
    base = Base()
    bare = {"journeys": (), "clocks": (), "answers": base.evidence.answers[-1:]}

    assert proved(base, base.evidence.model_copy(update=bare)).holds
