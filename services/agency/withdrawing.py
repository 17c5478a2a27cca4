"""What its sender withdrew: a delivery is marked, whichever of the two came first, and stays shut.

Deliveries come in any order, so a withdrawal is kept beside them and looked up again when the
message that it names arrives. A redirected request repeats its statements and goes with it.
"""

from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, String, Table, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from contracts.event import Event
from contracts.messages.corrections import REDIRECTED, WITHDRAWN
from services.agency.faults import fault
from services.agency.items import Item, State
from services.agency.tables import DELIVERIES, METADATA

WITHDRAWALS: Final = Table(
    "withdrawals",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("sender", String(64), primary_key=True),
    Column("message", String(40), primary_key=True),
)


def withdraws(event: Event) -> str:
    """Return the id of the message that a verified `event` withdraws, "" where it does not."""
    return str(event.data.content["message"]) if event.kind == WITHDRAWN.name else ""


def withdraw(connection: Connection, agency: str, sender: str, message: str) -> None:
    """Keep that `sender` withdrew its `message`, and mark what `agency` holds of it."""
    row = insert(WITHDRAWALS).values(agency=agency, sender=sender, message=message)
    connection.execute(row.on_conflict_do_nothing())
    at = DELIVERIES.c
    _mark(connection, agency, or_(at.message == message, at.answers == message))


def mark_taken(connection: Connection, agency: str, message: str) -> None:
    """Mark a delivery that has just been stored if it was withdrawn before it came."""
    _mark(connection, agency, DELIVERIES.c.message == message)


def must_be_open(item: Item) -> None:
    """Raise `delivery.withdrawn` for a line whose message its sender withdrew."""
    if item.state is State.WITHDRAWN:
        raise fault("delivery.withdrawn")


def _mark(connection: Connection, agency: str, which: ColumnElement[bool]) -> None:
    at, gone = DELIVERIES.c, WITHDRAWALS.c
    itself = select(gone.message).where(
        gone.agency == agency, gone.sender == at.sender, gone.message == at.message
    )
    original = select(gone.message).where(gone.agency == agency, gone.message == at.answers)
    withdrawn = or_(itself.exists(), (at.kind == REDIRECTED.name) & original.exists())
    connection.execute(
        update(DELIVERIES)
        .where(at.agency == agency, which, withdrawn)
        .values(state=State.WITHDRAWN)
    )
