"""Hostile evidence files whose messages, or the order in which they stand, are wrong."""

from typing import Any

from contracts import jws
from contracts.event import Signer
from contracts.evidence import Code, Evidence
from contracts.evidence.form import EvidenceEntry
from contracts.log import digest_of
from contracts.roles import Capacity
from contracts.seal import Sealed
from tests import messages as m
from tests.area import CAF, CAF_MANAGER, CARE, DOCTOR, SCHOOL, TEACHER, WORKER
from tests.crafting import resealed, signatures_of, with_signatures
from tests.evidence.base import Base, place_in
from tests.evidence.changing import changed_in, with_entries, with_entry
from tests.evidence.hostile import case

_OTHER = "OTHER000000000000000"


def _with_message(base: Base, number: int, sealed: Sealed) -> Evidence:
    """The file with another message in an entry's place, which the exchange was made to attest."""
    entry = base.evidence.journeys[0].entries[number - 1]
    decision = changed_in(entry.decision, sealed=sealed.digest)
    made = base.decided(decision)
    base.log.texts.remove(made.token)
    said = {
        "seal": sealed.text,
        "decision": decision,
        "group": digest_of(made.token),
        "place": place_in(made, 0),
    }
    changed = with_entry(base.evidence, number, **said)
    return changed.model_copy(update={"groups": (*base.evidence.groups, made.token), "log": None})


def _sealed(base: Base, number: int) -> Sealed:
    return Sealed(base.evidence.journeys[0].entries[number - 1].seal)


@case(Code.ENTRY_MISSING)
def removed_middle_entry(base: Base) -> Evidence:
    """A message in the middle of the journey was taken out."""
    return with_entries(base.evidence, lambda entries: entries.pop(4))


@case(Code.ENTRY_MISSING)
def removed_middle_entry_and_chain_mended(base: Base) -> Evidence:
    """A message was taken out, and the record after it made to follow the one before it."""

    def mend(entries: list[EvidenceEntry]) -> None:
        gone = entries.pop(4)
        entries[4] = entries[4].model_copy(update={"before": gone.before})

    return with_entries(base.evidence, mend)


@case(Code.ENTRY_MISSING)
def removed_first_entry(base: Base) -> Evidence:
    """The journey begins with its second message."""
    return with_entries(base.evidence, lambda entries: entries.pop(0))


@case(Code.ENTRY_MISSING)
def tail_cut_though_it_was_answered(base: Base) -> Evidence:
    """The last messages were taken out, and the exchange's answers to them stand there still."""

    def cut(entries: list[EvidenceEntry]) -> None:
        del entries[5:]

    return with_entries(base.evidence, cut).model_copy(update={"clocks": ()})


@case(Code.ENTRY_TWICE)
def duplicate_entry(base: Base) -> Evidence:
    """A message of the journey stands there twice."""
    return with_entries(base.evidence, lambda entries: entries.insert(3, entries[2]))


@case(Code.ENTRY_ORDER)
def entries_reordered(base: Base) -> Evidence:
    """Two messages have changed places."""
    return with_entries(base.evidence, lambda entries: entries.insert(2, entries.pop(5)))


@case(Code.ENTRY_TWICE)
def journey_twice(base: Base) -> Evidence:
    """The whole journey stands there twice."""
    journeys = base.evidence.journeys
    return base.evidence.model_copy(update={"journeys": (journeys[0], *journeys)})


@case(Code.RECORD_CHAIN)
def record_chain_bent(base: Base) -> Evidence:
    """A record names another one before it."""
    return with_entry(base.evidence, 3, before="0" * 64)


@case(Code.OTHER_CHILD)
def child_swapped(base: Base) -> Evidence:
    """The file is said to be about another child."""
    journey, retired = base.evidence.journeys
    swapped = journey.model_copy(update={"child": _OTHER})
    changes = {"child": _OTHER, "journeys": (swapped, retired)}
    return base.evidence.model_copy(update=changes)


