"""What people say of clocks, in the tracker's tables; and by what each clock is judged."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.clocks import ClockState
from contracts.directory import Closure, RuleOverride, RulesInForce
from contracts.identifiers import new_reference
from contracts.seal import seal
from services.runtime.sql import engine
from services.tracker.leaving import Leaderless, gone, leaderless
from services.tracker.notices import left_notice
from services.tracker.store import LIVE, prepare
from tests import messages as m
from tests import messages_real_life as r
from tests.area import CARE, DUTY, DUTY_MANAGER, FRONT, HEAD, MANAGER, TEACHER, WORKER
from tests.standards import (
    ANSWER,
    DAY,
    DUE,
    HOUR,
    MONDAY,
    PACK,
    VISIT,
    assessed,
    begun,
    decided,
    kept,
    notice,
    opened,
    referred,
    states,
    ticked,
    warned,
)
from tests.tracking import LedgerWriter, rows


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


def test_a_warning_is_owed_until_it_was_given_or_the_clock_ran_out(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Who owes is warned between the warning and the end, once, and not when it is answered."""
    child, request = referred(database, ledger)
    other, _ = referred(database, ledger)
    assert warned(database, DUE - DAY * 4) == []
    assert warned(database, DUE - HOUR) == [ANSWER.id] * 2
    assert warned(database, DUE + HOUR) == []

    ledger.area.now = DUE - 2 * HOUR
    ledger.accept(notice(database, ledger, child, warning=True))
    ledger.follow(database)
    assert warned(database, DUE - HOUR) == [ANSWER.id]

    ledger.accept(decided(ledger, child, request))
    ledger.accept(notice(database, ledger, other, warning=True))
    ledger.follow(database)
    assert warned(database, DUE - HOUR) == []
    assert kept(database, other)[0].warned is not None


