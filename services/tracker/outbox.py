"""What the tracker seals, kept from before it is sent until the lane has acknowledged it.

Sending again sends the same bytes, which the exchange knows for the same message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, select, update

from contracts import jws
from contracts.event import Event
from contracts.seal import seal
from contracts.subjects import LEDGER, receipt, submit, submit_stream
from contracts.submission import Wire
from services.tracker.store import OUTBOX, insert_new


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals notices as the service `tracker`, with its directory key."""

    tracker: str
    key: jws.Signer

    def sealed(self, event: Event) -> str:
        """Return the sealed text of a notice."""
        return seal(event, self.key).text


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to be handed in, what it is about, and how the tables stand with it.

    `entry` and `rule` name its clock, or the custody. `wanted` tells whether it still has to be
    told, `note` writes that it was handed in.
    """

    event: Event
    entry: int
    rule: str
    wanted: Callable[[Connection], bool]
    note: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed notice, and whether the lane has acknowledged it."""

    id: str
    child: str
    sealed: str
    handed_in: bool


def put(connection: Connection, notice: Notice, sealed: str) -> Waiting | None:
    """Keep `sealed` for the notice, unless one is kept already; return what is kept.

    None when it does not have to be told any more: the clock has turned out to be met, or the
    ledger holds the notice.
    """
    if not notice.wanted(connection):
        return None
    event = notice.event
    row = {
        "id": event.id,
        "child": event.subject,
        "entry": notice.entry,
        "rule": notice.rule,
        "sealed": sealed,
    }
    insert_new(connection, OUTBOX, row)
    found = connection.execute(select(OUTBOX).where(OUTBOX.c.id == event.id)).one()
    return Waiting(found.id, found.child, found.sealed, found.submitted_at is not None)


def note_submitted(connection: Connection, notice: Notice, now: datetime) -> None:
    """Write down that the lane holds the notice."""
    here = OUTBOX.c.id == notice.event.id
    connection.execute(update(OUTBOX).where(here).values(submitted_at=now))
    notice.note(connection)


async def hand_in(js: JetStreamContext, tracker: str, waiting: Waiting) -> None:
    """Return once the lane of `tracker`, or the exchange's answer, is sure to hold the notice.

    A receipt means that it was handed in before these tables knew of it. Raises what nats-py
    raises when neither is known; then it is to be tried again.
    """
    try:
        await js.get_last_msg(LEDGER, receipt(tracker, waiting.id))
    except NotFoundError:
        body = Wire(seal=waiting.sealed).model_dump_json(exclude_none=True).encode()
        lane = submit_stream(tracker)
        await js.publish(submit(tracker, waiting.child), body, stream=lane)
