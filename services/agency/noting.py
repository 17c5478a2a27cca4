"""What an agency's own accepted answers make of its inbox: acknowledged, then decided.

An acknowledgement is a person's sealed message (design §1); the inbox only follows it, on the
exchange's signed receipt and never on somebody's word.
"""

from typing import Final, Literal

from contracts.directory import Directory
from contracts.identifiers import MessageId
from contracts.messages.caf import CONTACT_MADE as CAF_CONTACT
from contracts.messages.caf import INFORMATION_SENT as CAF_INFORMATION
from contracts.messages.corrections import REDIRECTED
from contracts.messages.lead import ACCEPTED as LEAD_ACCEPTED
from contracts.messages.lead import PROPOSED as LEAD_PROPOSED
from contracts.messages.lead import REFUSED as LEAD_REFUSED
from contracts.messages.partners import (
    CHECK_ANSWERED,
    CHECK_REQUESTED,
    ENQUIRY_ANSWERED,
    ENQUIRY_MADE,
    RAISED,
    RESOLVED,
)
from contracts.messages.recording import ACKNOWLEDGED
from contracts.messages.referral import DECIDED as REFERRAL_DECIDED
from contracts.messages.referral import SUBMITTED
from contracts.messages.stepdown import DECIDED as STEPDOWN_DECIDED
from contracts.messages.stepdown import REQUESTED as STEPDOWN_REQUESTED
from contracts.messages.stepup import DECIDED as STEPUP_DECIDED
from contracts.messages.stepup import REQUESTED as STEPUP_REQUESTED
from contracts.messages.tasks import TASK_DONE, TASK_SET
from contracts.records import Decision, Outcome, Receipt, attested
from contracts.values import Value
from services.agency.faults import Unproven
from services.agency.items import Item, State
from services.agency.store import Held

_DECIDED_BY: Final = {
    SUBMITTED.name: {REFERRAL_DECIDED.name},
    STEPUP_REQUESTED.name: {STEPUP_DECIDED.name},
    STEPDOWN_REQUESTED.name: {STEPDOWN_DECIDED.name},
    LEAD_PROPOSED.name: {LEAD_ACCEPTED.name, LEAD_REFUSED.name},
    CHECK_REQUESTED.name: {CHECK_ANSWERED.name},
    RAISED.name: {RESOLVED.name},
    TASK_SET.name: {TASK_DONE.name},
    ENQUIRY_MADE.name: {ENQUIRY_ANSWERED.name},
    CAF_INFORMATION.name: {CAF_CONTACT.name},
}

ANSWERS: Final = {
    **{kind: decides | {REDIRECTED.name} for kind, decides in _DECIDED_BY.items()},
    REDIRECTED.name: {REDIRECTED.name}.union(*_DECIDED_BY.values()),
}
"""By the kind that asks, the kinds by which it leaves the desk; to redirect it is one of them."""


class Note(Value):
    """That the message of `receipt` took the delivery `message` on to `state`."""

    message: MessageId
    state: Literal[State.ACKNOWLEDGED, State.DECIDED]
    receipt: Receipt


def verify_note(
    note: Note, agency: str, held: Held, directory: Directory, exchange: str
) -> State | Unproven:
    """Return the state to move to when the receipt is of such an answer by `agency`.

    A receipt does not say which message was answered: kind, child and order of time must fit, which
    is enough for a list that only the agency itself reads.
    """
    receipt = note.receipt
    proof = attested(receipt.decision, receipt.group, receipt.place, directory, exchange)
    if proof is None:
        return Unproven("note.not-attested")
    made, item = proof.decision, held.item
    by_us = made.agency == agency and made.outcome is Outcome.ACCEPTED and made.child == item.child
    asked_at = Decision.model_validate_json(held.delivery.decision).now
    if not by_us or made.now < asked_at or made.kind not in _kinds(item, note.state):
        return Unproven("note.not-an-answer")
    return State(note.state)


def _kinds(item: Item, state: State) -> set[str]:
    if state is State.DECIDED:
        return ANSWERS.get(item.kind, set())
    acknowledges = item.kind in ANSWERS and item.kind != LEAD_PROPOSED.name
    return {ACKNOWLEDGED.name} if acknowledges else set()
