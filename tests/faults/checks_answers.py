"""Whether everything acknowledged has its one final answer, and the answers are what was done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.checks_found import BASIS, FORGED, LOST, TURNED, TWICE, UNPROVED, Findings
from tests.faults.checks_records import Answer, Entry, Reading

_HELD: Final = "held"


@dataclass(frozen=True, slots=True)
class Sent:
    """One acknowledged submission, as the sender wrote it down."""

    message: str
    child: str
    agency: str
    stream: str
    sequence: int
    sealed: str
    submission: str
    expect: str
    forged: bool
    order: int
    waited: bool
    words: tuple[str, ...]
    """The digests of its statements' disclosures."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sender was answered: the outcome, and SHA-256 over the decision that said so."""

    message: str
    sealed: str
    submission: str
    outcome: str
    decision: str


def answers_of(one: Sent, reading: Reading) -> list[Answer]:
    """Return every final answer to exactly these bytes."""
    by_id = [a for a in reading.receipts.get(_key(one), ()) if a.sealed == one.sealed]
    by_bytes = reading.by_bytes.get((one.agency, one.submission), ())
    return [*by_id, *by_bytes]


def check_answers(sent: Iterable[Sent], reading: Reading, findings: Findings) -> int:
    """Check that each acknowledged submission has its final answer; return how many are held.

    What is still held when everything has been sent, and all of it decided, is lost as well.
    What cannot be given an id is answered under the digest of its bytes, once for each time that
    they lie in a lane; only an answer by id is final for good, and there is only one.
    """
    held = 0
    for one in sent:
        answers = answers_of(one, reading)
        waits = reading.waiting.get((one.child, one.message)) == _HELD
        if not answers and waits:
            held += 1
            findings.add(LOST, "held and never decided", one.stream, one.sequence, one.message)
        elif not answers:
            findings.add(LOST, "no answer", one.stream, one.sequence, one.message)
        elif waits and any(a.sealed == one.sealed for a in reading.receipts.get(_key(one), ())):
            findings.add(LOST, "answered and held all the same", one.message)
        if reading.cursors.get(one.stream, [0])[-1] < one.sequence:
            findings.add(LOST, "lane not read so far", one.stream, one.sequence)
        if answers:
            _check_answer(one, answers, findings)
    return held


def _check_answer(one: Sent, answers: Sequence[Answer], findings: Findings) -> None:
    """Check what was answered: to these bytes, not to a later copy of them, and as they deserve."""
    accepted = any(answer.outcome == "accepted" for answer in answers)
    if any(answer.submission != one.submission for answer in answers):
        findings.add(LOST, "answer to other bytes", one.message)
    if all(a.lane == one.stream and a.lane_sequence > one.sequence for a in answers):
        findings.add(LOST, "answered only for a later copy", one.message)
    if one.forged and accepted:
        findings.add(FORGED, "forgery accepted", one.message)
    elif one.expect == "refused" and accepted:
        findings.add(BASIS, "accepted what had no ground", one.message)
    elif one.expect == "accepted" and not accepted:
        findings.add(TURNED, "refused", one.message)


def check_heard(
    heard: Iterable[Heard], sent: Iterable[Sent], reading: Reading, findings: Findings
) -> None:
    """Check that each answer that a sender was given is still there, and still the same.

    A ledger whose end went back, and was decided anew, may hold an answer that says otherwise.
    """
    by_bytes = {(one.message, one.sealed, one.submission): one for one in sent}
    for told in heard:
        one = by_bytes.get((told.message, told.sealed, told.submission))
        if one is not None and not any(
            (answer.outcome, answer.decision) == (told.outcome, told.decision)
            for answer in answers_of(one, reading)
        ):
            findings.add(LOST, "another answer than the sender had", one.stream, one.message)


def check_receipts(reading: Reading, findings: Findings) -> None:
    """Check that no id has two final answers, that each is proved, and that acceptance is kept."""
    entries = {(e.agency, e.message): e for e in reading.entries()}
    _check_entries(entries.values(), findings)
    for key, answers in reading.receipts.items():
        if len(answers) > 1:
            findings.add(TWICE, "two receipts", *key)
        for answer in answers:
            if not answer.proved:
                findings.add(UNPROVED, "receipt", *key)
            wrong = _told_otherwise(answer, entries.get(key))
            if wrong is not None:
                findings.add(*wrong, *key)
    for key in entries.keys() - reading.receipts.keys():
        findings.add(LOST, "entry without a receipt", *key)
    for key, answers in reading.by_bytes.items():
        if not all(answer.proved for answer in answers):
            findings.add(UNPROVED, "receipt of bytes", *key)


def check_refusals(reading: Reading, findings: Findings) -> None:
    """Check what must stand beside a refusal, in the same batch.

    What nobody could open lies in quarantine, once for each answer to such bytes; what was refused
    by the rules guards the journey that it was decided on.
    """
    answered = Counter(
        (*key, answer.lane, answer.lane_sequence)
        for key, answers in reading.by_bytes.items()
        for answer in answers
    )
    for key in (answered - reading.set_aside).elements():
        findings.add(LOST, "refused as no message and not in quarantine", *key)
    for key in (reading.set_aside - answered).elements():
        findings.add(LOST, "in quarantine without an answer", *key)
    for one, answers in reading.receipts.items():
        if one not in reading.guarded and any(a.outcome == "refused" for a in answers):
            findings.add(LOST, "refused without a record of the journey that was read", *one)
    for subject in reading.unknown:
        findings.add(UNPROVED, "record of an unknown kind", subject)


def _check_entries(entries: Iterable[Entry], findings: Findings) -> None:
    """Check that each entry proves its decision by itself, for it stays when receipts expire."""
    for entry in entries:
        if not entry.attested:
            findings.add(UNPROVED, "entry", entry.agency, entry.message)


def _told_otherwise(answer: Answer, entry: Entry | None) -> tuple[str, str] | None:
    """Return how a receipt and the journey contradict each other, if they do."""
    if answer.outcome != "accepted":
        return None if entry is None else (BASIS, "entry of what was refused")
    if entry is None:
        return LOST, "accepted without an entry"
    if entry.decision != answer.decision:
        return UNPROVED, "entry with another decision"
    return None


def _key(one: Sent) -> tuple[str, str]:
    return one.agency, one.message
