"""What an erasure would cover, before anybody signs it: digests, question numbers, whom to tell."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Column, Connection, Row, select

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.roles import Capacity
from contracts.statements import MAX_STATEMENTS
from services.agency.personal import ErasureRequest
from services.story import family
from services.story.family import Facts
from services.story.joined import Joined
from services.story.reading import Inquiry
from services.story.tables import COPIES, MESSAGES, STATEMENTS

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    STATEMENTS.c.ledger,
    STATEMENTS.c.digest,
    STATEMENTS.c.question,
    MESSAGES.c.message,
    MESSAGES.c.sender,
    MESSAGES.c.recipients,
)


def plan(
    connection: Connection, inquiry: Inquiry, joined: Joined, directory: Directory, now: datetime
) -> Facts:
    """Return what the erasure asked for would cover; nothing is changed and no word is shown.

    `clears` are the questions whose newest answer goes, `tell` the agencies that hold what goes,
    `also` the other references of the child under which something is held: an erasure of everything
    is one of everything under one reference. Raises `story.not-found`, `erasure.nothing` where it
    would cover nothing that the agency may erase, `erasure.elsewhere` and `erasure.too-many`.
    """
    family.must_be_known(connection, inquiry, joined.own.journey)
    request = inquiry.request
    digests = request.statements if isinstance(request, ErasureRequest) else ()
    rows = _rows(connection, request.child)
    theirs = _their_own(inquiry, directory, now)
    reachable = [row for row in rows if theirs in (None, row.sender)]
    doomed = [row for row in reachable if _meant(connection, row, request.message, digests)]
    whole = request.message is None and not digests
    also = [child for child in joined.others if whole and _rows(connection, child)]
    if not doomed and also:
        raise HandrailError(
            "erasure.elsewhere",
            "nothing is held under this reference, but under others that the child was joined with",
            "erase what is held under those too; `handrail track` names them",
        )
    if not doomed:
        raise HandrailError(
            "erasure.nothing",
            "nothing is held that this would erase and that your agency may erase",
            "check the references; what another agency said is erased by that agency, or with the "
            "signature of a data protection officer",
        )
    if len(doomed) > MAX_STATEMENTS and not whole:
        raise HandrailError(
            "erasure.too-many",
            f"more than {MAX_STATEMENTS} statements at once",
            "name them in several erasures",
        )
    return {
        "statements": [] if whole else [row.digest for row in doomed],
        "count": len(doomed),
        "clears": [] if whole else _cleared(rows, doomed),
        "tell": _holding(doomed),
        "also": also,
    }


def _rows(connection: Connection, child: str) -> Sequence[Row[Any]]:
    joined = STATEMENTS.join(MESSAGES, STATEMENTS.c.ledger == MESSAGES.c.ledger)
    order = (STATEMENTS.c.ledger, STATEMENTS.c.place)
    wanted = select(*_COLUMNS).select_from(joined).where(MESSAGES.c.child == child)
    return connection.execute(wanted.order_by(*order)).all()


def _their_own(inquiry: Inquiry, directory: Directory, now: datetime) -> str | None:
    """Return the agency whose words alone the asker may erase; None for an officer."""
    person = directory.practitioner(inquiry.asked.practitioner, now)
    officer = person is not None and Capacity.DATA_PROTECTION in person.capacities
    return None if officer else inquiry.agency


def _meant(
    connection: Connection, row: Row[Any], message: str | None, digests: Collection[str]
) -> bool:
    if digests:
        return row.digest in digests
    if message is None or row.message == message:
        return True
    repeats = select(COPIES.c.message).where(COPIES.c.ledger == row.ledger)
    return connection.scalar(repeats) == message


def _cleared(rows: Sequence[Row[Any]], doomed: Sequence[Row[Any]]) -> list[int]:
    """Return the questions whose newest stored answer is among `doomed`."""
    newest: Mapping[int, str] = {row.question: row.digest for row in rows}
    gone = {row.digest for row in doomed}
    return sorted(number for number, digest in newest.items() if digest in gone)


def _holding(doomed: Sequence[Row[Any]]) -> list[str]:
    named = [(row.sender, *orjson.loads(row.recipients)) for row in doomed]
    return sorted({agency for several in named for agency in several})
