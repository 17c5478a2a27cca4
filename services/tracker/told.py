"""Everyone told: who must be told of each message, by when, and how that was done.

The rules name people (`contracts.rules.packs.TellRule`), `agencies_of` the agencies behind them. An
agency counts as told when the message itself, or `people.told` about it that names them, was
delivered there; a family and a manager, who have no inbox, when somebody recorded that they were
told. Where telling is not appropriate the recorded reason stands in its place (000 l.113).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, select, update

from contracts.directory import Directory
from contracts.journey import Journey
from contracts.roles import Capacity
from contracts.rules import matches
from contracts.rules.packs import Person, TellRule
from contracts.rules.people import ROLES, agencies_of
from services.tracker.entries import Step
from services.tracker.rulebook import Rulebook, codes_of
from services.tracker.store import Tables, insert_new
from services.tracker.telling import Telling
from services.tracker.told_withdrawn import keep_withdrawn

_Row = RowMapping | Mapping[str, Any]
_SettledBy = Callable[[_Row, Step], dict[str, Any]]
_MANAGERS: Final = frozenset({Capacity.TEAM_MANAGER, Capacity.LINE_MANAGER})
_RECORDED: Final = frozenset({Person.FAMILY, Person.MANAGER})
"""People with no inbox of their own: told when somebody recorded it."""


class How(StrEnum):
    """By what somebody was told: the message itself, a later one to them, or as recorded."""

    MESSAGE = "message"
    LATER = "later"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Owed:
    """Somebody who must be told of a message: any one of `agencies`, or a person without any.

    `holder` is the agency where there is one alone, otherwise what the person is called.
    """

    person: Person
    holder: str
    agencies: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    due_at: datetime | None = None


@dataclass(slots=True)
class _Gathered:
    agencies: tuple[str, ...]
    rules: list[str] = field(default_factory=list)
    due_at: datetime | None = None


def owed(step: Step, before: Journey | None, book: Rulebook) -> tuple[Owed, ...]:
    """Return who must be told of the message of `step`, after the journey `before`, and by when.

    History notifies nobody. A family that declined has said so itself: nobody runs after it (003
    §3.3). Of several rules about one person the earliest time holds.
    """
    if step.replayed:
        return ()
    gathered: dict[tuple[Person, str], _Gathered] = {}
    for rule in _rules(step, book.packs.tells.values()):
        due_at = _due(rule, step, book)
        for person in rule.people:
            if person is Person.FAMILY and _is_the_familys_no(step):
                continue
            for holder, agencies in _holders(person, step, before, book.directory):
                found = gathered.setdefault((person, holder), _Gathered(agencies))
                found.rules.append(rule.id)
                found.due_at = min(filter(None, (found.due_at, due_at)), default=None)
    return tuple(
        Owed(person, holder, found.agencies, tuple(found.rules), found.due_at)
        for (person, holder), found in gathered.items()
    )


def _rules(step: Step, rules: Iterable[TellRule]) -> Iterator[TellRule]:
    codes = codes_of(step.event.data)
    for rule in rules:
        if step.event.kind in rule.applies_to and matches(rule.when, codes):
            yield rule


def _due(rule: TellRule, step: Step, book: Rulebook) -> datetime | None:
    if rule.within is None:
        return None
    within = rule.within
    return book.calendars.add(step.event.agency, step.decided_at, within.length, within.unit)


def _is_the_familys_no(step: Step) -> bool:
    said = step.event.data.content.get("choice")
    return step.event.kind == "family.choice-recorded" and said == "declines"


def _holders(
    person: Person, step: Step, before: Journey | None, directory: Directory
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield who stands for `person`: one for every agency, or one for all where any will do."""
    if person in _RECORDED:
        yield person.value, ()
        return
    found = agencies_of(person, before, step.event, directory, step.decided_at)
    agencies = tuple(sorted(found))
    if person in ROLES and len(agencies) > 1:
        yield person.value, agencies
    else:
        yield from ((agency, (agency,)) for agency in agencies)


def keep_telling(
    connection: Connection, tables: Tables, step: Step, before: Journey | None, book: Rulebook
) -> None:
    """Write who must be told of the message of `step`, and whom it tells of an earlier one."""
    for one in owed(step, before, book):
        _insert(connection, tables, step, one, book.directory)
    match step.event.kind:
        case "people.told":
            _settle(connection, tables, step, _told_by)
        case "people.not-told":
            _settle(connection, tables, step, _not_told_by)
        case "message.withdrawn":
            keep_withdrawn(connection, tables, step)


