"""An evidence file held against what somebody kept: receipts, or an evidence file made before.

What was decided stays decided. A decision that was attested once and is left out of a later file,
or stands there otherwise, shows that somebody has taken it out or rewritten it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import ValidationError

from contracts.directory import Directory
from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import MOST_BYTES, Evidence, looks_like_evidence
from contracts.evidence.journeys import key_of
from contracts.evidence.reading import read
from contracts.evidence.report import Logged, Report
from contracts.records import Decision, Outcome, Receipt, attested

Key = tuple[str, str, str] | None


def against(report: Report, kept: Sequence[bytes], root_x: str | None = None) -> Report:
    """Return the report with what the bytes of kept files contradict; never raises.

    `kept` are receipts, or evidence files of the same partnership. `root_x` is the root key as the
    reader knows it; without it the one by which the file was read.
    """
    if report.evidence is None or report.directory is None:
        return report
    found: list[Finding] = []
    known: dict[Key, list[Decision]] = {}
    taken = {one.decision for one in report.taken}
    for decision in report.decisions:
        if decision.outcome is not Outcome.ACCEPTED or decision in taken:
            known.setdefault(key_of(decision), []).append(decision)
    root = report.evidence.root if root_x is None else root_x
    for number, data in enumerate(kept, start=1):
        before = read(data, root, report.directory) if looks_like_evidence(data) else None
        codes = _contradicted(report, data, before, known)
        found += [Finding(code, f"kept file {number}") for code in dict.fromkeys(codes)]
    return replace(report, findings=(*report.findings, *found), compared=len(kept))


def _contradicted(
    report: Report, data: bytes, before: Report | None, known: Mapping[Key, list[Decision]]
) -> Iterator[Code]:
    """Yield what one kept file contradicts; `before` is what it proves where it is evidence."""
    if report.evidence is None or report.directory is None:
        return
    if before is not None:
        decisions = before.decisions
        if not before.holds:
            yield Code.KEPT_NOT_ATTESTED
        elif _forked(report.logged, before.logged):
            yield Code.LOG_FORKED
    else:
        made = _decision_in(data, report.directory, report.evidence.exchange)
        decisions = () if made is None else (made,)
        if made is None:
            yield Code.KEPT_NOT_ATTESTED
    for decision in decisions:
        code = _missed(known, report.evidence, decision)
        if code is not None:
            yield code


def _decision_in(data: bytes, directory: Directory, exchange: str) -> Decision | None:
    if len(data) > MOST_BYTES:
        return None
    try:
        receipt = Receipt.model_validate_json(data)
    except ValidationError:
        return None
    proof = attested(receipt.decision, receipt.group, receipt.place, directory, exchange)
    return None if proof is None else proof.decision


def _missed(
    known: Mapping[Key, list[Decision]], evidence: Evidence, decision: Decision
) -> Code | None:
    """Return why a kept decision is not in the file as it was; None where all is as it was.

    `known` are of accepted messages only those whose messages are in the file themselves.
    """
    if not _concerns(evidence, decision, {key[0] for key in known if key is not None}):
        return Code.KEPT_ELSEWHERE
    same = known.get(key_of(decision), [])
    final = [one for one in same if one.outcome is not Outcome.HELD]
    if decision in same or (decision.outcome is Outcome.HELD and final):
        return None
    return Code.KEPT_DIFFERS if final else Code.KEPT_ABSENT


def _concerns(evidence: Evidence, decision: Decision, agencies: Collection[str]) -> bool:
    """Tell whether a decision is about what the file is about; another agency may use one id."""
    if evidence.message is not None:
        theirs = not agencies or decision.agency in agencies
        return decision.message == evidence.message and theirs
    references = {evidence.child, *(journey.child for journey in evidence.journeys)}
    return decision.child in references


def _forked(now: Logged | None, before: Logged | None) -> bool:
    """Tell whether two proofs are of two logs.

    They are where one attestation stands at two places, two at one place, where one was in the log
    and is not any more, or where two heads of one size have two roots.
    """
    if now is None or before is None:
        return False
    roots = any(now.heads.get(size, root) != root for size, root in before.heads.items())
    moved = any(now.places.get(name, place) != place for name, place in before.places.items())
    there = {place: name for name, place in now.places.items()}
    other = any(there.get(place, name) != name for name, place in before.places.items())
    return roots or moved or other or bool(before.places.keys() & now.absent)
