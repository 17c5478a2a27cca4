"""What a report is worked out from, as it gets into the tracker's tables and out again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, select

from contracts import subjects
from contracts.directory import RulesInForce
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.rules.loader import USUAL
from contracts.worktime import LONDON
from services.runtime.sql import engine
from services.tracker.asking import track
from services.tracker.measures import measures
from services.tracker.report.form import Report, ReportRequest
from services.tracker.report.period import period
from services.tracker.report.quarter import report
from services.tracker.report.reading import material
from services.tracker.store import LIVE, prepare
from tests import messages as m
from tests.area import CARE, FRONT, SCHOOL, TEACHER, Area
from tests.messages_real_life import clock, missed, redirected, standard
from tests.tracking import LedgerWriter, rows

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/tracker.sqlite"


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database with the tracker's tables, once of each kind."""
    opened = engine(request.getfixturevalue(request.param).replace("+psycopg", ""))
    prepare(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger() -> LedgerWriter:
    """Give a ledger that begins on a Monday morning."""
    return LedgerWriter(Area(MONDAY))


def receipt(ledger: LedgerWriter, outcome: str, *codes: str, **changes: Any) -> None:
    """Add the receipt of a step down that the exchange refused, or of another outcome."""
    message = new_reference()
    decision = {
        "v": 1,
        "exchange": "demo.exchange",
        "outcome": outcome,
        "agency": CARE,
        "lane": subjects.submit_stream(CARE),
        "sequence": 1,
        "submission": "0" * 64,
        "message": message,
        "kind": "stepdown.requested",
        "reasons": [{"code": code, "detail": ""} for code in codes],
        "now": iso(ledger.area.now),
        **changes,
    }
    body = {
        "v": 1,
        "decision": orjson.dumps(decision).decode(),
        "group": "",
        "place": {"index": 0, "path": []},
        "lane": "",
        "lane_place": {"index": 0, "path": []},
    }
    ledger.add(subjects.receipt(CARE, message), body)


def reported(database: Engine, ledger: LedgerWriter, seed: str = "s") -> Report:
    """The report on the quarter, as it stands now."""
    days = period(date(2026, 1, 1), date(2026, 3, 31))
    asked = ReportRequest(first=days.first, last=days.last, seed=seed)
    now = ledger.area.now
    with database.begin() as connection:
        rows_read = material(connection, days, ledger.book.packs, now)
    return report(rows_read, asked, ledger.book.packs.names, now)


def numbers(found: Report, name: str, measure: str = "count") -> dict[tuple[str, ...], Any]:
    """The numbers of one measure of a table, by the labels of their rows."""
    table = next(one for one in found.tables if one.id == name)
    return {row.labels: row.values[measure] for row in table.rows}


def test_a_refusal_is_counted_once_with_every_code(database: Engine, ledger: LedgerWriter) -> None:
    """However often its receipt is delivered; and it holds no child."""
    receipt(ledger, "refused", "stepdown.too-soon", "consent.missing", "consent.missing")
    ledger.follow(database)
    ledger.follow(database)

    assert numbers(reported(database, ledger), "step_downs_refused") == {
        ("all", "all", "all"): 1,
        ("rules", "all", "all"): 1,
        ("rules", CARE, "consent.missing + stepdown.too-soon"): 1,
    }
    assert "child" not in LIVE.refusals.c


def test_receipts_that_say_nothing_new_are_passed_over(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Accepted is in the journey, bytes without a message in quarantine, held is not decided."""
    receipt(ledger, "accepted")
    receipt(ledger, "held")
    receipt(ledger, "refused", "seal.unreadable", message=None, kind="")
    ledger.add(f"receipt.{CARE}.bytes.{'0' * 64}", {})
    ledger.follow(database)

    with database.begin() as connection:
        assert connection.execute(select(LIVE.refusals)).all() == []


def test_a_damaged_receipt_of_a_refusal_is_refused(database: Engine, ledger: LedgerWriter) -> None:
    """What says that it is a refusal and cannot be read is not passed over."""
    receipt(ledger, "refused", "stepdown.too-soon")
    damaged = replace(ledger.records[0], data=ledger.records[0].data[:-5])

    with pytest.raises(HandrailError, match=r"entry\.unreadable"):
        ledger.follow(database, [damaged])


def test_a_whole_step_up_and_step_down_is_reported(database: Engine, ledger: LedgerWriter) -> None:
    """From the ledger to the numbers: requests, answers, standards, leads and who was told."""
    child = ledger.stepped_up()
    ledger.stepped_down(child)
    ledger.follow(database)
    found = reported(database, ledger)

    volumes = numbers(found, "volumes")
    assert volumes[("step_up", SCHOOL, "early_help")] == 1
    assert volumes[("step_down", CARE, "child_in_need")] == 1
    assert numbers(found, "answer_times", "median_hours")[("step_up", "acknowledged")] == 0.3
    assert numbers(found, "answer_times", "median_hours")[("step_up", "decided")] == 0.7
    assert numbers(found, "leads")[("accepted", "all")] == 2
    assert sum(numbers(found, "standards", "in_time").values()) > 3
    assert numbers(found, "misses") == {("all", "all"): 0}
    assert numbers(found, "people_told")[("referrer", "told in time")] >= 1
    assert found.sample is not None
    assert found.sample.children == (child,)


def told_twice(ledger: LedgerWriter) -> str:
    """The school refers, and asks for the household again two days later, carrying the rest on."""
    child, area = new_reference(), ledger.area
    on_duty = {"kind": "statutory_duty", "provision": "CA1989-s17"}
    content = {"concern": "child_in_need", "source": "2A"}
    happened = area.statement("concern.what_happened")
    siblings = area.statement("family.siblings")
    first = [happened, siblings, area.statement("family.household")]
    about: dict[str, Any] = {"basis": on_duty, "content": content}
    told = ledger.accept(area.sealed("referral.submitted", child, TEACHER, [FRONT], first, **about))
    carried = siblings.model_copy(update={"carried_from": told})
    ledger.later(days=2)
    again = [area.statement("concern.what_happened"), carried, area.statement("family.household")]
    about["time"] = area.now
    ledger.accept(area.sealed("referral.submitted", child, TEACHER, [FRONT], again, **about))
    return child


def test_a_question_answered_before_is_asked_again(database: Engine, ledger: LedgerWriter) -> None:
    """A fresh answer asked for on a later day counts; what is carried on or stays open does not."""
    told_twice(ledger)
    ledger.follow(database)
    found = reported(database, ledger)

    assert numbers(found, "questions_asked_again", "again") == {(SCHOOL,): 1}
    assert numbers(found, "questions_asked_again", "answers") == {(SCHOOL,): 4}
    form = ("Multi-agency referral", SCHOOL)
    assert numbers(found, "filled_without_asking", "carried") == {form: 1}
    assert numbers(found, "filled_without_asking", "statements") == {form: 6}
    assert numbers(found, "filled_without_asking", "share_carried") == {form: 16.7}


def test_both_measures_are_live_of_a_child_and_of_the_area(
    database: Engine, ledger: LedgerWriter
) -> None:
    """What a report counts is there at any time: of one child, of the area, and of each agency."""
    child, other = told_twice(ledger), told_twice(ledger)
    ledger.follow(database)
    with database.begin() as connection:
        of_child = measures(connection, child)
        of_area = measures(connection)
        tracked = track(connection, other, ledger.book.packs, ledger.area.now)["told_once"]
        with pytest.raises(HandrailError) as caught:
            measures(connection, new_reference())

    one = {
        "answers": 4,
        "asked_again": 1,
        "form_statements": 6,
        "carried": 1,
        "filled_without_asking": 16.7,
    }
    both = {**one, "answers": 8, "asked_again": 2, "form_statements": 12, "carried": 2}
    assert of_child == {"child": child, **one}
    assert tracked == one
    assert of_area == {**both, "agencies": {SCHOOL: both}}
    assert caught.value.code == "track.unknown-child"


def test_a_missed_standard_is_unexplained_until_somebody_explains_it(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The reason is a signed message; its code takes the place of `unexplained`."""
    child, area = new_reference(), ledger.area
    request = ledger.accept(m.referral(area, child))
    ledger.follow(database)
    ledger.later(days=7)
    before = numbers(reported(database, ledger), "misses")
    ledger.accept(missed(area, child, request, "acknowledge-request"))
    ledger.accept(
        area.sealed(
            "standard.explained",
            child,
            f"{FRONT}.duty",
            (),
            [area.statement("standard.reason", by=f"{FRONT}.duty")],
            basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
            content={"clock": "acknowledge-request", "started_by": request, "cause": "workload"},
        )
    )
    ledger.follow(database)
    after = numbers(reported(database, ledger), "misses")

    assert before[("acknowledge-request", "unexplained")] == 1
    assert after[("acknowledge-request", "workload")] == 1
    assert ("acknowledge-request", "unexplained") not in after


def test_history_counts_on_the_day_that_it_tells_of(database: Engine, ledger: LedgerWriter) -> None:
    """A referral of last summer makes today's a second one, and is no request of this quarter."""
    child, area = new_reference(), ledger.area
    past = {"occurred_on": "2025-06-01", "source": "old-system"}
    ledger.accept(m.referral(area, child, history=past))
    ledger.accept(m.referral(area, child))
    ledger.follow(database)

    with database.begin() as connection:
        at = connection.scalars(select(LIVE.facts.c.at).order_by(LIVE.facts.c.entry)).all()
    found = reported(database, ledger)

    assert at[0] == datetime(2025, 6, 1, tzinfo=LONDON)
    assert numbers(found, "re_referrals", "again") == {("referral",): 1}
    assert numbers(found, "volumes")[("all", "all", "all")] == 1


def test_what_a_report_needs_holds_no_statement(database: Engine, ledger: LedgerWriter) -> None:
    """No word that a family said stands in a row or in a report."""
    said = "a sentence that nobody else would say"
    statement = ledger.area.statement("concern.what_happened", said)
    ledger.accept(m.referral(ledger.area, new_reference(), statements=[statement]))
    ledger.follow(database)

    assert said not in repr(rows(database))
    assert said not in reported(database, ledger).model_dump_json()


def test_a_redirected_request_asks_nobody_again(database: Engine, ledger: LedgerWriter) -> None:
    """Who passes a request on repeats what was said, and no family was asked for it."""
    child, area = new_reference(), ledger.area
    said = [area.statement(q) for q in ("concern.what_happened", "health.general")]
    request = ledger.accept(m.referral(area, child, statements=said))
    area.now += timedelta(days=2)
    ledger.accept(redirected(area, child, request, CARE, about="health.general"))
    ledger.follow(database)
    found = reported(database, ledger)

    assert numbers(found, "questions_asked_again", "answers").keys() == {(SCHOOL,)}
    assert numbers(found, "questions_asked_again", "again") == {(SCHOOL,): 0}


def test_only_who_had_to_be_told_by_a_rule_is_counted(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Evidence that no rule asked for is shown in the journey, and is no duty done."""
    child, area = new_reference(), ledger.area
    request = ledger.accept(m.referral(area, child))
    content = {"people": ["family"], "of": request, "form": "outcome"}
    ledger.take(area.sealed("people.told", child, f"{FRONT}.duty", (), content=content))
    ledger.follow(database)

    assert not [p for p, _ in numbers(reported(database, ledger), "people_told") if p == "family"]


def test_an_extension_that_no_clock_took_is_not_counted(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The signed message is there, and the clock says that it had no effect."""
    child, area = new_reference(), ledger.area
    request = ledger.accept(m.referral(area, child))
    content = clock(request, "acknowledge-request", because="other")
    until = {"until": iso(area.now + timedelta(days=3))}
    ledger.take(standard(area, child, "extended", content | until))
    ledger.follow(database)

    assert ("extended", "all", "all") not in numbers(reported(database, ledger), "changes")


def test_a_report_names_the_rule_packs_of_its_own_quarter(ledger: LedgerWriter) -> None:
    """A pack that came into force since is not named, one that came in meanwhile is."""
    area = ledger.area
    began = datetime(2026, 1, 1, tzinfo=UTC)
    changes = tuple(
        RulesInForce(since=since, packs=packs)
        for since, packs in (
            (began - timedelta(days=9), USUAL),
            (began + timedelta(days=9), USUAL[:1]),
            (began + timedelta(days=99), USUAL[1:2]),
        )
    )
    area.document = area.document.model_copy(update={"rule_changes": changes})

    def named(first_day: int, last_day: int) -> set[str]:
        begins, ends = (began + timedelta(days=day) for day in (first_day, last_day))
        return {name.partition("@")[0] for name in ledger.book.names_within(begins, ends)}

    assert named(0, 90) == set(USUAL)
    assert named(10, 90) == set(USUAL[:1])
    assert named(98, 107) == set(USUAL[:2])
