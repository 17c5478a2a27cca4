"""The services' own databases, read as plain SQL by whoever checks them; nothing is written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.checks_records import digest_of_delivery
from tests.faults.checks_sql import rows
from tests.faults.checks_words import Told, read_words

REBUILT: Final = {
    "journeys": "child, level, case_open, lead, lead_agency, entries",
    "messages": "child, entry, id, kind, agency, author, decided_at, answers, outcome, basis",
    "told": "child, entry, agency, message, delivered_at, acknowledged_at, acknowledged_by",
    "clocks": (
        "child, entry, rule, id, message, agency, practitioner, started_at, due_at,"
        " original_due_at, stopped_at, stopped_by, ended"
    ),
    "custody": ("child, number, practitioner, agency, from_at, by_message, to_at, until_message"),
}
"""What must be the same in tables that were built anew: all that follows from the ledger alone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery in an agency's store: what it is said to be, and the digest of its own bytes."""

    agency: str
    message: str
    sealed: str
    record: str


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock in the tracker's table; `stopped_by` is empty while it runs."""

    child: str
    entry: int
    rule: str
    message: str
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class Led:
    """That somebody led from one message until another, which is empty while it lasts."""

    child: str
    number: int
    practitioner: str
    since: str
    by: str
    until: str = ""
    until_by: str = ""


@dataclass
class Stores:
    """What the services keep beside the ledger; `rebuilt` names tables that came out otherwise."""

    deliveries: list[Kept] = field(default_factory=list)
    story: dict[int, Told] = field(default_factory=dict)
    set_aside: list[int] = field(default_factory=list)
    messages: set[tuple[str, int, str]] = field(default_factory=set)
    clocks: list[Clock] = field(default_factory=list)
    custody: list[Led] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)


def read_stores(folder: Path) -> Stores:
    """Return what the databases below `folder` hold."""
    made = Stores()
    for path in sorted(folder.glob("agency-*.sqlite")):
        for row in rows(path, "SELECT agency, message, sealed, record FROM deliveries"):
            record = digest_of_delivery(row.pop("record"))
            made.deliveries.append(Kept(**row, record=record))
    made.story = read_words(folder)
    made.set_aside = [
        row["ledger"] for row in rows(folder / "story.sqlite", "SELECT ledger FROM set_aside")
    ]
    _read_tracker(folder / "tracker.sqlite", made)
    return made


def counted(folder: Path) -> tuple[int, int, int]:
    """Return how many deliveries, messages in the story and in the tracker there are by now."""
    agencies = sorted(folder.glob("agency-*.sqlite"))
    return (
        sum(_count(path, "deliveries") for path in agencies),
        _count(folder / "story.sqlite", "messages"),
        _count(folder / "tracker.sqlite", "messages"),
    )


def _count(path: Path, table: str) -> int:
    question = f"SELECT count(*) AS n FROM {table}"  # noqa: S608 - tables are named above
    return sum(int(row["n"]) for row in rows(path, question))


def _read_tracker(path: Path, made: Stores) -> None:
    for row in rows(path, "SELECT child, entry, id FROM messages"):
        made.messages.add((row["child"], row["entry"], row["id"]))
    for row in rows(path, "SELECT child, entry, rule, message, stopped_by FROM clocks"):
        made.clocks.append(Clock(**{**row, "stopped_by": row["stopped_by"] or ""}))
    for row in rows(path, "SELECT * FROM custody ORDER BY child, number"):
        made.custody.append(
            Led(
                row["child"],
                row["number"],
                row["practitioner"],
                row["from_at"],
                row["by_message"],
                row["to_at"] or "",
                row["until_message"] or "",
            )
        )


def compare_rebuilt(live: Path, fresh: Path) -> list[str]:
    """Return where the tracker's tables differ from those built anew, each by its child."""
    found: list[str] = []
    for table, columns in REBUILT.items():
        question = f"SELECT {columns} FROM {table}"  # noqa: S608 - both are written above
        both = [{tuple(row.values()) for row in rows(path, question)} for path in (live, fresh)]
        found += [f"{table} {row[0]}" for row in sorted(both[0] ^ both[1], key=str)]
    return found
