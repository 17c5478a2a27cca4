"""Deciding again what lies in quarantine, on an operator's order.

An order is a submission to the exchange's own lane, as a wake-up is: it has a place, an instant and
a cursor, survives a crash, and a second one does no harm. What it names is opened and judged as of
its own arrival and is never held; what came of it is written in the same batch.
"""

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from contracts.quarantine import FINAL, Released, ReleaseOrder, ReleaseOutcome, read_record
from contracts.records import Ground
from contracts.subjects import quarantine
from contracts.submission import digest_of_bytes
from services.exchange.deciding import Decided
from services.exchange.decision import Accepted, Refused
from services.exchange.lanes import Arrived, Woken
from services.exchange.ledger import Ledger
from services.exchange.opening import Unopenable


async def ordered(ledger: Ledger, by: Arrived, order: ReleaseOrder) -> Arrived:
    """Return what the order `by` names, as it arrived in its lane.

    It has no bytes where they are gone, and is no release where nothing is left to decide.
    """
    place = by.lane, by.sequence, by.subject, by.stored_at
    if await _is_settled(ledger, order):
        return Arrived(*place, by.data, Woken(by))
    found = await lying(ledger.js, order)
    if found is None:
        return Arrived(*place, b"", Woken(by, released=order))
    return Arrived(
        order.lane,
        order.sequence,
        str(found.subject),
        found.time or by.stored_at,
        found.data or b"",
        Woken(by, released=order),
    )


async def lying(js: JetStreamContext, order: ReleaseOrder) -> RawStreamMsg | None:
    """Return the very message that an order names, read from its lane's leader, or None."""
    try:
        found = await js.get_msg(order.lane, order.sequence)
    except NotFoundError:
        return None
    return found if digest_of_bytes(found.data or b"") == order.digest else None


def owner_of(lane: str) -> str:
    """Return the agency or service whose lane it is: `demo.gp` of `SUBMIT_demo_gp`."""
    return lane.partition("_")[2].replace("_", ".")


def settled_release(decided: Decided) -> tuple[str, bytes] | None:
    """Return subject and bytes of the record that says what came of a release, None for no release.

    Pure. Reasons are those for which it is still refused.
    """
    woken = decided.arrived.woken
    if woken is None or woken.released is None:
        return None
    order, verdict = woken.released, decided.verdict
    reasons = verdict.reasons if isinstance(verdict, Refused | Unopenable) else ()
    record = Released(
        lane=order.lane,
        sequence=order.sequence,
        digest=order.digest,
        because=order.because,
        reference=order.reference,
        by=order.by,
        outcome=_outcome(decided),
        reasons=tuple(Ground(code=r.code, detail=r.detail) for r in reasons),
        order=woken.by.sequence,
        at=decided.now,
    )
    return quarantine(owner_of(order.lane), order.digest), record.model_dump_json().encode()


def _outcome(decided: Decided) -> ReleaseOutcome:
    if not decided.arrived.data:
        return ReleaseOutcome.GONE
    if isinstance(decided.verdict, Accepted):
        return ReleaseOutcome.ACCEPTED
    if isinstance(decided.verdict, Refused):
        return ReleaseOutcome.REFUSED
    if isinstance(decided.verdict, Unopenable):
        return ReleaseOutcome.QUARANTINED
    return ReleaseOutcome.REPEATED


async def _is_settled(ledger: Ledger, order: ReleaseOrder) -> bool:
    """Tell whether the newest release of the very item left nothing in quarantine."""
    place = quarantine(owner_of(order.lane), order.digest)
    after, settled = 0, False
    while (found := await ledger.next_of(place, after)) is not None:
        after = found[1].sequence
        record = read_record(found[1].data)
        same = record is not None and (record.lane, record.sequence) == (order.lane, order.sequence)
        if same and isinstance(record, Released):
            settled = record.outcome in FINAL
    return settled
