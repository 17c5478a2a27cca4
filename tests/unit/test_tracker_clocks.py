"""The clocks in the tracker's tables: what starts and stops them, and which have to be told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Select, select, text, update
from sqlalchemy.dialects import sqlite

from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.seal import Sealed, seal
from services.runtime.settings import Settings
from services.runtime.sql import engine
from services.tracker import asking
from services.tracker.due import due_clocks, mark_missed
from services.tracker.notices import Addressees, missed_notice
from services.tracker.rulebook import calendar_of
from services.tracker.store import LIVE, prepare
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.tracking import LedgerWriter

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
TUESDAY_CLOSING = datetime(2026, 3, 3, 17, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ANSWERED = ("acknowledge-request", "decide-request")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """Give an empty SQLite database with the tracker's tables."""
    opened = engine(f"sqlite:///{tmp_path}/tracker.sqlite")
    prepare(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger() -> LedgerWriter:
    """Give a ledger that begins on a Monday morning."""
    return LedgerWriter(Area(MONDAY))


def clocks(database: Engine, ledger: LedgerWriter, child: str) -> dict[str, dict[str, Any]]:
    """Return the clocks of `child` as the tracker answers them now, by rule."""
    with database.begin() as connection:
        told = asking.track(connection, child, ledger.book.packs, ledger.area.now)
    return {clock["rule"]: clock for clock in told["clocks"]}


def due(database: Engine, now: datetime) -> list[str]:
    """Return the rules of the clocks that have to be told of at `now`."""
    with database.begin() as connection:
        return [kept.clock.rule for kept in due_clocks(connection, LIVE, now)]


def test_a_request_is_acknowledged_and_decided_within_a_working_day(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Both clocks run against First Response until 17:00 and stop with their answers."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.follow(database)
    started = clocks(database, ledger, child)
    ledger.later(minutes=30)
    taken = ledger.accept(m.acknowledged(ledger.area, child, request))
    ledger.follow(database)
    stopped = clocks(database, ledger, child)

    for clock in (started["acknowledge-request"], started["decide-request"]):
        assert (clock["agency"], clock["state"]) == (FRONT, "running")
        assert clock["due_at"] == "2026-03-03T17:00:00.000Z"
    assert stopped["acknowledge-request"]["state"] == "met"
    assert stopped["acknowledge-request"]["stopped_by"] == taken
    assert stopped["decide-request"]["state"] == "running"
    assert due(database, TUESDAY_CLOSING) == []
    assert due(database, TUESDAY_CLOSING + SECOND) == ["decide-request"]


def test_a_decision_stops_both_clocks_of_a_step_up(database: Engine, ledger: LedgerWriter) -> None:
    """A decision answers the sender as well, so acknowledging is met by it too."""
    child = new_reference()
    ledger.accept(m.opened_before(ledger.area, child))
    request = ledger.accept(m.step_up(ledger.area, child))
    ledger.later(hours=3)
    ledger.accept(m.step_up_decided(ledger.area, child, request))
    ledger.follow(database)

    found = clocks(database, ledger, child)

    assert [found[rule]["state"] for rule in ANSWERED] == ["met", "met"]
    assert not set(due(database, MONDAY + timedelta(days=30))) & set(ANSWERED)


def test_a_protection_assessment_starts_within_24_hours(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The clock runs through the night for child protection alone and stops with the assessment."""
    child = new_reference()
    request = ledger.accept(m.protection(ledger.area, child))
    ledger.follow(database)
    started = clocks(database, ledger, child)["start-protection-assessment"]
    ledger.later(hours=2)
    ledger.accept(referral_decided(ledger, child, request, "section_47"))
    ledger.later(hours=20)
    ledger.accept(m.assessment(ledger.area, child))
    ledger.follow(database)
    stopped = clocks(database, ledger, child)["start-protection-assessment"]

    assert started["due_at"] == "2026-03-03T10:00:00.000Z"
    assert started["state"] == "running"
    assert (stopped["state"], stopped["stopped_at"]) == ("met", "2026-03-03T08:00:00.000Z")


def test_a_proposed_lead_answers_within_five_working_days(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The clock runs against the agency of the person proposed and stops with yes or no."""
    child = new_reference()
    ledger.accept(m.opened_before(ledger.area, child))
    proposal = ledger.accept(
        m.lead_proposed(ledger.area, child, CAF_WORKER, CAF_WORKER, (SCHOOL, CAF))
    )
    ledger.follow(database)
    started = clocks(database, ledger, child)["answer-lead-proposal"]
    ledger.later(days=3)
    ledger.accept(
        m.lead_answered(ledger.area, child, proposal, CAF_WORKER, (SCHOOL, CAF), yes=False)
    )
    ledger.follow(database)

    assert (started["agency"], started["due_at"]) == (CAF, "2026-03-09T17:00:00.000Z")
    assert clocks(database, ledger, child)["answer-lead-proposal"]["state"] == "met"


def test_a_step_down_runs_against_the_caf_team(database: Engine, ledger: LedgerWriter) -> None:
    """The agency that owes the answer is the CAF team, which acknowledges and decides."""
    child = new_reference()
    ledger.accept(m.care_opened_before(ledger.area, child))
    ledger.accept(m.step_down(ledger.area, child))
    ledger.follow(database)

    found = clocks(database, ledger, child)

    assert set(found) == {"acknowledge-step-down", "decide-step-down"}
    assert {clock["agency"] for clock in found.values()} == {CAF}


def test_a_request_copied_to_others_runs_against_first_response(
    database: Engine, ledger: LedgerWriter
) -> None:
    """An agency that is only informed owes no acknowledgement."""
    child = new_reference()
    ledger.accept(m.referral(ledger.area, child, to=[CARE, FRONT]))
    ledger.follow(database)

    found = clocks(database, ledger, child)
    assert {found[rule]["agency"] for rule in ANSWERED} == {FRONT}


def test_a_late_answer_still_has_to_be_told(database: Engine, ledger: LedgerWriter) -> None:
    """An answer after the due time leaves the clock met late, and its manager to be told."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.later(days=2)
    ledger.accept(m.acknowledged(ledger.area, child, request))
    ledger.follow(database)

    assert clocks(database, ledger, child)["acknowledge-request"]["state"] == "met_late"
    assert due(database, ledger.area.now) == ["acknowledge-request", "decide-request"]


def test_missed_is_marked_once_and_only_for_what_still_runs(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Marking counts each clock once; a stopped one keeps the state its answer gave it."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.later(days=2)
    ledger.accept(m.acknowledged(ledger.area, child, request))
    ledger.follow(database)
    now = ledger.area.now

    with database.begin() as connection:
        found = due_clocks(connection, LIVE, now)
        first = mark_missed(connection, LIVE, now, found)
        second = mark_missed(connection, LIVE, now, found)
        states = connection.execute(select(LIVE.clocks.c.rule, LIVE.clocks.c.state)).all()

    assert (first, second) == (1, 0)
    assert {tuple(row) for row in states} >= {
        ("acknowledge-request", "met_late"),
        ("decide-request", "missed"),
    }


def test_replayed_history_starts_no_clock(database: Engine, ledger: LedgerWriter) -> None:
    """History told afterwards has no clocks, and is marked as replayed."""
    past = new_reference()
    history = {"occurred_on": "2019-05-01", "source": "cin"}
    ledger.accept(m.referral(ledger.area, past, history=history))
    ledger.follow(database)

    assert clocks(database, ledger, past) == {}
    with database.begin() as connection:
        replayed = asking.track(connection, past, ledger.book.packs, MONDAY)["messages"]
    assert [message["replayed"] for message in replayed] == [True]


def test_a_proposal_that_lapses_is_not_chased(database: Engine, ledger: LedgerWriter) -> None:
    """When the family's no closes the case nobody is told that the proposal went unanswered."""
    child = new_reference()
    ledger.accept(m.care_opened_before(ledger.area, child))
    ledger.accept(m.lead_proposed(ledger.area, child, TEACHER, WORKER, (SCHOOL, CARE)))
    ledger.later(hours=1)
    closing = ledger.accept(m.closed(ledger.area, child, "declined"))
    ledger.follow(database)

    clock = clocks(database, ledger, child)["answer-lead-proposal"]

    assert (clock["state"], clock["stopped_by"]) == ("ended", closing)
    assert "answer-lead-proposal" not in due(database, MONDAY + timedelta(days=60))


def test_the_notice_in_the_ledger_ends_the_telling(database: Engine, ledger: LedgerWriter) -> None:
    """Whoever follows the accepted notice knows from it alone that the manager was told."""
    child = new_reference()
    ledger.accept(m.referral(ledger.area, child))
    ledger.follow(database)
    ledger.later(days=2)
    notice = ledger.accept(notice_of(database, ledger, "decide-request"))
    ledger.follow(database)

    clock = clocks(database, ledger, child)["decide-request"]

    assert (clock["state"], clock["notice"]) == ("missed", notice)
    assert clock["manager"] == f"{FRONT}.manager"
    assert due(database, ledger.area.now) == ["acknowledge-request"]


def test_another_message_of_that_kind_ends_no_telling(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A notice whose id does not follow from the clock is not taken for the tracker's own."""
    child = new_reference()
    ledger.accept(m.referral(ledger.area, child))
    ledger.follow(database)
    ledger.later(days=2)
    ledger.accept(notice_of(database, ledger, "decide-request", id=new_reference()))
    ledger.follow(database)

    assert due(database, ledger.area.now) == ["acknowledge-request", "decide-request"]


def test_finding_what_is_due_reads_only_what_is_due(database: Engine, ledger: LedgerWriter) -> None:
    """What is due, what to warn of and who leads are found by indexes of such rows alone."""
    ledger.accept(m.referral(ledger.area, new_reference()))
    ledger.follow(database)
    table = LIVE.clocks
    due_now = select(table.c.id).where(table.c.untold.is_(True), table.c.due_at < MONDAY)
    to_warn = select(table.c.id).where(table.c.unwarned.is_(True), table.c.warn_at < MONDAY)
    led = select(LIVE.custody.c.child).where(
        LIVE.custody.c.practitioner.in_([TEACHER, WORKER]), LIVE.custody.c.to_at.is_(None)
    )

    assert "USING INDEX clocks_due" in plan_of(database, due_now)
    assert "USING INDEX clocks_warn" in plan_of(database, to_warn)
    assert "USING INDEX custody_of" in plan_of(database, led)
    with database.begin() as connection:
        connection.execute(update(table).values(untold=False))
    assert due(database, MONDAY + timedelta(days=30)) == []


def test_the_operators_closing_days_count() -> None:
    """A day that the operator closes and an earlier closing time move what is due."""
    settings = Settings.load(closing_days="2026-03-03", closing_time="16:30")

    assert calendar_of(settings).add_working_days(MONDAY, 1) == datetime(
        2026, 3, 4, 16, 30, tzinfo=UTC
    )


def plan_of(database: Engine, search: Select[Any]) -> str:
    """Return how SQLite goes about a search."""
    statement = search.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with database.begin() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
    return "\n".join(row[-1] for row in plan)


def notice_of(database: Engine, ledger: LedgerWriter, rule: str, **changes: str) -> Sealed:
    """Seal the tracker's notice about the clock of `rule` that is due now."""
    with database.begin() as connection:
        found = due_clocks(connection, LIVE, ledger.area.now)
    kept = next(kept for kept in found if kept.clock.rule == rule)
    told = Addressees(f"{FRONT}.manager", DUTY)
    event = missed_notice(kept.clock, kept.entry, "demo.tracker", told, ledger.area.now)
    return seal(event.model_copy(update=changes), ledger.area.services["tracker"])


def referral_decided(ledger: LedgerWriter, child: str, request: str, outcome: str) -> Sealed:
    """Seal First Response's decision on a referral."""
    return ledger.area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": outcome},
    )
