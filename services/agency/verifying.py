"""Proving a delivery before anybody sees it: the author's seal and the exchange's attestation.

An agency trusts neither the wire nor the ledger (design §3, step 4). A delivery carries no
disclosures, so its seal is verified without them; which statements may be seen is the exchange's
attested decision.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from contracts.directory import Directory
from contracts.event import Event
from contracts.identifiers import partnership_of
from contracts.messages.notices import LEAD_LEFT, MISSED, PROTECTION_FAILED, WARNED
from contracts.reasons import Refusal
from contracts.records import Decision, Delivery, Outcome, attested, shown_digest
from contracts.seal import open_seal, peek
from services.agency.faults import Unproven

_NOTICE_AUTHORS: Final = {
    PROTECTION_FAILED.name: "exchange",
    MISSED.name: "tracker",
    WARNED.name: "tracker",
    LEAD_LEFT.name: "tracker",
}
_WITHOUT_DISCLOSURES: Final = (Refusal("statements.missing"),)


@dataclass(frozen=True, slots=True)
class Genuine:
    """A delivery whose seal and attestation have been verified; nothing else becomes one."""

    delivery: Delivery
    decision: Decision
    event: Event


def verify(
    data: bytes,
    agency: str,
    directory: Directory,
    exchange: str,
    arrived: datetime | None = None,
) -> Genuine | Unproven:
    """Return the delivery in `data` when it is genuine and meant for `agency`; never raises.

    `exchange` is the service id whose key attests, `arrived` when the server stored the delivery:
    a revoked key of the exchange counts for what arrived before. Otherwise the answer is a code:
    `delivery.*`, or one of the contract's closed list for what is wrong with the seal.
    """
    try:
        delivery = Delivery.model_validate_json(data)
    except ValidationError:
        return Unproven("delivery.unreadable")
    proof = attested(
        delivery.decision, delivery.group, delivery.place, directory, exchange, arrived
    )
    if proof is None or proof.decision.outcome is not Outcome.ACCEPTED:
        return Unproven("delivery.not-attested")
    decision = proof.decision
    if decision.sealed != delivery.sealed.digest:
        return Unproven("delivery.other-seal")
    event = _sealed_event(delivery, decision, directory)
    if isinstance(event, Unproven):
        return event
    wrong = _about_this(event, decision) or _meant_for(agency, event, decision, delivery)
    return Unproven(wrong) if wrong else Genuine(delivery, decision, event)


def _sealed_event(delivery: Delivery, decision: Decision, directory: Directory) -> Event | Unproven:
    """Open the seal as the exchange did, as of the arrival of the submission.

    Whatever has statements then lacks exactly their disclosures: that ground alone, which is looked
    at after all others, means that everything else holds.
    """
    opened = open_seal(delivery.sealed, directory, decision.opened_at)
    if not isinstance(opened, tuple):
        return opened.event
    if opened != _WITHOUT_DISCLOSURES:
        return Unproven(opened[0].code)
    event = peek(delivery.sealed)
    return Unproven(event.code) if isinstance(event, Refusal) else event


def _about_this(event: Event, decision: Decision) -> str:
    said = (event.id, event.subject, event.kind, event.agency)
    if said != (decision.message, decision.child, decision.kind, decision.agency):
        return "delivery.other-seal"
    name = _NOTICE_AUTHORS.get(event.kind)
    if name and event.data.author.id != f"{partnership_of(decision.exchange)}.{name}":
        return "delivery.notice-author"
    return ""


def _meant_for(agency: str, event: Event, decision: Decision, delivery: Delivery) -> str:
    to = next((to for to in decision.to if to.agency == agency), None)
    if to is None:
        return "delivery.other-agency"
    sealed = {element.digest for element in event.data.statements}
    # Only digests of the seal are hashed: what somebody else put there may not even be ASCII.
    if not sealed.issuperset(delivery.shown) or to.shown != shown_digest(delivery.shown):
        return "delivery.shown-mismatch"
    return ""
