"""The messages of an evidence file: whose signatures they carry, and what the exchange decided.

Every seal is opened anew and every decision is found in a group that the exchange signed. That no
message is missing follows from the numbers in the decisions; the ledger's own chain of records, and
what a journey says of itself, is believed nowhere.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise

from contracts.custody import Piece, prove_custody
from contracts.event import Event
from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import EvidenceEntry, EvidenceJourney
from contracts.evidence.given import Given
from contracts.evidence.report import Answered, By, Leads, Taken
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.records import Decision, LaneLeaf, Outcome, stands_in
from contracts.seal import Sealed, open_seal, peek

_WITHOUT_DISCLOSURES = (Refusal("statements.missing"),)
_OF_CHAIN = frozenset({"chain.entry-missing", "chain.repeated", "chain.other-child"})
"""What the numbers of the decisions have told already."""
_MOST_GAPS = 20
_ONE_LEFT_OUT = 2


def messages(given: Given, journey: EvidenceJourney) -> tuple[list[Taken], list[Finding]]:
    """Return the messages of a journey that hold, and what is wrong with the others."""
    taken: list[Taken] = []
    found: list[Finding] = []
    for number, entry in enumerate(journey.entries, start=1):
        where = f"{journey.child}, message {number} of {len(journey.entries)}"
        one = _message(given, journey.child, entry, where)
        if isinstance(one, Taken):
            taken.append(one)
        elif one is not None:
            found.append(one)
    if given.evidence.message is None and len(taken) == len(journey.entries):
        found += _whole(journey, taken)
    return taken, found


def leads(given: Given, journey: EvidenceJourney) -> tuple[Leads, list[Finding]]:
    """Return who led under a reference whose messages all hold, and what does not follow."""
    chain = prove_custody(journey.child, _pieces(journey), given.directory)
    found = [
        Finding(Code.CUSTODY, f"message {one.message}" if one.message else journey.child, one.code)
        for one in chain.findings
        if one.code not in _OF_CHAIN
    ]
    return Leads(journey.child, chain.led, chain.complete), found


def answers(given: Given) -> tuple[list[Answered], list[Finding]]:
    """Return the answers that the exchange attested, and what is wrong with the others."""
    held: list[Answered] = []
    found: list[Finding] = []
    for number, answer in enumerate(given.evidence.answers, start=1):
        where = f"answer {number}"
        decision = given.decision(answer.decision, answer.group, answer.place)
        if isinstance(decision, Code):
            found.append(Finding(decision, where))
        elif decision is not None:
            stands = stands_in(answer.lane, answer.lane_place, given.groups[answer.group])
            lane = _lane_of(answer.lane, decision) if stands else None
            held.append(Answered(decision, answer.group, lane))
            if lane is None:
                found.append(Finding(Code.LANE_NOT_ATTESTED, where))
    return held, found


def contradictions(decisions: Iterable[Decision]) -> Iterator[Finding]:
    """Yield the sealed messages to which the exchange has attested two final answers."""
    final: dict[tuple[str, str, str], Decision] = {}
    told: set[tuple[str, str, str]] = set()
    for decision in decisions:
        key = key_of(decision)
        if key is None or decision.outcome is Outcome.HELD:
            continue
        if final.setdefault(key, decision) != decision and key not in told:
            told.add(key)
            yield Finding(Code.TWO_ANSWERS, f"message {key[1]}")


def key_of(decision: Decision) -> tuple[str, str, str] | None:
    """Return what a decision answers: the agency, the message and its sealed bytes; or None."""
    if decision.message is None or decision.sealed is None:
        return None
    return decision.agency, decision.message, decision.sealed


def _lane_of(text: str, decision: Decision) -> LaneLeaf | None:
    """Return a lane's leaf when it reaches over the submission that was decided, in its own lane.

    A message that was held is decided anew by a wake-up, which comes in the exchange's lane.
    """
    try:
        leaf = LaneLeaf.model_validate_json(text)
    except ValueError:
        return None
    within = leaf.first <= decision.sequence <= leaf.last
    return leaf if leaf.lane != decision.lane or within else None


def _message(given: Given, child: str, entry: EvidenceEntry, where: str) -> Taken | Finding | None:
    """Return a message that holds, or what is wrong with it; None where its group is forged."""
    sealed = Sealed(entry.seal)
    decision = given.decision(entry.decision, entry.group, entry.place)
    if not isinstance(decision, Decision):
        return None if decision is None else Finding(decision, where)
    if decision.outcome is not Outcome.ACCEPTED or decision.sealed != sealed.digest:
        return Finding(Code.OTHER_DECISION, where)
    event = _opened(sealed, given, decision.opened_at)
    if isinstance(event, Refusal):
        return Finding(Code.SEAL, where, event.code)
    if (decision.message, decision.child) != (event.id, event.subject):
        return Finding(Code.OTHER_DECISION, where)
    if event.subject != child:
        return Finding(Code.OTHER_CHILD, where)
    return _taken(given, event, decision, entry)


def _opened(sealed: Sealed, given: Given, at: datetime) -> Event | Refusal:
    """Open a seal as of its arrival, as it was opened; its disclosures are away by right."""
    shown = peek(sealed)
    if isinstance(shown, Refusal):
        return shown
    opened = open_seal(sealed, given.directory, at)
    if isinstance(opened, Opened):
        return opened.event
    return shown if opened == _WITHOUT_DISCLOSURES else opened[0]


def _taken(given: Given, event: Event, decision: Decision, entry: EvidenceEntry) -> Taken:
    people = given.directory.practitioners
    by = tuple(
        By(s.id, people[s.id].name if s.id in people else s.id, s.capacity) for s in event.signers
    )
    return Taken(event, by, decision, entry.group or "")


def _whole(journey: EvidenceJourney, taken: list[Taken]) -> Iterator[Finding]:
    """Yield where the numbers of the decisions have a gap, or a record names another before it."""
    numbers = [one.number for one in taken]
    if len(set(numbers)) < len(numbers):
        yield Finding(Code.ENTRY_TWICE, journey.child)
    elif numbers != sorted(numbers):
        yield Finding(Code.ENTRY_ORDER, journey.child)
    else:
        missing = list(_gaps(numbers))
        if missing:
            lacking = ", ".join(missing[:_MOST_GAPS])
            yield Finding(Code.ENTRY_MISSING, f"{journey.child}, number {lacking}")
        elif not _linked(journey):
            yield Finding(Code.RECORD_CHAIN, journey.child)


def _linked(journey: EvidenceJourney) -> bool:
    before = ""
    for entry in journey.entries:
        if entry.before != before:
            return False
        before = entry.digest
    return True


def _gaps(numbers: list[int]) -> Iterator[str]:
    """Yield the numbers that are missing from 1 on, as `3` or `5-9`."""
    for before, after in pairwise((0, *numbers)):
        if after - before == _ONE_LEFT_OUT:
            yield str(before + 1)
        elif after > before + 1:
            yield f"{before + 1}-{after - 1}"


def _pieces(journey: EvidenceJourney) -> Iterator[Piece]:
    for entry in journey.entries:
        decision = Decision.model_validate_json(entry.decision)
        yield Piece(
            Sealed(entry.seal),
            decision.now,
            decision.entry,
            entry.digest,
            entry.before,
            decision.opened_at,
        )
