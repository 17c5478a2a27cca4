"""What anybody may read gives no small number away, all tables of a report taken together."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from fractions import Fraction
from random import Random

import pytest

from contracts.identifiers import new_reference
from services.tracker.report.form import ALL, Reader, Report, Unit
from services.tracker.report.material import Fact, Material, Standard
from services.tracker.report.privacy import SMALL
from tests.reporting import GP, JULY, SCHOOL, made, table

REFERRAL, STEP_UP = "referral", "step_up"
KINDS = {REFERRAL: "referral.submitted", STEP_UP: "stepup.requested"}
BEGUN = {"decide": (REFERRAL, STEP_UP), "respond": (REFERRAL,)}
Cell = tuple[str, tuple[str, ...], str]
Sum = dict[Cell, int]


def requests(direction: str, answered: int, missed: int, running: int) -> Iterator[Fact | Standard]:
    """Requests of a direction and the clocks that they begin; no answer comes too late."""
    agencies = (SCHOOL, GP)
    for number, state in enumerate(
        ["met"] * answered + ["missed"] * missed + ["running"] * running
    ):
        child, message = new_reference(), new_reference()
        agency = agencies[number % 2]
        yield Fact(child, message, KINDS[direction], agency, JULY, direction=direction)
        if state == "met":
            yield Fact(child, new_reference(), "referral.decided", "demo.x", JULY, answers=message)
        for rule, directions in BEGUN.items():
            if direction in directions:
                stopped = JULY if state == "met" else None
                due = JULY + timedelta(days=1)
                yield Standard(child, message, rule, rule, JULY, due, stopped, state)


def material(several: Iterable[Fact | Standard]) -> Material:
    """The material of these messages and clocks."""
    found = tuple(several)
    return Material(
        facts=tuple(one for one in found if isinstance(one, Fact)),
        standards=tuple(one for one in found if isinstance(one, Standard)),
    )


def cells(report: Report) -> dict[Cell, float | None]:
    """Every count of a report; None where it is withheld."""
    return {
        (one.id, row.labels, measure.name): row.values[measure.name]
        for one in report.tables
        for row in one.rows
        for measure in one.measures
        if measure.unit is Unit.COUNT
    }


def sums(report: Report) -> Iterator[Sum]:
    """Whatever anybody knows to add up to nought: within each table, and between tables."""
    for one in report.tables:
        names = [m.name for m in one.measures if m.unit is Unit.COUNT]
        labels = [row.labels for row in one.rows]
        for row in labels if len(names) > 1 else ():
            whole, *parts = ((one.id, row, name) for name in names)
            yield {whole: -1, **dict.fromkeys(parts, 1)}
        for row in labels if len(names) == 1 else ():
            depth = sum(1 for label in row if label != ALL)
            below = [r for r in labels if r != row and _is_below(r, row, depth)]
            if below:
                yield {(one.id, row, "count"): -1} | {(one.id, r, "count"): 1 for r in below}
    yield from _between(report)


def _is_below(row: tuple[str, ...], above: tuple[str, ...], depth: int) -> bool:
    full = sum(1 for label in row if label != ALL)
    return row[:depth] == above[:depth] and (full == 1 if depth == 0 else full > depth)


def _between(report: Report) -> Iterator[Sum]:
    directions = [r.labels[0] for r in table(report, "re_referrals").rows]

    def volume(direction: str) -> Cell:
        return ("volumes", (direction, ALL, ALL), "count")

    for direction in directions:
        yield {volume(direction): -1, ("re_referrals", (direction,), "requests"): 1}
        for answer in ("acknowledged", "decided"):
            yield {volume(direction): -1, ("answer_times", (direction, answer), "requests"): 1}
    misses = {row.labels[0] for row in table(report, "misses").rows}
    for row in table(report, "standards").rows:
        rule = row.labels[0]
        begun = [d for d in BEGUN[rule] if d in directions]
        yield {("standards", row.labels, "started"): -1} | {volume(d): 1 for d in begun}
        yield {
            ("standards", row.labels, "running"): -1,
            ("standards", row.labels, "late"): -1,
            **{("answer_times", (d, "decided"), "unanswered"): 1 for d in begun},
        }
        if rule in misses:
            yield {
                ("standards", row.labels, "late"): -1,
                ("misses", (rule, ALL), "count"): 1,
            }


def given_away(full: Report, public: Report) -> list[Cell]:
    """The small numbers that follow from all that is shown, by linear combination."""
    known, shown = cells(full), cells(public)
    hidden = [cell for cell, value in shown.items() if value is None and known[cell] is not None]
    rows = [[Fraction(one.get(cell, 0)) for cell in hidden] for one in sums(full)]
    reduced = _reduced([row for row in rows if any(row)])
    alone = [row for row in reduced if sum(1 for value in row if value) == 1]
    found = (hidden[next(i for i, value in enumerate(row) if value)] for row in alone)
    return [cell for cell in found if 0 < (known[cell] or 0) <= SMALL]


def _reduced(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """Return the reduced row echelon form: a cell that follows stands in a row of its own."""
    done = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in range(done, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        by = rows[done][column]
        rows[done] = [value / by for value in rows[done]]
        for other in range(len(rows)):
            if other != done and rows[other][column]:
                times = rows[other][column]
                rows[other] = [a - times * b for a, b in zip(rows[other], rows[done], strict=True)]
        done += 1
    return rows[:done]


def both(several: Iterable[Fact | Standard]) -> tuple[Report, Report]:
    """The report for who is entitled and for anybody."""
    found = material(several)
    return made(found), made(found, Reader.PUBLIC)


def test_what_is_late_is_not_read_off_the_misses() -> None:
    """31 begun and 20 in time would, with 9 misses beside them, leave the 2 that still run."""
    full, public = both(requests(REFERRAL, 20, 9, 2))

    late = ("standards", ("decide", "decide"), "late")
    assert cells(public)[late] is None
    assert cells(public)[("misses", ("decide", ALL), "count")] is None
    assert cells(public)[("misses", (ALL, ALL), "count")] is None
    assert cells(full)[("misses", ("decide", ALL), "count")] == 9
    assert given_away(full, public) == []


def test_a_small_direction_is_not_read_off_the_clocks_that_it_began() -> None:
    """23 clocks of which 20 began with a referral would leave 3 step ups."""
    full, public = both([*requests(REFERRAL, 20, 0, 0), *requests(STEP_UP, 3, 0, 0)])

    assert cells(full)[("standards", ("decide", "decide"), "started")] == 23
    assert cells(public)[("standards", ("decide", "decide"), "started")] is None
    assert cells(public)[("standards", ("respond", "respond"), "started")] == 20
    assert given_away(full, public) == []


@pytest.mark.parametrize("seed", range(60))
def test_no_small_number_follows_from_all_that_is_shown(seed: int) -> None:
    """Whatever is added or subtracted, over all tables, no small number stands alone."""
    chance = Random(seed)
    several = [
        one
        for direction in (REFERRAL, STEP_UP)
        for one in requests(direction, *(chance.choice((0, 1, 3, 7, 12)) for _ in range(3)))
    ]
    full, public = both(several)

    assert given_away(full, public) == []
    assert all(value is None or value == 0 or value > 5 for value in cells(public).values())


def test_the_solver_finds_what_a_table_alone_would_give_away() -> None:
    """Shown in full but for one cell, that cell follows: the search can fail."""
    full, _ = both(requests(REFERRAL, 20, 9, 2))
    hidden = ("standards", ("decide", "decide"), "running")
    tables = tuple(
        one.model_copy(
            update={
                "rows": tuple(
                    row.model_copy(update={"values": {**row.values, "running": None}})
                    if (one.id, row.labels) == hidden[:2]
                    else row
                    for row in one.rows
                )
            }
        )
        for one in full.tables
    )

    assert given_away(full, full.model_copy(update={"tables": tables})) == [hidden]
