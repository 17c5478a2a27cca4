"""The tracker: what finding the clocks that are due costs, and how fast its tables are rebuilt."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from nats.aio.client import Client
from sqlalchemy import Connection, insert, literal, select, text, update

from benchmarks.server import fresh_server
from contracts.clock_facts import MessageFacts, Party
from contracts.clock_rules import start
from contracts.identifiers import new_reference
from contracts.rules import shipped_packs
from contracts.subjects import LEDGER
from contracts.worktime import WorkingCalendar
from services.exchange.streams import ensure_ledger
from services.runtime.sql import SqlRunner, engine
from services.runtime.subscribing import Record
from services.tracker.clock_rows import Kept, add
from services.tracker.drafting import find
from services.tracker.entries import FILTERS
from services.tracker.reading import records
from services.tracker.rebuild import rebuild_tables
from services.tracker.rulebook import rulebook
from services.tracker.store import LIVE, prepare
from tests.area import Area
from tests.tracking import LedgerWriter

FEW, MANY = 10_000, 1_000_000
DUE = 20
CHILDREN = 80
_ROUNDS = 30
_NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
_LATER = _NOW + timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds to find what is due among few and among many open clocks; entries a second.

    `read_per_s` is the baseline of `rebuilt_per_s`: reading the same entries and nothing else.
    """

    few_ms: float
    many_ms: float
    rebuilt_per_s: float
    read_per_s: float

    @property
    def ratio(self) -> float:
        """Return how much longer it takes among a hundred times as many."""
        return self.many_ms / self.few_ms


def measure() -> Cost:
    """Measure on SQLite files of their own and on a fresh server."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        few, many = (_find_ms(Path(folder) / f"{count}.sqlite", count) for count in (FEW, MANY))
        rebuilt, read = asyncio.run(_rebuild(Path(folder) / "rebuilt.sqlite"))
    return Cost(few, many, rebuilt, read)


def _find_ms(file: Path, count: int) -> float:
    """Return how long the ticker looks, with `count` clocks open of which `DUE` have run out."""
    database = engine(f"sqlite:///{file}")
    directory = Area(_NOW).directory
    try:
        prepare(database)
        with database.begin() as connection:
            _fill(connection, count)
        taken: list[float] = []
        for _ in range(_ROUNDS):
            with database.begin() as connection:
                began = time.perf_counter()
                found = find(connection, directory, _LATER)
                taken.append(time.perf_counter() - began)
            if (len(found.missed), len(found.warnings)) != (DUE, DUE):
                raise RuntimeError(len(found.missed), len(found.warnings))
        return median(taken) * 1e3
    finally:
        database.dispose()


def _fill(connection: Connection, count: int) -> None:
    """Write one open clock, and copies of it for other children until there are `count`.

    Some of them are due and some are to be warned of; all others run on for long.
    """
    table, first = LIVE.clocks, "CHILD" + "0" * 17
    rule = shipped_packs().clocks["decide-request"]
    facts = MessageFacts(
        message=new_reference(),
        kind="referral.submitted",
        child=first,
        receiver=Party(agency="demo.first-response"),
        received_at=_NOW,
    )
    clock = start(rule, facts, rulebook(Area(_NOW).directory, WorkingCalendar()).calendars)
    if clock is None:
        raise RuntimeError
    far = _LATER + timedelta(days=300)
    clock = clock.changed(due_at=far, warn_at=far - timedelta(days=1))
    add(connection, LIVE, Kept(1, clock))
    numbers = text(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1}) "  # noqa: S608  two numbers of our own
        "SELECT printf('CHILD%017d', i) AS child FROM n"
    ).columns(table.c.child)
    children = numbers.subquery()
    others = [column for column in table.c if column.name != "child"]
    every = children.join(table, table.c.child == literal(first))
    copied = select(children.c.child, *others).select_from(every)
    connection.execute(insert(table).from_select(["child", *(c.name for c in others)], copied))
    ordered = select(table.c.child).order_by(table.c.child)
    soon = _LATER + timedelta(days=1)
    for first_of, values in (
        (0, {"due_at": _NOW, "warn_at": far}),
        (DUE, {"due_at": soon, "warn_at": _NOW}),
    ):
        chosen = ordered.offset(first_of).limit(DUE)
        connection.execute(update(table).where(table.c.child.in_(chosen)).values(**values))


async def _rebuild(file: Path) -> tuple[float, float]:
    """Return entries a second by rebuilding from the stream, and by reading it alone."""
    ledger = LedgerWriter(Area())
    for _ in range(CHILDREN):
        ledger.stepped_down(ledger.stepped_up())
    database = engine(f"sqlite:///{file}")
    prepare(database)
    runner = SqlRunner(database)
    async with fresh_server() as client:
        await ensure_ledger(client.jetstream())
        await _publish(client, ledger.records)
        began = time.perf_counter()
        for subject in FILTERS:
            async for _ in records(client, subject, 1):
                pass
        read = time.perf_counter() - began
        began = time.perf_counter()
        done = await rebuild_tables(runner, client, ledger.book, ledger.area.now)
        rebuilt = time.perf_counter() - began
    await runner.close()
    if done.messages != len(ledger.records):
        raise RuntimeError(done)
    return len(ledger.records) / rebuilt, len(ledger.records) / read


async def _publish(client: Client, written: Sequence[Record]) -> None:
    js = client.jetstream()
    for record in written:
        await js.publish(record.subject, record.data, stream=LEDGER)


def report() -> Cost:
    """Measure, print and return the costs."""
    cost = measure()
    print(
        f"tracker: what is due is found in {cost.few_ms:.2f} ms among {FEW:,} open clocks and in "
        f"{cost.many_ms:.2f} ms among {MANY:,} ({cost.ratio:.2f} times); rebuilt at "
        f"{cost.rebuilt_per_s:,.0f} entries/s ({cost.rebuilt_per_s / cost.read_per_s:.2f} of "
        "reading them alone)"
    )
    return cost


if __name__ == "__main__":
    report()
