"""Small changes to an evidence file, each of one part, as somebody with an editor would make."""

from collections.abc import Callable
from typing import Any

import orjson

from contracts import jws
from contracts.evidence import Evidence
from contracts.evidence.form import EvidenceEntry
from contracts.evidence.said import (
    EvidenceClock,
    EvidenceClocks,
    open_clocks,
    sign_clocks,
)
from contracts.log import LogProof, Witnessed
from contracts.seal import Sealed
from tests.crafting import resealed
from tests.evidence.base import Base


def with_entries(
    evidence: Evidence, change: Callable[[list[EvidenceEntry]], object], journey: int = 0
) -> Evidence:
    """The file with the entries of a journey changed in place."""
    changed = list(evidence.journeys)
    entries = list(changed[journey].entries)
    change(entries)
    changed[journey] = changed[journey].model_copy(update={"entries": tuple(entries)})
    return evidence.model_copy(update={"journeys": tuple(changed)})


def with_entry(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """The file with members of the `number`th entry of the first journey replaced."""

    def change(entries: list[EvidenceEntry]) -> None:
        entries[number - 1] = entries[number - 1].model_copy(update=changes)

    return with_entries(evidence, change)


def without_reference(base: Base, child: str) -> Evidence:
    """The honest file without all that it holds of one reference: messages, answers and clocks."""
    evidence = base.evidence
    answers = tuple(a for a in evidence.answers if orjson.loads(a.decision)["child"] != child)
    kept = [n for n in range(len(evidence.clocks)) if said_of(base, n + 1).child != child]
    return evidence.model_copy(
        update={
            "journeys": tuple(one for one in evidence.journeys if one.child != child),
            "answers": answers,
            "clocks": tuple(evidence.clocks[n] for n in kept),
        }
    )


def with_answer(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """The file with members of the `number`th answer replaced."""
    answers = list(evidence.answers)
    answers[number - 1] = answers[number - 1].model_copy(update=changes)
    return evidence.model_copy(update={"answers": tuple(answers)})


def with_log(evidence: Evidence, **changes: Any) -> Evidence:
    """The file with members of its proof of the log replaced."""
    return evidence.model_copy(update={"log": proof_of(evidence).model_copy(update=changes)})


def with_witness(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """The file with members of the `number`th witness replaced."""
    witnesses = list(proof_of(evidence).witnesses)
    witnesses[number - 1] = witnesses[number - 1].model_copy(update=changes)
    return with_log(evidence, witnesses=tuple(witnesses))


def said_of(base: Base, number: int = 1) -> EvidenceClocks:
    """What the tracker says in the `number`th answer of the honest file."""
    said = open_clocks(base.evidence.clocks[number - 1], base.area.directory)
    assert said is not None
    return said


def with_said(base: Base, key: jws.PrivateKey | None = None, **changes: Any) -> Evidence:
    """The file in which the tracker, or `key`, has signed something else of the first journey."""
    said = said_of(base).model_copy(update=changes)
    signed = sign_clocks(said, key or base.area.services["tracker"])
    return base.evidence.model_copy(update={"clocks": (signed, *base.evidence.clocks[1:])})


def with_clock(base: Base, rule: str, **changes: Any) -> Evidence:
    """The file in which the tracker has signed a clock that is otherwise, or another notice."""
    notice = {k: changes.pop(k) for k in ("missed_notice",) if k in changes}

    def changed(one: EvidenceClock) -> EvidenceClock:
        if one.clock.rule != rule:
            return one
        return one.model_copy(update={"clock": one.clock.changed(**changes), **notice})

    return with_said(base, clocks=tuple(changed(one) for one in said_of(base).clocks))


def proof_of(evidence: Evidence) -> LogProof:
    """The proof of the log, which an honest file has."""
    assert evidence.log is not None
    return evidence.log


def witness_of(evidence: Evidence, number: int) -> Witnessed:
    """The `number`th witness of the file."""
    return proof_of(evidence).witnesses[number - 1]


def reserialised(text: str) -> str:
    """The same JSON with spaces: the same meaning, and other bytes."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()


def changed_in(text: str, **changes: Any) -> str:
    """A decision's text with members replaced."""
    return orjson.dumps({**orjson.loads(text), **changes}).decode()


def resealed_entry(
    entry: EvidenceEntry, key: jws.PrivateKey, change: Callable[[dict[str, Any]], object]
) -> str:
    """The sealed text of an entry with its payload changed and signed again by `key` alone."""
    return resealed(Sealed(entry.seal), key, change).text
