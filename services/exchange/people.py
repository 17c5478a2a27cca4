"""Who may sign and send what: agencies, capacities and countersignatures (003 principles, §2.3)."""

from collections.abc import Iterator

from contracts.consents import Answered
from contracts.event import Recipient, Signer
from contracts.identifiers import agency_of
from contracts.journey import MOST_CONSENTS, MOST_REFUSED, MOST_TAKEN
from contracts.kinds import Situation
from contracts.reasons import Refusal
from contracts.roles import Capacity
from services.exchange.consents import consent_faults


def people_and_roles(s: Situation) -> Iterator[Refusal]:
    """Yield why the sender, the signers or the recipients may not have this part."""
    if s.message.kind.by_service or s.event.data.author.id in s.directory.services:
        yield from _service(s)
    else:
        yield from _sender(s)
        yield from _signers(s)
    yield from _recipients(s)


def _service(s: Situation) -> Iterator[Refusal]:
    """Refuse a service anything but notices without statements (design, words: seal)."""
    is_service = s.event.data.author.id in s.directory.services
    if not is_service or not s.message.kind.by_service or s.message.statements:
        yield Refusal("notice.service")


def _sender(s: Situation) -> Iterator[Refusal]:
    agency = s.directory.agency(s.event.agency, s.event.time)
    if agency is None:
        yield Refusal("agency.unknown")
    elif agency.role not in s.message.kind.senders:
        yield Refusal("message.role-may-not", agency.role.value)


def _signers(s: Situation) -> Iterator[Refusal]:
    kind, author = s.message.kind, s.event.data.author
    for signer in s.event.signers:
        # Judged at sealing, as keys are: what was signed before somebody left stays valid.
        if s.directory.practitioner(signer.id, s.event.time) is None:
            yield Refusal("practitioner.unknown", "" if signer is author else signer.id)
        elif not _has_capacity(s, signer):
            yield Refusal("practitioner.capacity", signer.capacity.value)
    if kind.authors and author.capacity not in kind.authors:
        yield Refusal("practitioner.capacity", author.capacity.value)
    for capacity in kind.countersigned_by:
        if not any(_countersigns(s, c, capacity) for c in s.event.data.countersigners):
            yield Refusal("countersign.missing", capacity.value)


def _countersigns(s: Situation, signer: Signer, capacity: Capacity) -> bool:
    return signer.capacity is capacity and agency_of(signer.id) == s.event.agency


def _has_capacity(s: Situation, signer: Signer) -> bool:
    if signer.capacity is Capacity.PRACTITIONER:
        return True
    if signer.capacity is Capacity.LEAD_PROFESSIONAL:
        return _leads(s, signer.id)
    if signer.capacity is Capacity.LINE_MANAGER:
        return signer.id in s.directory.line_managers(s.event.data.author.id, s.event.time)
    person = s.directory.practitioner(signer.id, s.event.time)
    return person is not None and signer.capacity in person.capacities


def _leads(s: Situation, practitioner: str) -> bool:
    lead = s.journey.lead if s.journey else None
    if lead is not None and lead.practitioner == practitioner:
        return True
    content = s.message.content
    proposed = s.journey.proposal(s.event.data.answers or "") if s.journey else None
    return getattr(content, "lead", None) == practitioner or (
        proposed is not None and proposed.practitioner == practitioner
    )


def consents_carried(s: Situation) -> Iterator[Refusal]:
    """Yield why consents may not be carried: who took them, and how many there are (003 §4.3)."""
    carried = s.event.data.consents
    if not carried:
        return
    held = {c.consent.id for c in s.journey.consents} if s.journey else set[str]()
    for consent in (c for c in carried if c.id not in held):
        yield from consent_faults(s, consent)
        known = s.directory.practitioner(consent.taken_by, s.event.time) is not None
        if not known or agency_of(consent.taken_by) != s.event.agency:
            yield Refusal("consent.taken-by", consent.taken_by)
    if _too_many(s, only_refusals=all(c.decision is Answered.REFUSED for c in carried)):
        yield Refusal("journey.full")


def _too_many(s: Situation, *, only_refusals: bool) -> bool:
    """Tell whether a journey cannot hold what the message brings beside what it holds.

    An agency that has much withdrawn fills its own share only, and a no always finds room.
    """
    kept = [c for c in s.consents if not c.gives_way(s.now)]
    if only_refusals:
        return len(kept) > MOST_CONSENTS + MOST_REFUSED
    own = [c for c in kept if agency_of(c.consent.taken_by) == s.event.agency]
    taken = sum(1 for c in own if not c.spent(s.now))
    return taken > MOST_TAKEN or len(own) > 2 * MOST_TAKEN or len(kept) > MOST_CONSENTS


def _recipients(s: Situation) -> Iterator[Refusal]:
    if s.message.kind.addressed and not s.event.data.recipients and not _answers_itself(s):
        yield Refusal("recipient.missing")
    for recipient in s.event.data.recipients:
        if s.role_of(recipient.agency) is None:
            yield Refusal("agency.unknown", recipient.agency)
        elif _is_told_who_must_not_know(s, recipient):
            yield Refusal("recipient.must-not-know")
        # Somebody who has left is known: whoever stands in sees it (contracts.desks).
        elif recipient.practitioner and not _works_or_worked(s, recipient):
            yield Refusal("practitioner.unknown", recipient.practitioner)


def _is_told_who_must_not_know(s: Situation, recipient: Recipient) -> bool:
    """Tell whether a message goes to who must not know of the child, and its sender may be told so.

    What a sender without a part sends goes to whoever sees it in their place (`contracts.desks`):
    a refusal would tell an outsider who is kept out.
    """
    journey = s.journey
    return journey is not None and s.has_part and recipient.practitioner in journey.must_not_know


def _answers_itself(s: Situation) -> bool:
    """Tell whether the message answers what its own agency wrote down, as for a caller."""
    answers = s.event.data.answers
    request = s.journey.request(answers) if s.journey and answers else None
    return request is not None and request.agency == s.event.agency


def _works_or_worked(s: Situation, recipient: Recipient) -> bool:
    person = recipient.practitioner or ""
    return person in s.directory.practitioners and agency_of(person) == recipient.agency
