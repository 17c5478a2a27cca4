"""A ledger under two standards of time of a partnership's own, for tests of the tracker's clocks.

So what other packs time does not matter there.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from contracts.directory import RulesInForce
from contracts.identifiers import new_reference
from contracts.rules import RulePack
from contracts.seal import Sealed, seal
from services.runtime.sql import engine
from services.tracker import asking
from services.tracker.clock_rows import Kept, all_of
from services.tracker.due import due_clocks, mark_missed, warning_clocks
from services.tracker.notices import Addressees, missed_notice, warned_notice
from services.tracker.store import LIVE, prepare
from tests import clocks as c
from tests import messages as m
from tests.area import CARE, DUTY, DUTY_MANAGER, SCHOOL, WORKER, Area
from tests.tracking import LedgerWriter

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
DUE = datetime(2026, 3, 9, 17, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

ANSWER = c.rule(
    id="test-answer",
    starts_on=["referral.submitted"],
    stops_on=["referral.decided"],
    length=5,
    warn={"length": 1, "unit": "working_days"},
    extendable_by=["team_manager"],
)
VISIT = c.rule(
    id="test-visit",
    starts_on=["assessment.started"],
    stops_on=["child.seen"],
    stopped_by="child",
    runs_from="occurred",
    repeats=True,
    length=1,
    unit="weeks",
    against="sender",
    told="sending_manager",
)
PACK = RulePack(
    format=2, id="board", version="1", title="The board's", source="Board", clocks=(ANSWER, VISIT)
)
OURS = (ANSWER.id, VISIT.id)


def opened(folder: Path) -> Engine:
    """An empty SQLite database with the tracker's tables."""
    made = engine(f"sqlite:///{folder}/tracker.sqlite")
    prepare(made)
    return made


def begun() -> LedgerWriter:
    """A ledger that begins on a Monday morning, under the pack of these tests."""
    area = Area(MONDAY)
    change = RulesInForce(since=MONDAY - DAY, packs=("rochdale-2013",), own=(PACK,))
    area.document = area.document.model_copy(update={"rule_changes": (change,)})
    return LedgerWriter(area)


def kept(database: Engine, child: str, rule: str = ANSWER.id) -> list[Kept]:
    """The clocks of a rule about a child, in the order of their start."""
    with database.begin() as connection:
        found = all_of(connection, LIVE, LIVE.clocks.c.child == child)
    return sorted((k for k in found if k.clock.rule == rule), key=lambda k: k.clock.started_at)


def states(database: Engine, ledger: LedgerWriter, child: str) -> list[tuple[str, str]]:
    """Rule and state of each clock of these tests, as the tracker answers now."""
    with database.begin() as connection:
        told = asking.track(connection, child, ledger.book.packs, ledger.area.now)
    return sorted((k["rule"], k["state"]) for k in told["clocks"] if k["rule"] in OURS)


def ours(found: tuple[Kept, ...]) -> list[str]:
    """The rules of clocks, those of these tests alone."""
    return [k.clock.rule for k in found if k.clock.rule in OURS]


def ticked(database: Engine, now: datetime) -> list[str]:
    """Declare missed what has run out at `now`, and return the rules of what must be told."""
    with database.begin() as connection:
        found = due_clocks(connection, LIVE, now)
        mark_missed(connection, LIVE, now, found)
    return ours(found)


def warned(database: Engine, now: datetime) -> list[str]:
    """The rules of the clocks of which somebody has to be warned at `now`."""
    with database.begin() as connection:
        return ours(warning_clocks(connection, LIVE, now))


def decided(ledger: LedgerWriter, child: str, request: str, **changes: Any) -> Sealed:
    """Seal First Response's decision on a referral."""
    return ledger.area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        answers=request,
        capacity="duty_worker",
        content={"outcome": "assess"},
        **changes,
    )


def seen(ledger: LedgerWriter, child: str, when: datetime) -> Sealed:
    """Seal the social worker's report of when the child was seen."""
    return ledger.area.sealed(
        "child.seen", child, WORKER, capacity="social_worker", occurred_at=when
    )


def referred(database: Engine, ledger: LedgerWriter) -> tuple[str, str]:
    """Have a child referred now; return child and message."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.follow(database)
    return child, request


def assessed(ledger: LedgerWriter, started: datetime) -> str:
    """Have an assessment start for a child whose case is open, as reported afterwards."""
    child = new_reference()
    ledger.accept(m.opened_before(ledger.area, child))
    request = ledger.accept(m.step_up(ledger.area, child))
    ledger.accept(m.step_up_decided(ledger.area, child, request))
    ledger.accept(assessment(ledger, child, started))
    return child


def assessment(ledger: LedgerWriter, child: str, started: datetime) -> Sealed:
    """Seal that the assessment started at an instant."""
    return ledger.area.sealed(
        "assessment.started",
        child,
        WORKER,
        [SCHOOL],
        capacity="social_worker",
        occurred_at=started,
        content={"assessment": "child_and_family"},
    )


def notice(database: Engine, ledger: LedgerWriter, child: str, *, warning: bool = False) -> Sealed:
    """Seal the tracker's notice about the one answer that is owed for a child."""
    (one,) = kept(database, child)
    now, tracker = ledger.area.now, "demo.tracker"
    told = Addressees(DUTY_MANAGER, DUTY)
    event = (
        warned_notice(one.clock, one.entry, tracker, DUTY, now)
        if warning
        else missed_notice(one.clock, one.entry, tracker, told, now)
    )
    return seal(event, ledger.area.services["tracker"])
