"""The single records of a batch, each with the guard under which it is written (design §5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import orjson

from contracts.holding import HeldDone, HeldRecord
from contracts.kinds import Opened, iso
from contracts.messages.linking import other_child
from contracts.reasons import Refusal
from contracts.records import Ground
from contracts.subjects import (
    TREE_GROUP,
    check,
    cursor,
    held,
    inbox,
    journey,
    quarantine,
    receipt,
    receipt_bytes,
    receipt_held,
)
from contracts.submission import digest_of_bytes
from services.exchange.alerts import Alert
from services.exchange.attesting import Attestation, LaneStep
from services.exchange.deciding import Decided
from services.exchange.decision import Held
from services.exchange.ledger import Ledger
from services.exchange.opening import Unopenable
from services.exchange.releasing import settled_release
from services.runtime import batch

_TTL = f"{400 * 24 * 3600}s"
_LOOK_AGAIN: Final = timedelta(hours=1)
"""For how much longer a message is held whose child's journey cannot be read at its time."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be written: `guard` names the subject whose last sequence it expects.

    `create_only` expects that its own subject has no record; `expires` gives it the ledger's TTL.
    """

    subject: str
    data: bytes
    guard: str = ""
    create_only: bool = False
    expires: bool = True


def published(draft: Draft, ledger: Ledger) -> batch.Published:
    """Return a draft as it is published, with the sequences that `ledger` believes in."""
    headers: dict[str, str] = {}
    if draft.create_only:
        headers[batch.EXPECTED] = "0"
    elif draft.guard:
        headers[batch.EXPECTED] = str(ledger.sequence_of(draft.guard))
        if draft.guard != draft.subject:
            headers[batch.EXPECTED_SUBJECT] = draft.guard
    if draft.expires:
        headers[batch.TTL] = _TTL
    return batch.Published(draft.subject, draft.data, headers)


def grounds(reasons: Sequence[Refusal]) -> list[dict[str, str]]:
    """Return refusals as they stand in records: code and the part concerned."""
    return [{"code": r.code, "detail": r.detail} for r in reasons]


def check_of(message: Opened, written: set[str]) -> Draft:
    """Return the record by which a decision that writes no entry guards the journey it stood on.

    `written` are the journeys that the batch writes before it: a guard may not name them.
    """
    subject = journey(message.event.subject)
    guard = "" if subject in written else subject
    return Draft(check(message.event.agency, message.event.id), b"{}", guard=guard)


def beside_of(message: Opened, written: set[str]) -> list[Draft]:
    """Return the record that guards the other journey beside which a message was decided.

    So whoever wrote about either child meanwhile makes the whole decision be taken anew.
    """
    other = other_child(message)
    if other is None or journey(other) in written:
        return []
    return [Draft(check(message.event.agency, message.event.id), b"{}", guard=journey(other))]


def receipt_of(decided: Decided, text: tuple[str, int], attestation: Attestation) -> Draft:
    """Return the answer to the sender: final and create-only under the id, or the notice of a hold.

    What could not be given to an id is answered under the digest of its bytes.
    """
    lane, lane_index = attestation.lanes[decided.arrived.taken.lane]
    body = {
        "v": 1,
        "decision": text[0],
        "group": attestation.quoted,
        "place": attestation.place(text[1]),
        "lane": lane,
        "lane_place": attestation.place(lane_index),
    }
    data = orjson.dumps(body)
    sender, message = identity_of(decided)
    if not message:
        return Draft(receipt_bytes(sender, digest_of_bytes(decided.arrived.data)), data)
    if isinstance(decided.verdict, Held):
        return Draft(receipt_held(sender, message), data)
    return Draft(receipt(sender, message), data, create_only=True)


def identity_of(decided: Decided) -> tuple[str, str]:
    """Return the sender and the message's id, which is empty where none could be given.

    A lane's subjects all begin with its agency.
    """
    sender = ".".join(decided.arrived.subject.split(".")[1:3])
    if isinstance(decided.verdict, Unopenable):
        return sender, ""
    if decided.message is not None:
        return decided.message.event.agency, decided.message.event.id
    woken = decided.arrived.woken
    return sender, woken.message if woken else ""


def quarantined(decided: Decided) -> Draft:
    """Return the record that something could not be opened; it never holds the bytes.

    Where a damaged journey is why, it is guarded by that: a mended one has it decided anew.
    """
    arrived, verdict = decided.arrived, decided.verdict
    found = verdict if isinstance(verdict, Unopenable) else Unopenable(())
    digest = digest_of_bytes(arrived.data)
    body = {
        "lane": arrived.lane,
        "sequence": arrived.sequence,
        "digest": digest,
        "reasons": grounds(found.reasons),
        "at": iso(decided.now),
    }
    sender, _ = identity_of(decided)
    guard = journey(found.damaged) if found.damaged else ""
    return Draft(quarantine(sender, digest), orjson.dumps(body), guard=guard)


def held_of(message: Opened, verdict: Held, decided: Decided) -> Draft:
    """Return the record of a new holding, create-only, so that nothing is held twice."""
    arrived, event = decided.arrived, message.event
    record = HeldRecord(
        agency=event.agency,
        lane=arrived.lane,
        sequence=arrived.sequence,
        submission=digest_of_bytes(arrived.data),
        sealed=message.digest,
        arrived_at=arrived.stored_at,
        until=verdict.until,
        waits_for=tuple(Ground(code=r.code, detail=r.detail) for r in verdict.waits_for),
    )
    data = record.model_dump_json().encode()
    return Draft(held(event.subject, event.id), data, create_only=True)


def settled_of(decided: Decided, written: set[str]) -> list[Draft]:
    """Return what a wake-up or a release writes beside the answer.

    What came of the release. The holding is over; or, where the message goes on waiting, the guard
    of the journey on which that was decided: what it waits for may have arrived unseen. While the
    child's journey cannot be read it stays held, for longer once its time is up.
    """
    woken, released = decided.arrived.woken, settled_release(decided)
    if released is not None:
        return [Draft(*released)]
    if woken is None or woken.held is None:
        return []
    if isinstance(decided.verdict, Held):
        return [check_of(decided.message, written)] if decided.message else []
    if isinstance(decided.verdict, Unopenable) and decided.verdict.damaged:
        if decided.now < woken.held.until:
            return []
        longer = woken.held.model_copy(update={"until": decided.now + _LOOK_AGAIN})
        return [Draft(held(woken.child, woken.message), longer.model_dump_json().encode())]
    done = HeldDone(
        lane=woken.held.lane,
        sequence=woken.held.sequence,
        woken=woken.by.sequence,
        at=decided.now,
    )
    return [Draft(held(woken.child, woken.message), done.model_dump_json().encode())]


def alert_records(alert: Alert, attestation: Attestation) -> list[Draft]:
    """Return the deliveries of an alert."""
    body = {
        "v": 1,
        "seal": alert.sealed,
        "decision": alert.decision,
        "group": attestation.quoted,
        "place": attestation.place(alert.index),
    }
    return [Draft(inbox(agency, alert.message), orjson.dumps(body)) for agency in alert.to]


def leaf_of(attestation: Attestation) -> Draft:
    """Return the group as a leaf of the log: one record of every batch, and it never expires."""
    return Draft(TREE_GROUP, attestation.token.encode("ascii"), expires=False)


def cursor_of(step: LaneStep, root: str, at: str) -> Draft:
    """Return how far a lane is decided: lease, fence and acknowledgement in one."""
    body = {"sequence": step.cursor, "root": root, "at": at}
    subject = cursor(step.lane)
    return Draft(subject, orjson.dumps(body), guard=subject, expires=False)
