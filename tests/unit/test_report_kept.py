"""What a report counts of standards and of people told, and what anybody may read of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.tracker.report.form import Reader, Report, ReportRequest
from services.tracker.report.material import Material, Tell
from services.tracker.report.quarter import report
from tests.reporting import (
    ANNA,
    BEN,
    GP,
    JULY,
    NOW,
    SCHOOL,
    clock,
    fact,
    made,
    numbers,
    of_facts,
    table,
)


def test_standards_show_how_many_were_kept_and_how_long_it_took() -> None:
    """The share in time is of what is done or late; what still runs is neither."""
    clocks = (
        *(clock(taken_h=hour) for hour in (1, 2, 3)),
        clock(state="met_late", taken_h=30),
        clock(state="missed", taken_h=None),
        clock(state="running", taken_h=None),
        clock(state="paused", taken_h=None),
        clock(state="ended", taken_h=2),
        clock(started_at=JULY - timedelta(days=30)),
    )
    row = table(made(Material(standards=clocks)), "standards").rows[0]

    assert row.labels == ("decide", "The decide standard")
    assert row.values == {
        "started": 8,
        "in_time": 3,
        "late": 2,
        "running": 2,
        "ended": 1,
        "median_hours": 2.5,
        "p90_hours": 30.0,
        "share_in_time": 60.0,
    }


def test_misses_are_shown_with_their_reason_or_as_unexplained() -> None:
    """A miss counts when its time ran out, whether or not it was made good later."""
    clocks = (
        clock(state="missed", taken_h=None, cause="workload"),
        clock(state="met_late", taken_h=40),
        clock(state="met_late", taken_h=40, cause="workload"),
        clock("acknowledge", state="missed", taken_h=None),
        clock(state="missed", taken_h=None, due_at=NOW),
        clock(),
    )

    assert numbers(made(Material(standards=clocks)), "misses") == {
        ("all", "all"): 4,
        ("acknowledge", "all"): 1,
        ("acknowledge", "unexplained"): 1,
        ("decide", "all"): 3,
        ("decide", "unexplained"): 1,
        ("decide", "workload"): 2,
    }


def test_people_told_and_not_told_are_counted_by_when_it_was_due() -> None:
    """Told in time, told late, not told, not yet, or not appropriate with its code."""
    due = JULY + timedelta(days=3)
    late = due + timedelta(seconds=1)
    ahead = datetime(2026, 9, 30, 12, tzinfo=UTC)
    tells = (
        Tell("family", JULY, due, "told", due),
        Tell("family", JULY, due, "told", late),
        Tell("family", JULY, due, "not_yet"),
        Tell("family", JULY, due, "not_appropriate", because="unsafe_for_child"),
        Tell("family", JULY, due, "withdrawn"),
        Tell("referrer", JULY, None, "not_yet"),
        Tell("referrer", JULY, ahead, "told", ahead),
        Tell("referrer", JULY, NOW, "not_yet"),
    )

    assert numbers(made(Material(tells=tells)), "people_told") == {
        ("all", "all"): 6,
        ("family", "all"): 4,
        ("family", "told in time"): 1,
        ("family", "told late"): 1,
        ("family", "not told"): 1,
        ("family", "not appropriate: unsafe_for_child"): 1,
        ("referrer", "all"): 2,
        ("referrer", "not told yet"): 1,
        ("referrer", "told in time"): 1,
    }


def test_breaches_and_changes_of_time_are_counted_with_their_codes() -> None:
    """Withdrawals by error, extensions, pauses and postponements by what they name."""
    extended = {"clock": "decide", "because": "court_or_police"}
    found = made(
        of_facts(
            fact("message.withdrawn", codes={"error": "wrong_child", "message": "x"}),
            fact("message.withdrawn", BEN, GP, codes={"error": "wrong_recipient"}),
            fact("standard.extended", codes=extended),
            fact("standard.paused", codes={"clock": "decide", "because": "family_wishes"}),
            fact("meeting.postponed", codes={"ref": "r", "because": "illness"}),
            fact("meeting.postponed", at=NOW, codes={"because": "illness"}),
        )
    )

    assert numbers(found, "breaches") == {
        ("all", "all"): 2,
        ("wrong_child", "all"): 1,
        ("wrong_child", SCHOOL): 1,
        ("wrong_recipient", "all"): 1,
        ("wrong_recipient", GP): 1,
    }
    assert numbers(found, "changes")[("extended", "decide", "court_or_police")] == 1
    assert numbers(found, "changes")[("postponed", "meeting", "illness")] == 1
    assert numbers(found, "changes")[("all", "all", "all")] == 3


def test_a_public_reader_gets_no_small_number_and_no_sample() -> None:
    """What is left shows neither 1 to 5 nor enough to work one out."""
    school = [fact("referral.submitted", new_reference(), SCHOOL) for _ in range(20)]
    surgery = [fact("referral.submitted", new_reference(), GP) for _ in range(3)]
    found = made(of_facts(*school, *surgery), Reader.PUBLIC)

    assert numbers(found, "volumes") == {
        ("all", "all", "all"): 23,
        ("referral", "all", "all"): 23,
        ("referral", SCHOOL, "universal"): None,
        ("referral", GP, "universal"): None,
    }
    assert found.sample is None
    assert ANNA not in found.model_dump_json()


def test_what_is_worked_out_from_a_withheld_count_is_withheld_too() -> None:
    """A share in time would give away the two that were late."""
    clocks = (*(clock() for _ in range(18)), *(clock(state="met_late", taken_h=9),) * 2)
    full = table(made(Material(standards=clocks)), "standards").rows[0]
    public = table(made(Material(standards=clocks), Reader.PUBLIC), "standards").rows[0]

    assert full.values["share_in_time"] == 90.0
    assert public.values["started"] == 20
    assert public.values["share_in_time"] is None
    assert set(public.withheld) == {
        "in_time",
        "late",
        "running",
        "median_hours",
        "p90_hours",
        "share_in_time",
    }


def test_nothing_at_all_is_a_report_too() -> None:
    """A quarter without a message has every table, with noughts or no rows."""
    found = made(Material())

    assert numbers(found, "volumes") == {("all", "all", "all"): 0}
    assert table(found, "standards").rows == ()
    assert found.label == "2026-Q3"
    assert Report.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("first", "last", "now"),
    [
        (date(2026, 7, 2), date(2026, 9, 30), NOW),
        (date(2026, 7, 1), date(2026, 9, 29), NOW),
        (date(2026, 7, 1), date(2026, 9, 30), datetime(2026, 9, 30, 22, 59, tzinfo=UTC)),
    ],
)
def test_the_public_reads_whole_quarters_that_are_over(
    first: date, last: date, now: datetime
) -> None:
    """Two reports that differ by a day would give away what happened on it."""
    asked = ReportRequest(first=first, last=last, reader=Reader.PUBLIC, seed="s")

    with pytest.raises(HandrailError, match=r"report\.not-public"):
        report(Material(), asked, (), now)
    full = asked.model_copy(update={"reader": Reader.FULL})
    assert report(Material(), full, (), now).reader is Reader.FULL
