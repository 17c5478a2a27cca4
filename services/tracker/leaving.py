"""Leads who have left their agency: found by the directory, told of once for every custody.

A child must not be without anyone to ask (003 principles: clarity about who is lead professional).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, select, update

from contracts.directory import Directory
from contracts.identifiers import agency_of
from contracts.messages.notices import LEAD_LEFT
from contracts.roles import Capacity
from services.tracker.entries import Step
from services.tracker.notices import left_id
from services.tracker.store import OUTBOX, Tables

RULE: Final = LEAD_LEFT.name
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Leaderless:
    """A custody whose holder has left: the `number`th of this child."""

    child: str
    number: int
    practitioner: str

    @property
    def agency(self) -> str:
        """Return the agency at which the lead was."""
        return agency_of(self.practitioner)

    @property
    def notice(self) -> str:
        """Return the id of the notice that tells of it, the same at every rebuild."""
        return left_id(self.child, self.practitioner, self.number)


def gone(directory: Directory, now: datetime) -> tuple[str, ...]:
    """Return the practitioners who have left at `now`, or whose agency has."""
    people = directory.practitioners.values()
    return tuple(
        person.id
        for person in people
        if directory.practitioner(person.id, now) is None
        or directory.agency(agency_of(person.id), now) is None
    )


def leaderless(
    connection: Connection, tables: Tables, people: Iterable[str]
) -> tuple[Leaderless, ...]:
    """Return the custodies that one of `people` still holds and that nobody was told of."""
    custody, names = tables.custody, tuple(people)
    found: list[Leaderless] = []
    for first in range(0, len(names), _AT_ONCE):
        chosen = select(custody.c.child, custody.c.number, custody.c.practitioner).where(
            custody.c.to_at.is_(None),
            custody.c.left_notice.is_(None),
            custody.c.practitioner.in_(names[first : first + _AT_ONCE]),
        )
        rows = connection.execute(chosen.order_by(custody.c.child, custody.c.number))
        found += [Leaderless(row.child, row.number, row.practitioner) for row in rows]
    return tuple(found)


def is_untold(connection: Connection, tables: Tables, one: Leaderless) -> bool:
    """Tell whether somebody has to hear of it, as the tables stand now."""
    custody = tables.custody
    untold = select(custody.c.child).where(
        _place(tables, one), custody.c.to_at.is_(None), custody.c.left_notice.is_(None)
    )
    return connection.scalar(untold) is not None


def note_told(connection: Connection, tables: Tables, one: Leaderless) -> None:
    """Write that the notice has been handed in."""
    told = update(tables.custody).where(_place(tables, one))
    connection.execute(told.values(left_notice=one.notice))


def keep_left(connection: Connection, tables: Tables, step: Step) -> None:
    """Write of the custody that a notice of the tracker's is about that it was told of."""
    event, custody = step.event, tables.custody
    if event.kind != RULE or event.data.author.capacity is not Capacity.SERVICE:
        return
    held = select(custody).where(custody.c.child == step.child)
    for row in connection.execute(held).mappings().all():
        one = Leaderless(row["child"], row["number"], row["practitioner"])
        if one.notice == event.id:
            said: dict[str, Any] = {"left_notice": event.id, "left_entry": step.number}
            connection.execute(update(custody).where(_place(tables, one)).values(**said))


def note_left(connection: Connection, tables: Tables) -> None:
    """Write of every custody whose notice the outbox has handed in that it has been."""
    custody = tables.custody
    same = and_(custody.c.child == OUTBOX.c.child, custody.c.number == OUTBOX.c.entry)
    sent = (
        select(custody.c.child, custody.c.number, custody.c.practitioner)
        .join(OUTBOX, same)
        .where(OUTBOX.c.rule == RULE, OUTBOX.c.submitted_at.is_not(None))
    )
    for row in connection.execute(sent).all():
        note_told(connection, tables, Leaderless(row.child, row.number, row.practitioner))


def _place(tables: Tables, one: Leaderless) -> ColumnElement[bool]:
    custody = tables.custody
    return and_(custody.c.child == one.child, custody.c.number == one.number)
