"""What is open for one practitioner: the children they lead, proposals to them, requests to them.

Asked before somebody leaves, so that it is handed on. The search looks through every journey, which
is right for a question that is seldom asked.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, cast, select

from contracts.journey import Journey
from contracts.journey_json import load
from contracts.kinds import iso
from services.tracker.store import LIVE

Answer = dict[str, Any]


def open_for(connection: Connection, practitioner: str) -> Answer:
    """Return what is open for `practitioner`; instants are RFC 3339 in UTC.

    `leads` are children they lead, `proposals` those on whose lead they have not answered yet,
    `requests` undecided requests addressed to them by name.
    """
    journeys = _naming(connection, practitioner)
    return {
        "practitioner": practitioner,
        "leads": [
            {"child": one.child, "since": one.lead.since}
            for one in journeys
            if one.lead is not None and one.lead.practitioner == practitioner
        ],
        "proposals": [
            {"child": one.child, "message": proposal.id, "at": proposal.at}
            for one in journeys
            for proposal in one.proposals
            if proposal.practitioner == practitioner
        ],
        "requests": list(_requests(connection, practitioner)),
    }


def _naming(connection: Connection, practitioner: str) -> list[Journey]:
    """Return the journeys in whose compact form the id stands, in the order of their children."""
    table = LIVE.journeys
    found = select(table.c.journey).where(
        cast(table.c.journey, Text).contains(f'"{practitioner}"', autoescape=True)
    )
    return [load(made) for made in connection.scalars(found.order_by(table.c.child))]


def _requests(connection: Connection, practitioner: str) -> Iterator[Answer]:
    for row in _addressed(connection, practitioner):
        request = load(row["journey"]).request(row["id"])
        named = any(to["practitioner"] == practitioner for to in row["recipients"])
        if named and request is not None and not request.outcome:
            yield {
                "child": row["child"],
                "message": row["id"],
                "kind": row["kind"],
                "from": row["agency"],
                "at": iso(row["decided_at"]),
            }


def _addressed(connection: Connection, practitioner: str) -> list[RowMapping]:
    messages, journeys = LIVE.messages, LIVE.journeys
    names = cast(messages.c.recipients, Text).contains(f'"{practitioner}"', autoescape=True)
    rows = (
        select(messages, journeys.c.journey)
        .join(journeys, journeys.c.child == messages.c.child)
        .where(names)
        .order_by(messages.c.decided_at, messages.c.child, messages.c.entry)
    )
    return list(connection.execute(rows).mappings())
