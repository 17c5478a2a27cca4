"""The form of a report: tables of rows, each with labels, numbers, and what is withheld of them.

It is what the tracker answers and what `--format json` prints; a member that is added is an
addition, a changed meaning a new `format`.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.identifiers import ChildRef
from contracts.values import Instant, Value

ALL = "all"
"""The label of a row that counts every value of it."""


class Reader(StrEnum):
    """Who reads: somebody entitled to every number, or anybody."""

    FULL = "full"
    PUBLIC = "public"


class Unit(StrEnum):
    """What a number counts: things, elapsed hours, or a share in percent."""

    COUNT = "count"
    HOURS = "hours"
    PERCENT = "percent"


class Measure(Value):
    """One column of numbers."""

    name: str
    title: str
    unit: Unit = Unit.COUNT


class Row(Value):
    """One line: its labels in the table's order, and its numbers by measure.

    A number is null where there is none to give; `withheld` names the measures whose number is not
    for this reader.
    """

    labels: tuple[str, ...]
    values: dict[str, int | float | None]
    withheld: tuple[str, ...] = ()


class Table(Value):
    """One table; `note` says how it is counted."""

    id: str
    title: str
    labels: tuple[str, ...]
    measures: tuple[Measure, ...]
    rows: tuple[Row, ...]
    note: str = ""


class Sample(Value):
    """Journeys drawn for an audit of their files, by references alone: `size` of `of` (002)."""

    seed: str
    of: int
    children: tuple[ChildRef, ...]


class Report(Value):
    """A report on a period of whole London days, as at the instant `made_at`."""

    format: Literal[1] = 1
    label: str
    first: date
    last: date
    begins: Instant
    ends: Instant
    made_at: Instant
    reader: Reader
    rule_packs: tuple[str, ...]
    tables: tuple[Table, ...]
    sample: Sample | None = None


class ReportRequest(Value):
    """Which days are asked about, for whom, and how the audit sample is to be drawn."""

    first: date
    last: date
    reader: Reader = Reader.FULL
    seed: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    sample: Annotated[int, Field(ge=0, le=500)] = 10
