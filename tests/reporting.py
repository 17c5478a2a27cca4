"""A report on numbers written down by hand: messages, clocks, and the tables made of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from contracts.identifiers import new_reference
from services.tracker.report.form import Reader, Report, ReportRequest, Table
from services.tracker.report.material import Fact, Material, Standard
from services.tracker.report.quarter import report

JULY = datetime(2026, 7, 6, 9, tzinfo=UTC)
NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
SCHOOL, GP, FRONT, CAF = "demo.school", "demo.surgery", "demo.front-door", "demo.caf-team"
ANNA, BEN, CARL = (f"{name:-<20}" for name in ("anna", "ben", "carl"))
_DIRECTIONS = {
    "referral.submitted": "referral",
    "stepup.requested": "step_up",
    "stepdown.requested": "step_down",
}


def fact(kind: str, child: str = ANNA, agency: str = SCHOOL, **more: Any) -> Fact:
    """A message of `kind`, on the first Monday of July unless said otherwise."""
    made = {"at": JULY, "message": new_reference(), "direction": _DIRECTIONS.get(kind), **more}
    return Fact(child=child, kind=kind, agency=agency, **made)


def clock(rule: str = "decide", state: str = "met", taken_h: float | None = 1, **more: Any) -> Any:
    """A clock of one working day that began with the day."""
    started = more.pop("started_at", JULY)
    return Standard(
        child=ANNA,
        message=new_reference(),
        rule=rule,
        title=f"The {rule} standard",
        started_at=started,
        due_at=more.pop("due_at", started + timedelta(days=1)),
        stopped_at=None if taken_h is None else started + timedelta(hours=taken_h),
        state=state,
        **more,
    )


def made(material: Material, reader: Reader = Reader.FULL, **more: Any) -> Report:
    """The report on the third quarter, as it stood in October."""
    asked = ReportRequest(
        first=date(2026, 7, 1), last=date(2026, 9, 30), reader=reader, seed="s1", **more
    )
    return report(material, asked, ("rochdale-2013@2",), NOW)


def table(found: Report, name: str) -> Table:
    """One table of a report."""
    return next(one for one in found.tables if one.id == name)


def numbers(found: Report, name: str, measure: str = "count") -> dict[tuple[str, ...], Any]:
    """The numbers of one measure of a table, by the labels of their rows."""
    return {row.labels: row.values[measure] for row in table(found, name).rows}


def of_facts(*facts: Fact) -> Material:
    """Material of messages alone."""
    return Material(facts=facts)