def test_an_extension_after_the_warning_warns_nobody_again(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Who was warned of a clock once is not warned of it a second time."""
    child, request = referred(database, ledger)
    ledger.area.now = DUE - HOUR
    ledger.accept(notice(database, ledger, child, warning=True))
    content = r.clock(request, ANSWER.id, because="information_awaited", until=DUE + 2 * DAY)
    ledger.accept(r.standard(ledger.area, child, "extended", content))
    ledger.follow(database)

    assert kept(database, child)[0].clock.due_at == DUE + 2 * DAY
    assert warned(database, DUE + 2 * DAY - HOUR) == []


def test_an_extension_by_a_manager_counts_and_any_other_is_kept(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The manager at the agency that owes moves the end; what has no effect is written down."""
    child, request = referred(database, ledger)
    content = r.clock(request, ANSWER.id, because="information_awaited")
    ledger.accept(r.standard(ledger.area, child, "extended", content | {"until": DUE + 2 * DAY}))
    ledger.accept(r.standard(ledger.area, child, "extended", content | {"until": DUE + DAY}))
    ledger.follow(database)

    (one,) = kept(database, child)
    assert (one.clock.due_at, one.clock.original_due_at) == (DUE + 2 * DAY, DUE)
    assert [e.effective for e in one.clock.extensions] == [True, False]
    assert one.clock.extensions[0].by == DUTY_MANAGER
    assert ticked(database, DUE + DAY) == []
    assert ticked(database, DUE + 3 * DAY) == [ANSWER.id]


def test_a_paused_clock_is_not_due_until_it_goes_on(database: Engine, ledger: LedgerWriter) -> None:
    """While it stands still nobody is warned or told; then as much is left as before."""
    child, request = referred(database, ledger)
    content = r.clock(request, ANSWER.id)
    ledger.later(days=1)
    pause = content | {"because": "court_or_police"}
    ledger.accept(r.standard(ledger.area, child, "paused", pause))
    ledger.follow(database)
    assert states(database, ledger, child) == [(ANSWER.id, "paused")]
    assert ticked(database, DUE + 9 * DAY) == []

    ledger.later(days=7)
    ledger.accept(r.standard(ledger.area, child, "resumed", content))
    ledger.follow(database)
    assert kept(database, child)[0].clock.due_at == DUE + 7 * DAY
    assert warned(database, DUE + 7 * DAY - HOUR) == [ANSWER.id]


def test_the_reason_of_a_miss_is_kept_with_its_clock(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Who explained a miss, when and by what cause stands at the clock, which stays missed."""
    child, request = referred(database, ledger)
    ledger.area.now = DUE + DAY
    ticked(database, ledger.area.now)
    ledger.accept(notice(database, ledger, child))
    ledger.accept(r.explained(ledger.area, child, r.clock(request, ANSWER.id, cause="absence")))
    ledger.follow(database)

    (one,) = kept(database, child)
    assert (one.clock.explained_by, one.clock.explained_cause) == (DUTY, "absence")
    assert one.clock.explained_at == DUE + DAY
    assert states(database, ledger, child) == [(ANSWER.id, "missed")]
    assert one.missed is not None
    assert ticked(database, DUE + 9 * DAY) == []


def test_evidence_for_a_clock_that_is_unknown_changes_nothing(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A rule that started no clock here, and another agency's word, leave every clock as it was."""
    child, request = referred(database, ledger)
    before = rows(database)["clocks"]
    nobodys = r.clock(request, VISIT.id)
    ledger.take(r.explained(ledger.area, child, nobodys))
    ledger.take(
        r.standard(
            ledger.area,
            child,
            "extended",
            nobodys | {"until": DUE + DAY, "because": "information_awaited"},
        )
    )
    ours_not = r.clock(request, ANSWER.id)
    ledger.take(r.explained(ledger.area, child, ours_not, author=TEACHER))
    ledger.follow(database)

    assert rows(database)["clocks"] == before


def test_a_message_sent_in_error_is_owed_no_answer(database: Engine, ledger: LedgerWriter) -> None:
    """What is withdrawn ends its clocks, so that nobody is chased for it."""
    child, request = referred(database, ledger)
    ledger.later(hours=1)
    ledger.accept(r.withdrawn(ledger.area, child, request))
    ledger.follow(database)

    assert states(database, ledger, child) == [(ANSWER.id, ClockState.ENDED.value)]
    assert ticked(database, DUE + DAY) == []


def test_a_redirected_request_is_owed_by_whoever_has_it(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The clock of a redirected referral runs on, due as before, against the agency it went to."""
    child, request = referred(database, ledger)
    ledger.later(hours=1)
    ledger.accept(r.redirected(ledger.area, child, request, CARE))
    ledger.follow(database)

    (one,) = kept(database, child)
    assert (one.clock.agency, one.clock.told_agency, one.clock.due_at) == (CARE, CARE, DUE)


def test_work_handed_on_is_owed_by_who_takes_it(database: Engine, ledger: LedgerWriter) -> None:
    """What is open with one practitioner is owed by the colleague who has it now, due as before."""
    child = assessed(ledger, MONDAY)
    ledger.accept(r.handed_on(ledger.area, child, WORKER, MANAGER, by=WORKER, to=[CARE]))
    ledger.follow(database)

    (one,) = kept(database, child, VISIT.id)
    assert (one.clock.agency, one.clock.practitioner) == (CARE, MANAGER)
    assert (one.clock.told_agency, one.clock.due_at) == (CARE, MONDAY + 7 * DAY)


def test_each_clock_is_judged_by_the_packs_under_which_it_started(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A shorter length from Wednesday on moves no clock of Monday, at a rebuild neither."""
    area = ledger.area
    child, _ = referred(database, ledger)
    (first,) = area.document.rule_changes
    shorter = RuleOverride(table="clocks", id=ANSWER.id, length=1, reason="agreed")
    later = RulesInForce(
        since=MONDAY + 2 * DAY, packs=first.packs, own=(PACK,), overrides=(shorter,)
    )
    area.document = area.document.model_copy(update={"rule_changes": (first, later), "version": 2})
    area.now = MONDAY + 2 * DAY
    newer, _ = referred(database, ledger)

    with database.begin() as connection:
        for table in LIVE.all:
            connection.execute(table.delete())
    ledger.follow(database)

    assert kept(database, child)[0].clock.due_at == DUE
    assert kept(database, newer)[0].clock.due_at == datetime(2026, 3, 5, 17, tzinfo=UTC)


def test_a_rule_that_is_taken_back_still_ends_what_it_began(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A clock is stopped by the rule that started it, though later packs have it no more."""
    area = ledger.area
    child, request = referred(database, ledger)
    without = RulesInForce(since=MONDAY + HOUR, packs=("rochdale-2013",))
    changes = (*area.document.rule_changes, without)
    area.document = area.document.model_copy(update={"rule_changes": changes, "version": 2})
    ledger.later(days=1)
    newer, _ = referred(database, ledger)
    ledger.accept(decided(ledger, child, request))
    ledger.follow(database)

    assert states(database, ledger, child) == [(ANSWER.id, "met")]
    assert kept(database, newer) == []


def test_a_closed_school_is_given_its_own_days(database: Engine, ledger: LedgerWriter) -> None:
    """An agency's closures in the directory move what runs against it."""
    area, closed = ledger.area, (Closure(first=MONDAY.date(), last=(MONDAY + 13 * DAY).date()),)
    agencies = tuple(
        a.model_copy(update={"closures": closed}) if a.id == FRONT else a
        for a in area.document.agencies
    )
    area.document = area.document.model_copy(update={"agencies": agencies})
    child, _ = referred(database, ledger)

    assert kept(database, child)[0].clock.due_at == datetime(2026, 3, 23, 17, tzinfo=UTC)


def test_a_lead_who_left_is_told_of_once_for_each_custody(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The child of a lead who left is found until the notice about that very custody is there."""
    area, child = ledger.area, new_reference()
    ledger.accept(m.opened_before(area, child))
    ledger.accept(m.opened_before(area, new_reference(), lead=HEAD))
    ledger.follow(database)
    assert gone(area.directory, MONDAY) == ()
    people = tuple(
        p.model_copy(update={"left_at": MONDAY + DAY}) if p.id == TEACHER else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})

    left = gone(area.directory, MONDAY + DAY)
    with database.begin() as connection:
        found = leaderless(connection, LIVE, left)
    area.now = MONDAY + 2 * DAY
    event = left_notice(child, TEACHER, 1, "demo.tracker", HEAD, area.now)
    ledger.accept(seal(event, area.services["tracker"]))
    ledger.follow(database)
    with database.begin() as connection:
        after = leaderless(connection, LIVE, left)

    assert left == (TEACHER,)
    assert found == (Leaderless(child, 1, TEACHER),)
    assert after == ()


def test_tables_of_an_older_layout_are_laid_out_anew(tmp_path: Path, ledger: LedgerWriter) -> None:
    """A database of another release is emptied for the rebuild; its outbox stays."""
    url = f"sqlite:///{tmp_path}/old.sqlite"
    old = engine(url)
    with old.begin() as connection:
        for statement in (
            "CREATE TABLE positions (name VARCHAR(128) PRIMARY KEY, sequence BIGINT NOT NULL)",
            "CREATE TABLE clocks (child VARCHAR(40) PRIMARY KEY, due_at DATETIME)",
            "INSERT INTO positions VALUES ('tracker', 77)",
            "INSERT INTO clocks VALUES ('CHILD000000000000001', NULL)",
        ):
            connection.exec_driver_sql(statement)
    prepare(old)
    with old.begin() as connection:
        position = connection.exec_driver_sql(
            "SELECT sequence FROM positions WHERE name = 'tracker'"
        ).scalar()
    ledger.accept(m.referral(ledger.area, new_reference()))
    ledger.follow(old)
    kept_rows = rows(old)
    prepare(old)

    assert position == 0
    assert kept_rows["clocks"]
    assert rows(old) == kept_rows
    old.dispose()
