"""From ledger records to what is stored: an accepted message with its statements.

Who signed was judged by the exchange when the message arrived, and its decision stands in the
ledger. Here the submission is held against that decision byte by byte, its disclosures against the
seal, and the signatures against the keys that the directory still holds: a key that has been
revoked since takes nothing back, a signature that is wrong is never stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from contracts import jws
from contracts.directory import Directory
from contracts.event import TYP, Event
from contracts.reasons import Refusal
from contracts.records import Cursor, Decision, Entry, Outcome
from contracts.seal import Disclosures, Sealed, peek, public_key
from contracts.statements import Disclosed, open_disclosures
from contracts.subjects import cursor, journey
from contracts.submission import Submission, decrypt, digest_of_bytes, read
from services.runtime.settlement import PermanentFault
from services.runtime.subscribing import Record

KeyOfMonth = Callable[[str], X25519PrivateKey]
"""Gives the private intake key of a month, or raises."""

_JOURNEYS = journey("")
_CURSORS = cursor("")


@dataclass(frozen=True, slots=True)
class AcceptedEntry:
    """A journey entry: its sequence in the ledger, the decision, and the sealed text."""

    ledger: int
    child: str
    message: str
    decision: Decision
    seal: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaneCursor:
    """That `lane` is decided up to the submission `sequence`, as the record at `ledger` says."""

    ledger: int
    lane: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Told:
    """An accepted message with what it says; its text form shows no statement."""

    entry: AcceptedEntry
    event: Event = field(repr=False)
    statements: tuple[Disclosed, ...] = field(repr=False)


def entries_of(records: tuple[Record, ...]) -> tuple[AcceptedEntry, ...]:
    """Return the journey entries among `records`, in order.

    Raises `PermanentFault` `story.entry-unreadable` for one that is not as the contract has it.
    """
    return tuple(_entry(r) for r in records if r.subject.startswith(_JOURNEYS))


def cursors_of(records: tuple[Record, ...]) -> tuple[LaneCursor, ...]:
    """Return the cursor records among `records`, in order; raises as `entries_of` does."""
    return tuple(_cursor(r) for r in records if r.subject.startswith(_CURSORS))


def tell(entry: AcceptedEntry, data: bytes, directory: Directory, key_of_month: KeyOfMonth) -> Told:
    """Return what the submission `data` of `entry` says.

    Raises `PermanentFault`: `story.submission-mismatch` when it is not the one that was decided,
    `seal.bad-signature`, or the contract's code of what cannot be opened. Raises what
    `key_of_month` raises.
    """
    submission = read(data)
    if isinstance(submission, Refusal):
        raise _refused(submission)
    event = _event(entry, data, submission)
    if not _signatures_hold(submission.seal, directory):
        raise _refused(Refusal("seal.bad-signature"))
    disclosures = _disclosures(submission, key_of_month)
    salt, items = (disclosures.salt, disclosures.items) if disclosures else (None, ())
    elements = [element.digest for element in event.data.statements]
    statements = open_disclosures(elements, event.data.bound, salt, items)
    if isinstance(statements, Refusal):
        raise _refused(statements)
    return Told(entry, event, statements)


def _entry(record: Record) -> AcceptedEntry:
    try:
        made = Entry.model_validate_json(record.data)
        decision = Decision.model_validate_json(made.decision)
    except ValidationError:
        raise _unreadable() from None
    child, message = decision.child, decision.message
    accepted = decision.outcome is Outcome.ACCEPTED
    if child is None or message is None or not accepted or record.subject != journey(child):
        raise _unreadable()
    return AcceptedEntry(record.sequence, child, message, decision, made.seal)


def _cursor(record: Record) -> LaneCursor:
    try:
        made = Cursor.model_validate_json(record.data)
    except ValidationError:
        raise _unreadable() from None
    return LaneCursor(record.sequence, record.subject.removeprefix(_CURSORS), made.sequence)


def _event(entry: AcceptedEntry, data: bytes, submission: Submission) -> Event:
    decision = entry.decision
    event = peek(Sealed(submission.seal))
    if isinstance(event, Refusal):
        raise _refused(event)
    decided = (decision.submission, decision.sealed, decision.agency, entry.message, entry.child)
    found = (
        digest_of_bytes(data),
        submission.sealed_digest,
        event.agency,
        event.id,
        event.subject,
    )
    if decided != found or submission.seal != entry.seal:
        raise PermanentFault(
            "story.submission-mismatch",
            "the submission in the lane is not the one that was decided",
            "compare lane and ledger; restore both from backups of the same time",
        )
    return event


def _signatures_hold(text: str, directory: Directory) -> bool:
    """Tell whether no signature is wrong; one by a key that has left the directory stands."""
    parsed = jws.parse(text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        return False
    holders = [directory.holder(s.kid) for s in parsed.signatures]
    keys = {h.key.kid: public_key(h.key.x) for h in holders if h is not None}
    held = tuple(s for s in parsed.signatures if s.kid in keys)
    return not held or jws.verify(jws.Parsed(parsed.payload, held), keys) is not None


def _disclosures(submission: Submission, key_of_month: KeyOfMonth) -> Disclosures | None:
    encrypted = submission.disclosures
    if encrypted is None:
        return None
    key = key_of_month(encrypted.month)
    opened = decrypt(encrypted, submission.sealed_digest, {encrypted.month: key})
    if isinstance(opened, Refusal):
        raise _refused(opened)
    return opened


def _refused(refusal: Refusal) -> PermanentFault:
    reason = refusal.reason
    return PermanentFault(reason.code, reason.message, reason.remedy)


def _unreadable() -> PermanentFault:
    return PermanentFault(
        "story.entry-unreadable",
        "a ledger record is not as the contract has it",
        "run a version of the story service that is not older than the exchange's",
    )
