"""Which statements are their sender's own words, so that its agency reads them whatever is agreed.

They were recorded by the agency itself, and are not carried on from a message that another one
sent: who was sent a family's words does not make them its own by saying them again. A source that
is not held counts as another's.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from contracts.identifiers import agency_of
from services.story.entries import Told
from services.story.tables import MESSAGES


def among(connection: Connection, told: Sequence[Told]) -> frozenset[str]:
    """Return the digests of the statements in `told` that are their sender's own words.

    The messages of `told` must be stored already: one may carry on what another one said.
    """
    said = [
        (t.entry.decision.agency, one.digest, one.statement.carried_from)
        for t in told
        for one in t.statements
        if agency_of(one.statement.recorded_by) == t.entry.decision.agency
    ]
    sources = {source for _, _, source in said if source is not None}
    sent = _sent(connection, sources) if sources else frozenset[tuple[str, str]]()
    return frozenset(
        digest for agency, digest, source in said if source is None or (agency, source) in sent
    )


def _sent(connection: Connection, messages: set[str]) -> frozenset[tuple[str, str]]:
    wanted = select(MESSAGES.c.sender, MESSAGES.c.message).where(MESSAGES.c.message.in_(messages))
    return frozenset((row.sender, row.message) for row in connection.execute(wanted))
