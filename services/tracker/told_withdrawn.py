"""What a withdrawal leaves of who was told: a message that nobody can read has told nobody.

Of what asked or proposed nobody has to hear any more. A decision stands although its words were
taken back, so who must be told of it is waited for again, and its time runs as it did.
"""

from typing import Any, Final

from sqlalchemy import Connection, and_, or_, select, update

from contracts.messages.corrections import WITHDRAWABLE, MessageWithdrawn, SentInError
from services.tracker.entries import Step
from services.tracker.store import Tables
from services.tracker.telling import Telling

_UNTOLD: Final = dict.fromkeys(
    ("how", "agency", "form", "because", "told_at", "recorded_at", "by_message")
)


def keep_withdrawn(connection: Connection, tables: Tables, step: Step) -> None:
    """Write what the withdrawal of `step` leaves of who had to be told of what, and was."""
    said = MessageWithdrawn.model_validate(step.event.data.content)
    sent = _sent(connection, tables, step, said.message)
    if sent is None:
        return
    entry, kind = sent
    asks = kind in WITHDRAWABLE or said.error is SentInError.WRONG_CHILD
    table = tables.telling
    here = table.c.child == step.child
    itself = and_(here, table.c.message == said.message)
    by_it = and_(here, table.c.by_message == said.message)
    over: dict[str, Any] = {
        "state": Telling.WITHDRAWN.value,
        "recorded_at": step.decided_at,
        "by_message": step.event.id,
    }
    again: dict[str, Any] = {"state": Telling.NOT_YET.value, **_UNTOLD}
    # What a record said that no rule had asked for goes with the record.
    connection.execute(update(table).where(by_it, table.c.entry == entry, ~itself).values(**over))
    if asks:
        waits = or_(table.c.state == Telling.NOT_YET.value, table.c.by_message == said.message)
        connection.execute(update(table).where(itself, waits).values(**over))
    connection.execute(update(table).where(by_it).values(**again))


def _sent(
    connection: Connection, tables: Tables, step: Step, message: str
) -> tuple[int, str] | None:
    """Return entry and kind of the message that the agency withdraws, None for an unknown one."""
    messages = tables.messages
    found = connection.execute(
        select(messages.c.entry, messages.c.kind).where(
            messages.c.child == step.child,
            messages.c.id == message,
            messages.c.agency == step.event.agency,
        )
    ).first()
    return None if found is None else (found.entry, found.kind)
