"""What has been kept for as long as the rules in force say, listed for a person to decide on.

The service erases nothing of its own accord. An inquiry, a claim or a court may forbid what the
rules would do, none of which it can know, and what is destroyed does not come back; so it lists
what is due, and two people sign `story.erased` for it. The work with a family has ended when no
level of help, lead, case or request is left; it counts as ended on the day of the last message.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from contracts.journey import Journey
from contracts.kinds import iso
from contracts.questions import Category, questions
from contracts.roles import Level
from contracts.rules.packs import RetentionRule
from contracts.rules.retention import Dates, expiry
from contracts.worktime import WorkingCalendar
from services.story.family import Facts
from services.story.orders import KIND
from services.story.reading import open_statement
from services.story.tables import MESSAGES, STATEMENTS

_BORN_ON: Final = "identity.born_on"


def children(connection: Connection) -> list[str]:
    """Return every child about whom statements are held."""
    joined = MESSAGES.join(STATEMENTS, STATEMENTS.c.ledger == MESSAGES.c.ledger)
    wanted = select(MESSAGES.c.child).select_from(joined).distinct().order_by(MESSAGES.c.child)
    return list(connection.scalars(wanted))


def due(
    connection: Connection,
    journeys: Mapping[str, Journey],
    keys: Mapping[str, bytes],
    rules: Mapping[str, RetentionRule],
    calendar: WorkingCalendar,
    now: datetime,
) -> list[Facts]:
    """Return, for each child and rule, the digests of the statements whose time is up at `now`.

    `keys` open the children's dates of birth, and nothing else is opened; `due_at` is when the
    first of them was due. Raises `story.statement-damaged`.
    """
    found: dict[tuple[str, str], Facts] = {}
    for row, dates in _dated(connection, journeys, keys):
        accepted = datetime.fromisoformat(row.accepted_at)
        end = expiry(rules, Category(row.category), row.kind, accepted, dates, calendar)
        if end is None or end.at > now:
            continue
        rule = rules[end.rule]
        facts = found.setdefault(
            (row.child, end.rule),
            {
                "child": row.child,
                "rule": rule.id,
                "title": rule.title,
                "citation": rule.citation,
                "due_at": iso(end.at),
                "statements": [],
            },
        )
        facts["due_at"] = min(facts["due_at"], iso(end.at))
        facts["statements"].append(row.digest)
    return list(found.values())


def ended(journey: Journey) -> bool:
    """Tell whether the work with a family has ended."""
    waits = any(not request.outcome for request in journey.requests)
    helped = journey.level is not Level.UNIVERSAL or journey.case_open
    return not (waits or helped or journey.lead or journey.proposals or journey.assessment)


def _dated(
    connection: Connection, journeys: Mapping[str, Journey], keys: Mapping[str, bytes]
) -> Iterator[tuple[Row[Any], Dates]]:
    joined = STATEMENTS.join(MESSAGES, STATEMENTS.c.ledger == MESSAGES.c.ledger)
    columns = (STATEMENTS, MESSAGES.c.child, MESSAGES.c.kind, MESSAGES.c.accepted_at)
    for child, journey in journeys.items():
        wanted = select(*columns).select_from(joined).where(MESSAGES.c.child == child)
        rows = connection.execute(wanted.order_by(STATEMENTS.c.ledger)).all()
        dates = Dates(_closing(connection, journey), _born(rows, child, keys.get(child)))
        yield from ((row, dates) for row in rows)


def _closing(connection: Connection, journey: Journey) -> datetime | None:
    if not ended(journey):
        return None
    theirs = (MESSAGES.c.child == journey.child, MESSAGES.c.kind != KIND)
    last = connection.scalar(select(func.max(MESSAGES.c.accepted_at)).where(*theirs))
    return datetime.fromisoformat(last) if last else None


def _born(rows: Sequence[Row[Any]], child: str, key: bytes | None) -> datetime | None:
    """Return the child's date of birth as last told, at midnight UTC, or None."""
    number = questions()[_BORN_ON].number
    for row in (row for row in reversed(rows) if key and row.question == number):
        value = open_statement(row, child, key or b"").statement.value
        try:
            return datetime.fromisoformat(str(value)[:10]).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
