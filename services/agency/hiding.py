"""From whom at an agency a child's lines are hidden: who must not learn of a referral (003 §2.3).

The newest delivery about the child says it. The agency's desk sees every line all the same, so that
somebody acts; what is read is decided by the story service, as the journey stands.
"""

from collections.abc import Collection, Mapping

import orjson
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from services.agency.tables import NOT_TO_KNOW

Hidden = Mapping[str, frozenset[str]]
"""By child, the practitioners from whom its lines are hidden."""


def keep_hidden(
    connection: Connection, agency: str, sequence: int, child: str, people: Collection[str] | None
) -> None:
    """Write who must not know, as the delivery at `sequence` says; an older one changes nothing."""
    if people is None:
        return
    said = {"sequence": sequence, "practitioners": orjson.dumps(list(people)).decode()}
    made = insert(NOT_TO_KNOW).values(agency=agency, child=child, **said)
    newer = NOT_TO_KNOW.c.sequence < sequence
    connection.execute(
        made.on_conflict_do_update(index_elements=("agency", "child"), set_=said, where=newer)
    )


def hidden(connection: Connection, agency: str, child: str | None = None) -> Hidden:
    """Return from whom lines are hidden, of `child` alone where it is given."""
    at = NOT_TO_KNOW.c
    rows = select(at.child, at.practitioners).where(at.agency == agency)
    if child is not None:
        rows = rows.where(at.child == child)
    found = ((row.child, orjson.loads(row.practitioners)) for row in connection.execute(rows))
    return {named: frozenset(people) for named, people in found if people}