@case(Code.OTHER_CHILD)
def message_of_another_journey(base: Base) -> Evidence:
    """A message about the other reference stands in this journey."""
    other = base.evidence.journeys[1].entries[0]
    return with_entries(base.evidence, lambda entries: entries.insert(1, other))


@case(Code.NOT_JOINED)
def reference_never_joined(base: Base) -> Evidence:
    """A second reference stands in the file that nobody has joined with the child's."""
    return base.again(joins=False).evidence


@case(Code.NOTHING)
def nothing_in_it(base: Base) -> Evidence:
    """All messages and receipts were taken out."""
    empty = {"journeys": (), "answers": (), "clocks": ()}
    return base.evidence.model_copy(update=empty)


@case(Code.OTHER_SUBJECT)
def about_two_things(base: Base) -> Evidence:
    """The file is said to be about one message, and holds a whole journey."""
    return base.evidence.model_copy(update={"child": None, "message": base.refused})


@case(Code.OTHER_SUBJECT)
def about_nobody(base: Base) -> Evidence:
    """The file does not say what it is about."""
    return base.evidence.model_copy(update={"child": None})


@case(Code.SEAL)
def forged_author(base: Base) -> Evidence:
    """A message is signed by a key that nobody holds."""
    forged = resealed(_sealed(base, 4), jws.PrivateKey.generate(), lambda _: None)
    return _with_message(base, 4, forged)


@case(Code.SEAL)
def signed_by_the_exchange(base: Base) -> Evidence:
    """The exchange has signed a message in its author's place."""
    key = base.area.services["exchange"]
    return _with_message(base, 4, resealed(_sealed(base, 4), key, lambda _: None))


@case(Code.SEAL)
def countersignature_dropped(base: Base) -> Evidence:
    """The lead's signature was taken from the message by which she became lead."""
    first = _sealed(base, 1)
    return _with_message(base, 1, with_signatures(first, signatures_of(first)[:1]))


@case(Code.SEAL)
def payload_altered(base: Base) -> Evidence:
    """A message says something else than what was signed."""
    sealed = _sealed(base, 4)
    other = resealed(sealed, jws.PrivateKey.generate(), lambda body: body.update(id=_OTHER))
    return _with_message(base, 4, with_signatures(other, signatures_of(sealed)))


@case(Code.SEAL)
def sealed_long_before(base: Base) -> Evidence:
    """A message was sealed far earlier than the exchange would take it."""

    def older(body: dict[str, Any]) -> None:
        body["time"] = "2026-01-02T10:00:00Z"

    author = base.area.keys["demo.first-response.duty"]
    return _with_message(base, 4, resealed(_sealed(base, 4), author, older))


@case(Code.CUSTODY)
def lead_chain_with_two_leads(base: Base) -> Evidence:
    """The exchange has taken a second case with another lead, while the first leads."""

    def second(other: Base) -> None:
        other.ledger.take(m.opened_before(other.area, other.child, lead=DOCTOR))

    return base.again(second).evidence


@case(Code.CUSTODY)
def lead_accepted_by_another(base: Base) -> Evidence:
    """The exchange has taken the acceptance of somebody else than the person proposed."""

    def accepted(other: Base) -> None:
        made = m.lead_proposed(other.area, other.child, TEACHER, WORKER, (SCHOOL, CARE))
        proposal = other.ledger.take(made)
        answer = m.lead_answered(other.area, other.child, proposal, DOCTOR, (SCHOOL, CARE, CAF))
        other.ledger.take(answer)

    return base.again(accepted).evidence


@case(Code.CUSTODY)
def lead_without_entitlement(base: Base) -> Evidence:
    """A school has opened a case, which only the CAF team and social care may."""

    def opened(other: Base) -> None:
        made = other.area.sealed(
            "case.opened-before",
            other.child,
            TEACHER,
            countersigners=(Signer(id=CAF_MANAGER, capacity=Capacity.TEAM_MANAGER),),
            content={"level": "early_help", "lead": TEACHER},
        )
        other.ledger.take(made)

    return base.again(opened).evidence