def _insert(
    connection: Connection, tables: Tables, step: Step, one: Owed, directory: Directory
) -> None:
    row: dict[str, Any] = {
        "child": step.child,
        "entry": step.number,
        "person": one.person.value,
        "holder": one.holder,
        "message": step.event.id,
        "agencies": list(one.agencies),
        "rules": list(one.rules),
        "sender": step.event.agency,
        "owed_at": step.decided_at,
        "due_at": one.due_at,
        "state": Telling.NOT_YET.value,
        **_told_at_once(step, one, directory),
    }
    connection.execute(insert(tables.telling), row)


def _told_at_once(step: Step, one: Owed, directory: Directory) -> dict[str, Any]:
    """Return what the message itself has done: gone to one of the agencies, or to a manager."""
    agency = next((a for a in one.agencies if a in step.to), None)
    if agency is None and one.person is Person.MANAGER:
        agency = _managers_agency(step, directory)
    if agency is None:
        return {}
    return {
        "state": Telling.TOLD.value,
        "how": How.MESSAGE.value,
        "agency": agency,
        "told_at": step.stored_at,
        "recorded_at": step.stored_at,
        "by_message": step.event.id,
    }


def _managers_agency(step: Step, directory: Directory) -> str | None:
    """Return the agency at which a manager is addressed by name, if there is one.

    A notice says itself who stands in for a manager there.
    """
    acting = step.event.data.content.get("manager")
    for recipient in step.event.data.recipients:
        found = directory.practitioners.get(recipient.practitioner or "")
        if found is None:
            continue
        if found.id == acting or not _MANAGERS.isdisjoint(found.capacities):
            return recipient.agency
    return None


def _settle(connection: Connection, tables: Tables, step: Step, settled_by: _SettledBy) -> None:
    """Write what `step` says about everyone who must be told of the message that it names.

    A record about a family that no rule asked for is kept as well: it is evidence all the same.
    """
    content, table = step.event.data.content, tables.telling
    named = content.get("people")
    people = frozenset(named if isinstance(named, list) else ())
    about = and_(table.c.child == step.child, table.c.message == content.get("of"))
    found = connection.execute(select(table).where(about)).mappings().all()
    for row in found:
        if row["person"] in people and row["state"] != Telling.TOLD.value:
            said = settled_by(row, step)
            if said:
                connection.execute(update(table).where(_place(tables, row)).values(**said))
    if Person.FAMILY.value in people and all(r["person"] != Person.FAMILY.value for r in found):
        _volunteered(connection, tables, step, settled_by)


def _volunteered(
    connection: Connection, tables: Tables, step: Step, settled_by: _SettledBy
) -> None:
    """Keep a record about the family under the entry of the record itself."""
    row: dict[str, Any] = {
        "child": step.child,
        "entry": step.number,
        "person": Person.FAMILY.value,
        "holder": Person.FAMILY.value,
        "message": step.event.data.content.get("of"),
        "agencies": [],
        "rules": [],
        "sender": step.event.agency,
        "owed_at": step.decided_at,
        "due_at": None,
    }
    insert_new(connection, tables.telling, {**row, **settled_by(row, step)})


def _told_by(row: _Row, step: Step) -> dict[str, Any]:
    """Return how `people.told` settles a row, or nothing where it did not reach the agency."""
    happened = step.event.data.occurred_at or step.decided_at
    said: dict[str, Any] = {
        "state": Telling.TOLD.value,
        "form": step.event.data.content.get("form"),
        "recorded_at": step.decided_at,
        "by_message": step.event.id,
        "because": None,
    }
    if not row["agencies"]:
        return {**said, "how": How.RECORDED.value, "told_at": happened}
    agency = next((a for a in row["agencies"] if a in step.to), None)
    if agency is None:
        return {}
    return {**said, "how": How.LATER.value, "agency": agency, "told_at": step.stored_at}


def _not_told_by(_row: _Row, step: Step) -> dict[str, Any]:
    """Return how `people.not-told` settles a row: its statement says why, its code stands here."""
    return {
        "state": Telling.NOT_APPROPRIATE.value,
        "because": step.event.data.content.get("because"),
        "told_at": step.event.data.occurred_at or step.decided_at,
        "recorded_at": step.decided_at,
        "by_message": step.event.id,
    }


def _place(tables: Tables, row: RowMapping) -> ColumnElement[bool]:
    key = tables.telling.primary_key.columns
    return and_(*(column == row[column.name] for column in key))
