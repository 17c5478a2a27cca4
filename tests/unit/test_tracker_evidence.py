"""Evidence in any order in the tracker's tables: late, before its start, and over again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.identifiers import new_reference
from tests import messages as m
from tests.area import CARE
from tests.standards import (
    ANSWER,
    DAY,
    DUE,
    HOUR,
    MONDAY,
    VISIT,
    assessed,
    assessment,
    begun,
    decided,
    kept,
    notice,
    opened,
    referred,
    seen,
    states,
    ticked,
)
from tests.tracking import LedgerWriter


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """Give an empty SQLite database with the tracker's tables."""
    made = opened(tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def ledger() -> LedgerWriter:
    """Give a ledger that begins on a Monday morning, under the pack of these tests."""
    return begun()


def test_evidence_after_the_miss_turns_the_clock_to_met(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A decision taken in time and reported late is met, and the manager's notice is history."""
    child, request = referred(database, ledger)
    ledger.area.now = DUE + DAY
    assert ticked(database, ledger.area.now) == [ANSWER.id]
    told = ledger.accept(notice(database, ledger, child))
    ledger.accept(decided(ledger, child, request, occurred_at=DUE - HOUR))
    ledger.follow(database)

    (one,) = kept(database, child)
    assert states(database, ledger, child) == [(ANSWER.id, "met")]
    assert one.clock.evidence_late
    assert (one.clock.stopped_at, one.clock.stopped_arrived_at) == (DUE - HOUR, DUE + DAY)
    assert one.missed == told
    assert ticked(database, DUE + 9 * DAY) == []


def test_evidence_before_anybody_was_told_ends_the_telling(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Where it turns out in time that a clock was kept, nobody is told of a miss."""
    child, request = referred(database, ledger)
    ledger.area.now = DUE + HOUR
    ledger.accept(decided(ledger, child, request, occurred_at=DUE - HOUR))
    ledger.follow(database)

    assert ticked(database, DUE + DAY) == []
    assert kept(database, child)[0].clock.evidence_late


def test_a_start_that_is_told_of_finds_that_its_stop_has_come(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A visit reported before the assessment it followed stops its clock, and the next one runs."""
    ledger.area.now = MONDAY + 2 * DAY
    child = new_reference()
    ledger.accept(m.opened_before(ledger.area, child))
    request = ledger.accept(m.step_up(ledger.area, child))
    ledger.accept(m.step_up_decided(ledger.area, child, request))
    ledger.accept(seen(ledger, child, MONDAY + DAY))
    ledger.later(days=1)
    ledger.accept(assessment(ledger, child, MONDAY))
    ledger.follow(database)

    first, second = kept(database, child, VISIT.id)
    assert (first.clock.started_at, first.clock.stopped_at) == (MONDAY, MONDAY + DAY)
    assert (second.clock.started_at, second.clock.stopped_at) == (MONDAY + DAY, None)
    assert second.clock.due_at == MONDAY + 8 * DAY


def test_what_happened_before_a_start_is_no_evidence(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A visit before the assessment began leaves its clock running, in whatever order they come."""
    child = assessed(ledger, MONDAY)
    ledger.later(days=1)
    ledger.accept(seen(ledger, child, MONDAY - HOUR))
    ledger.follow(database)

    assert states(database, ledger, child) == [(VISIT.id, "running")]


def test_what_stops_a_repeating_clock_starts_it_anew(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Each visit starts the week until the next, for the same agency, and a case closed ends it."""
    child = assessed(ledger, MONDAY)
    for days in (3, 6):
        ledger.area.now = MONDAY + days * DAY
        ledger.accept(seen(ledger, child, ledger.area.now))
    ledger.follow(database)

    found = [k.clock for k in kept(database, child, VISIT.id)]
    assert [k.started_at for k in found] == [MONDAY, MONDAY + 3 * DAY, MONDAY + 6 * DAY]
    assert [k.stopped_at for k in found] == [MONDAY + 3 * DAY, MONDAY + 6 * DAY, None]
    assert {(k.agency, k.told_agency) for k in found} == {(CARE, CARE)}
    assert ticked(database, MONDAY + 13 * DAY + HOUR) == [VISIT.id]


def test_repetitions_end_the_same_in_any_order(database: Engine, ledger: LedgerWriter) -> None:
    """Visits reported out of order give the same chain of clocks as in order."""
    in_order, mixed = assessed(ledger, MONDAY), assessed(ledger, MONDAY)
    ledger.area.now = MONDAY + 12 * DAY
    for child, order in ((in_order, (3, 6, 9)), (mixed, (6, 9, 3))):
        for days in order:
            ledger.accept(seen(ledger, child, MONDAY + days * DAY))
    ledger.follow(database)

    chains = [
        [(k.clock.started_at, k.clock.stopped_at) for k in kept(database, child, VISIT.id)]
        for child in (in_order, mixed)
    ]
    assert chains[0] == chains[1]
    assert len(chains[0]) == 4


def test_an_answer_that_is_there_before_its_question_counts(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A clock finds the answer to its message among what came before, and is met at its start."""
    child, request = new_reference(), new_reference()
    ledger.take(decided(ledger, child, request))
    ledger.later(hours=1)
    ledger.take(m.referral(ledger.area, child, id=request))
    ledger.follow(database)

    (one,) = kept(database, child)
    assert states(database, ledger, child) == [(ANSWER.id, "met")]
    assert one.clock.stopped_at == one.clock.started_at == MONDAY + HOUR
    assert one.clock.stopped_arrived_at == MONDAY
    assert not one.clock.evidence_late
