"""A report as Markdown and as CSV; as JSON it is printed as the tracker gives it.

Labels come from the directory, from rule packs and from messages that agencies wrote, so nothing in
them is a formula to a spreadsheet, and nothing ends a cell of a table.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from contracts.worktime import LONDON
from services.cli.output import plain

WITHHELD: Final = "[c]"
"""In place of a number that is not for this reader: confidential."""

COLUMNS: Final = (
    "report",
    "first_day",
    "last_day",
    "reader",
    "table",
    "label_1",
    "label_2",
    "label_3",
    "measure",
    "unit",
    "value",
)
"""The columns of the CSV, always all of them and in this order; new ones are added at the end."""

_LABELS: Final = 3
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARKDOWN: Final = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]<>|#"} | {"\n": " ", "\r": " ", "\t": " "}
)


def as_csv(report: Mapping[str, Any]) -> str:
    """Return the report as CSV (RFC 4180), one line for every number.

    A number that there is none of is empty, one that is withheld is `[c]`.
    """
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    head = (report["label"], report["first"], report["last"], report["reader"])
    for cells in _numbers(report):
        writer.writerow([_safe(cell) for cell in (*head, *cells)])
    return made.getvalue()


def _numbers(report: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for table in report["tables"]:
        for row in table["rows"]:
            labels = (*row["labels"], *("",) * _LABELS)[:_LABELS]
            for measure in table["measures"]:
                value = _value(row, measure["name"], "")
                yield (table["id"], *labels, measure["name"], measure["unit"], value)
    sample = report["sample"]
    for place, child in enumerate(sample["children"] if sample else (), start=1):
        yield ("audit_sample", sample["seed"], str(place), "", "child", "reference", child)


def _safe(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(cell, int | float):
        return cell
    text = plain(cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text[:1] in _FORMULA else text


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown: a heading and a table for each part, and how it is counted."""
    made_at = datetime.fromisoformat(report["made_at"]).astimezone(LONDON)
    lines = [
        f"# Report {_words(report['label'])}",
        "",
        f"{report['first']} to {report['last']}, whole days in London.",
        f"As it stood on {made_at:%Y-%m-%d %H:%M %Z}. For: {report['reader']}.",
        f"Rule packs: {_words(', '.join(report['rule_packs']))}.",
    ]
    if report["reader"] == "public":
        lines += ["", f"{WITHHELD}: withheld, because it is 1 to 5 or would give such a number."]
    for table in report["tables"]:
        lines += ["", *_table(table)]
    if report["sample"]:
        lines += ["", *_sample(report["sample"])]
    return "\n".join(lines) + "\n"


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {_words(table['title'])}"
    yield ""
    if table["note"]:
        yield _words(table["note"])
        yield ""
    if not table["rows"]:
        yield "None."
        return
    heads = [name.replace("_", " ") for name in table["labels"]]
    heads += [measure["title"] for measure in table["measures"]]
    yield _line(heads)
    yield _line(["---"] * len(table["labels"]) + ["---:"] * len(table["measures"]))
    for row in table["rows"]:
        values = [_value(row, measure["name"], "-") for measure in table["measures"]]
        yield _line([*(_words(label) for label in row["labels"]), *map(str, values)])


def _sample(sample: Mapping[str, Any]) -> Iterator[str]:
    yield "## Audit sample"
    yield ""
    yield (
        f"{len(sample['children'])} of {sample['of']} journeys, drawn by the seed "
        f"`{sample['seed']}`: whoever draws by it again finds the same."
    )
    yield ""
    yield from (f"- {child}" for child in sample["children"])


def _value(row: Mapping[str, Any], measure: str, nothing: str) -> object:
    if measure in row["withheld"]:
        return WITHHELD
    value = row["values"].get(measure)
    return nothing if value is None else value


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _words(text: str) -> str:
    return plain(text).translate(_MARKDOWN)
