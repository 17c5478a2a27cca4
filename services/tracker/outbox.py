"""What the tracker seals, kept from before it is sent until the lane has acknowledged it.

Sending again sends the same bytes, which the exchange knows for the same message.
"""

from dataclasses import dataclass
from datetime import datetime

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, select, update

from contracts import jws
from contracts.seal import seal
from contracts.subjects import LEDGER, receipt, submit, submit_stream
from contracts.submission import Wire
from services.tracker.clocks import Kept, is_untold
from services.tracker.notices import missed_notice
from services.tracker.store import LIVE, OUTBOX, insert_new


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals notices as the service `tracker`, with its directory key."""

    tracker: str
    key: jws.PrivateKey

    def notice(self, kept: Kept, manager: str, now: datetime) -> str:
        """Return the sealed text that tells `manager` of a missed clock."""
        event = missed_notice(kept.clock, kept.entry, self.tracker, manager, now)
        return seal(event, self.key).text


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed notice, and whether the lane has acknowledged it."""

    id: str
    child: str
    sealed: str
    handed_in: bool


def put(connection: Connection, kept: Kept, sealed: str) -> Waiting | None:
    """Keep `sealed` for the clock, unless a notice is kept already; return what is kept.

    None when the clock does not have to be told any more: it has turned out to be met, or the
    ledger holds the notice.
    """
    if not is_untold(connection, LIVE, kept):
        return None
    row = {
        "id": kept.notice,
        "child": kept.clock.child,
        "entry": kept.entry,
        "rule": kept.clock.rule,
        "sealed": sealed,
    }
    insert_new(connection, OUTBOX, row)
    found = connection.execute(select(OUTBOX).where(OUTBOX.c.id == kept.notice)).one()
    return Waiting(found.id, found.child, found.sealed, found.submitted_at is not None)


def note_submitted(connection: Connection, notice: str, now: datetime) -> None:
    """Write down that the lane holds the notice."""
    connection.execute(update(OUTBOX).where(OUTBOX.c.id == notice).values(submitted_at=now))


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
