"""A report as CSV and Markdown, and the days that it is asked for."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import HandrailError
from services.cli.report_days import days_of
from services.cli.report_writing import COLUMNS, as_csv, as_markdown

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)


def told(label: str = "demo.school", title: str = "Requests", **row: Any) -> dict[str, Any]:
    """A report of one table with one row, as the tracker answers it."""
    values = {"labels": [label, "all"], "values": {"count": 7, "share": 33.3}, "withheld": []}
    return {
        "label": "2026-Q3",
        "first": "2026-07-01",
        "last": "2026-09-30",
        "made_at": "2026-10-05T09:00:00Z",
        "reader": "full",
        "rule_packs": ["rochdale-2013@2"],
        "tables": [
            {
                "id": "volumes",
                "title": title,
                "labels": ["agency", "level"],
                "measures": [
                    {"name": "count", "title": "count", "unit": "count"},
                    {"name": "share", "title": "share, %", "unit": "percent"},
                ],
                "rows": [{**values, **row}],
                "note": "",
            }
        ],
        "sample": {"seed": "s1", "of": 40, "children": ["anna----------------"]},
    }


def lines(report: dict[str, Any]) -> list[list[str]]:
    """The lines of the CSV, as any reader takes them apart."""
    return list(csv.reader(io.StringIO(as_csv(report), newline="")))


def test_csv_has_one_line_for_every_number_and_always_the_same_columns() -> None:
    """Columns stand in one order, whatever a table's labels are."""
    assert lines(told()) == [
        list(COLUMNS),
        [
            *("2026-Q3", "2026-07-01", "2026-09-30", "full", "volumes"),
            *("demo.school", "all", "", "count", "count", "7"),
        ],
        [
            *("2026-Q3", "2026-07-01", "2026-09-30", "full", "volumes"),
            *("demo.school", "all", "", "share", "percent", "33.3"),
        ],
        [
            *("2026-Q3", "2026-07-01", "2026-09-30", "full", "audit_sample"),
            *("s1", "1", "", "child", "reference", "anna----------------"),
        ],
    ]


@pytest.mark.parametrize(
    "label", ["=1+1", "+44", "-1", "@SUM(A1)", "\t=1", "  =1", "\N{FULLWIDTH EQUALS SIGN}1"]
)
def test_no_cell_is_a_formula(label: str) -> None:
    """What a spreadsheet would run stands behind an apostrophe."""
    assert lines(told(label))[1][5] == f"'{label}"


@given(st.text(max_size=30))
def test_whatever_a_label_says_the_csv_stays_in_shape(label: str) -> None:
    """Quotes, commas and line breaks neither add columns nor begin a formula."""
    found = lines(told(label))

    assert {len(line) for line in found} == {len(COLUMNS)}
    assert not found[1][5].lstrip().startswith(("=", "+", "-", "@"))


def test_withheld_and_missing_numbers_are_told_apart() -> None:
    """`[c]` is a number that is not for this reader, nothing is a number that there is none of."""
    row: dict[str, Any] = {"values": {"count": None, "share": None}, "withheld": ["count"]}

    assert [line[-1] for line in lines(told(**row))[1:3]] == ["[c]", ""]
    assert "| demo.school | all | [c] | - |" in as_markdown(told(**row))


def test_markdown_shows_every_table_and_the_seed_of_the_sample() -> None:
    """A heading and a line for every row, and by what the sample was drawn."""
    text = as_markdown(told())

    assert "# Report 2026-Q3" in text
    assert "| agency | level | count | share, % |" in text
    assert "| demo.school | all | 7 | 33.3 |" in text
    assert "1 of 40 journeys, drawn by the seed `s1`" in text
    assert "2026-10-05 10:00 BST" in text


def test_no_label_breaks_out_of_its_cell_in_markdown() -> None:
    """Bars, links and line breaks are shown as they are."""
    text = as_markdown(told("a|b\n[x](http://y)", title="<b>T</b>"))

    assert "a\\|b \\[x\\](http://y)" in text
    assert "<b>" not in text.replace("\\<b\\>", "")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2028-Q1", date(2028, 1, 1), date(2028, 3, 31)),
        ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
    ],
)
def test_a_quarter_is_three_months_of_the_calendar_year(
    asked: str, first: date, last: date
) -> None:
    """The first is January to March."""
    assert days_of(asked, None, None, NOW) == (first, last)


def test_without_days_it_is_the_last_quarter_that_is_over_in_london() -> None:
    """At half past eleven at night in UTC on 30 June it is July in London."""
    summer = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    new_year = datetime(2027, 1, 1, tzinfo=UTC)

    assert days_of(None, None, None, summer) == (date(2026, 4, 1), date(2026, 6, 30))
    assert days_of(None, None, None, NOW) == (date(2026, 7, 1), date(2026, 9, 30))
    assert days_of(None, None, None, new_year) == (date(2026, 10, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("quarter", "first", "last"),
    [
        ("2026-Q5", None, None),
        ("2026Q1", None, None),
        ("2026-Q1", date(2026, 1, 1), None),
        (None, date(2026, 1, 1), None),
        (None, None, date(2026, 1, 1)),
    ],
)
def test_unclear_days_are_refused(
    quarter: str | None, first: date | None, last: date | None
) -> None:
    """Half a period, a quarter that is none, or both ways at once."""
    with pytest.raises(HandrailError, match=r"report\.period"):
        days_of(quarter, first, last, NOW)
