"""Filling in a form with what the family has said already: fresh answers only, as they were told.

Whoever said and recorded an answer, and the message whose seal carried it first, stay with it.
Answers that contradict each other stand side by side. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.forms import Form, Place
from contracts.identifiers import agency_of
from contracts.kinds import Kind
from contracts.statements import Again, Statement
from contracts.told_once import HOLDING, day_of, fresh


@dataclass(frozen=True, slots=True)
class Heard:
    """A statement that the reader may see, its digest, and the message that it came with."""

    statement: Statement
    digest: str
    message: str

    @property
    def first(self) -> str:
        """Return the message whose seal carried it first."""
        return self.statement.carried_from or self.message


@dataclass(frozen=True, slots=True)
class Filled:
    """A place of a form and the answers to it: none, one, or several that contradict each other."""

    place: Place
    answers: tuple[Heard, ...]


def fill(places: Iterable[Place], heard: Sequence[Heard], today: str) -> tuple[Filled, ...]:
    """Return `places` with the answers in `heard` that are fresh on `today` (`2026-11-20`, UTC)."""
    corrected = set(_corrected(heard))
    by_question: dict[str, list[Heard]] = {}
    for one in heard:
        if one.digest not in corrected and one.statement.answer in HOLDING:
            by_question.setdefault(one.statement.question, []).append(one)
    return tuple(
        Filled(place, _answers(place, by_question.get(place.question.key, ()), today))
        for place in places
    )


def _corrected(heard: Iterable[Heard]) -> Iterator[str]:
    """Yield the digests of what was corrected by the agency that had recorded it.

    Another agency's correction is another view: it stands beside what it contradicts.
    """
    by_digest = {one.digest: one for one in heard}
    for one in by_digest.values():
        wrong = by_digest.get(one.statement.corrects or "")
        if one.statement.again is Again.CORRECTION and wrong and _source(one) == _source(wrong):
            yield wrong.digest


def _source(one: Heard) -> str:
    return agency_of(one.statement.recorded_by)


def _answers(place: Place, heard: Iterable[Heard], today: str) -> tuple[Heard, ...]:
    """Return the newest answer by each who said it to each agency, of equal answers the newest."""
    newest: dict[tuple[str, str], Heard] = {}
    for one in sorted(heard, key=_age):
        day = min(day_of(one.statement.recorded_at), today)
        if fresh(place.question, day, today):
            newest[(_source(one), one.statement.said_by)] = one
    different: dict[tuple[object, ...], Heard] = {}
    for one in sorted(newest.values(), key=_age):
        said = one.statement
        different[(said.answer, said.value, said.attachment)] = one
    return tuple(different.values())


def _age(one: Heard) -> tuple[Any, ...]:
    """Order by when it was recorded; of copies the one comes last that carried it first."""
    return one.statement.recorded_at, one.statement.carried_from is None


def missing(filled: Iterable[Filled]) -> list[dict[str, Any]]:
    """Return the places that are still to be asked, as answers have them."""
    return [
        {
            "question": one.place.question.key,
            "text": one.place.question.text,
            "required": one.place.required,
            "asked_of_family": one.place.question.asked_of_family,
        }
        for one in filled
        if not one.answers
    ]


def document(form: Form, kind: Kind, child: str, filled: Iterable[Filled]) -> dict[str, Any]:
    """Return the plain document of `form` about `child`: what is held filled in, the rest empty.

    An empty place has neither a value nor who said it, so a document that was not completed is not
    one that can be sent.
    """
    fields = kind.content.model_fields
    return {
        "kind": form.kind,
        "child": child,
        "recipients": [],
        "basis": {"kind": "consent", "consents": []},
        "data": {name: None for name, said in fields.items() if said.is_required()},
        "statements": [part for one in filled for part in _parts(one)],
    }


def _parts(filled: Filled) -> Iterator[dict[str, Any]]:
    if not filled.answers:
        yield {"question": filled.place.question.key, "value": None, "said_by": None}
    for one in filled.answers:
        said = one.statement.model_dump(
            mode="json", exclude_defaults=True, exclude={"again", "corrects", "carried_from"}
        )
        yield {**said, "carried_from": one.first}


def contradictions(filled: Iterable[Filled]) -> list[dict[str, Any]]:
    """Return the questions with several answers, and where those stand among the statements."""
    found: list[dict[str, Any]] = []
    place = 0
    for one in filled:
        count = max(1, len(one.answers))
        if len(one.answers) > 1:
            places = list(range(place, place + count))
            found.append({"question": one.place.question.key, "statements": places})
        place += count
    return found
