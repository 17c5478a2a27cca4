"""What there is to tell at an instant, and the notices that tell of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from contracts.directory import Directory
from services.tracker import due, leaving
from services.tracker.clock_rows import Kept
from services.tracker.leaving import Leaderless
from services.tracker.notices import (
    addressees,
    left_notice,
    manager_for,
    missed_notice,
    responsible_for,
    warned_notice,
)
from services.tracker.outbox import Notice
from services.tracker.store import LIVE


@dataclass(frozen=True, slots=True)
class Nobody:
    """A notice that there is nobody to send to: its id, what it is about, and at which agency."""

    id: str
    rule: str
    agency: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Clocks that have run out untold or soon will, and children whose lead has left."""

    missed: tuple[Kept, ...]
    warnings: tuple[Kept, ...]
    leaderless: tuple[Leaderless, ...]

    @property
    def children(self) -> frozenset[str]:
        """Return the children that it is about."""
        clocks = {kept.clock.child for kept in (*self.missed, *self.warnings)}
        return frozenset(clocks | {one.child for one in self.leaderless})

    def about(self, children: frozenset[str]) -> "Findings":
        """Return what of it is about one of the children."""
        return Findings(
            tuple(kept for kept in self.missed if kept.clock.child in children),
            tuple(kept for kept in self.warnings if kept.clock.child in children),
            tuple(one for one in self.leaderless if one.child in children),
        )


def find(connection: Connection, directory: Directory, now: datetime) -> Findings:
    """Return what the live tables have to tell of at `now`; it costs what is due, not all."""
    return Findings(
        missed=due.due_clocks(connection, LIVE, now),
        warnings=due.warning_clocks(connection, LIVE, now),
        leaderless=leaving.leaderless(connection, LIVE, leaving.gone(directory, now)),
    )


def drafted(
    found: Findings, directory: Directory, tracker: str, now: datetime
) -> Iterator[Notice | Nobody]:
    """Yield a notice by the service `tracker` for everything found, misses first."""
    for kept in found.missed:
        yield _missed(kept, directory, tracker, now)
    for kept in found.warnings:
        yield _warning(kept, directory, tracker, now)
    for one in found.leaderless:
        yield _left(one, directory, tracker, now)


def _missed(kept: Kept, directory: Directory, tracker: str, now: datetime) -> Notice | Nobody:
    clock = kept.clock
    told = addressees(directory, clock, now)
    if told is None:
        return Nobody(kept.notice, clock.rule, clock.told_agency)
    return Notice(
        missed_notice(clock, kept.entry, tracker, told, now),
        kept.entry,
        clock.rule,
        partial(due.is_untold, tables=LIVE, kept=kept),
        partial(due.note_missed, tables=LIVE, kept=kept),
    )


def _warning(kept: Kept, directory: Directory, tracker: str, now: datetime) -> Notice | Nobody:
    clock = kept.clock
    who = responsible_for(directory, clock.agency, clock.practitioner, now)
    if who is None:
        return Nobody(kept.warning, clock.rule, clock.agency)
    return Notice(
        warned_notice(clock, kept.entry, tracker, who, now),
        kept.entry,
        clock.rule,
        partial(due.is_unwarned, tables=LIVE, kept=kept),
        partial(due.note_warned, tables=LIVE, kept=kept),
    )


def _left(one: Leaderless, directory: Directory, tracker: str, now: datetime) -> Notice | Nobody:
    manager = manager_for(directory, one.agency, one.practitioner, now)
    if manager is None:
        return Nobody(one.notice, leaving.RULE, one.agency)
    return Notice(
        left_notice(one.child, one.practitioner, one.number, tracker, manager, now),
        one.number,
        leaving.RULE,
        partial(leaving.is_untold, tables=LIVE, one=one),
        partial(leaving.note_told, tables=LIVE, one=one),
    )
