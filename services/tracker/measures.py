"""The two measures of telling one's story once, live: of a child and of the area.

Questions asked again (the target is 0), and the share of forms filled without asking. History
counts in neither: it was asked before anything was held here.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from contracts.errors import HandrailError
from contracts.forms import forms
from services.tracker.report.numbers import share
from services.tracker.store import LIVE, count_rows

Answer = dict[str, Any]


def measures(connection: Connection, child: str | None = None) -> Answer:
    """Return both measures of the whole area with those of each agency, or of `child` alone.

    Raises `HandrailError` `track.unknown-child`.
    """
    if child is not None:
        if not count_rows(connection, LIVE.journeys, LIVE.journeys.c.child == child):
            raise HandrailError(
                "track.unknown-child",
                "no message about a child of this reference has been accepted",
                "compare the reference with the receipt; "
                "a message just sent appears within a second",
            )
        return {"child": child, **of_child(connection, child)}
    agencies = connection.scalars(select(LIVE.messages.c.agency).distinct()).all()
    by_agency = {
        agency: _measured(connection, LIVE.messages.c.agency == agency)
        for agency in sorted(agencies)
    }
    counted = {agency: found for agency, found in by_agency.items() if found["answers"]}
    return {**_measured(connection), "agencies": counted}


def of_child(connection: Connection, child: str) -> Answer:
    """Return both measures of one child."""
    return _measured(connection, LIVE.messages.c.child == child)


def _measured(connection: Connection, *where: ColumnElement[bool]) -> Answer:
    facts, messages = LIVE.facts, LIVE.messages
    same = and_(facts.c.child == messages.c.child, facts.c.entry == messages.c.entry)
    counted = [facts.c.asked, facts.c.asked_again]
    filled = [facts.c.statements, facts.c.carried]
    live = (messages.c.replayed.is_(False), *where)
    answers, again = _sums(connection, counted, same, *live)
    is_form = messages.c.kind.in_(list(forms()))
    statements, carried = _sums(connection, filled, same, is_form, *live)
    return {
        "answers": answers,
        "asked_again": again,
        "form_statements": statements,
        "carried": carried,
        "filled_without_asking": share(carried, statements),
    }


def _sums(
    connection: Connection,
    columns: list[Any],
    same: ColumnElement[bool],
    *where: ColumnElement[bool],
) -> tuple[int, int]:
    summed = select(*(func.coalesce(func.sum(column), 0) for column in columns))
    row = connection.execute(summed.join_from(LIVE.facts, LIVE.messages, same).where(*where)).one()
    return int(row[0]), int(row[1])
