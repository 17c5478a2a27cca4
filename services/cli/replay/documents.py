"""What a return says of a referral and of what followed it, as plain documents to be sealed.

Codes stay as the Department for Education writes them. A code that says why there is no answer
(refused, not yet obtained) becomes that kind of answer and not a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from contracts import document as documents
from contracts.cin import Child, Event, EventKind, Referral
from contracts.codes import Ethnicity, UpnUnknown
from contracts.document import Document
from contracts.identifiers import agency_of
from contracts.messages import KINDS
from contracts.roles import Capacity
from contracts.statements import Answer

SOURCE: Final = "cin-census"
_SAID_BY: Final = "census return"
_DUTY: Final = {"kind": "statutory_duty", "provision": "CA1989-s17"}
_ETHNICITY: Final = {
    Ethnicity.REFUSED: Answer.DECLINED,
    Ethnicity.NOT_YET_OBTAINED: Answer.NOT_ASKED,
}
Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a document: its id, the child's reference, who signs it."""

    message: str
    child: str
    author: str


def referral_document(
    heading: Heading, child: Child, referral: Referral, first_response: str
) -> Document:
    """Return a referral to First Response, told as history; for one that `referral_faults` passes.

    A referral that First Response signs is one it recorded on behalf of its source. Raises
    HandrailError `document.invalid` for what no document can hold, such as an endless identifier.
    """
    data: dict[str, Any] = {"concern": "child_in_need", "source": referral.source}
    if agency_of(heading.author) == first_response:
        data["recorded_for"] = referral.source
    return documents.parse(
        {
            **_envelope(heading, "referral.submitted", referral.referral_date),
            "recipients": [first_response],
            "data": data,
            "statements": [*_identity(child), *_need(referral)],
        }
    )


def event_signers(event: Event) -> frozenset[Capacity]:
    """Return the capacities of which whoever signs the document of `event` needs one; or none."""
    return KINDS["case.closed"].authors if event.kind is EventKind.CLOSURE else frozenset()


def event_document(heading: Heading, event: Event) -> Document:
    """Return what followed a referral, told as history by social care.

    No reason for closure of the code set says that a family goes on with support under a lead
    professional, so `support` is `not_needed`, and the code itself is a statement.
    """
    day = event.date.isoformat()
    match event.kind:
        case EventKind.CONFERENCE:
            kind, said = "conference.held", _said("conference.held_on", day)
        case EventKind.DEATH:
            kind, said = "story.added", _said("child.died_on", day)
        case EventKind.CLOSURE:
            kind, said = "case.closed", _said("closure.reason", event.reason)
    made = {**_envelope(heading, kind, event.date), "statements": [said]}
    if event.kind is EventKind.CLOSURE:
        made["data"] = {"support": "not_needed"}
    return documents.parse(made)


def _envelope(heading: Heading, kind: str, day: date | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": heading.message,
        "child": heading.child,
        "basis": _DUTY,
        "history": {"occurred_on": day.isoformat() if day else "", "source": SOURCE},
    }


def _identity(child: Child) -> Iterator[Statement]:
    yield _said("identity.local_reference", child.la_child_id)
    born = child.birth_date or child.expected_birth_date
    if born is not None:
        yield _said("identity.born_on", born.isoformat())
    if child.sex is not None:
        yield _said("identity.sex", child.sex)
    if child.ethnicity in _ETHNICITY:
        yield _unanswered("identity.ethnicity", _ETHNICITY[child.ethnicity])
    elif child.ethnicity is not None:
        yield _said("identity.ethnicity", child.ethnicity)
    if child.disabilities:
        yield _said("identity.disability", list(child.disabilities))
    if child.upn is not None:
        yield _said("identity.upn", child.upn)
    elif child.upn_unknown is not None:
        unassigned = child.upn_unknown is UpnUnknown.NOT_SCHOOL_AGE
        yield _unanswered("identity.upn", Answer.NOT_APPLICABLE if unassigned else Answer.NOT_KNOWN)


def _need(referral: Referral) -> Iterator[Statement]:
    if referral.need is not None:
        yield _said("needs.primary", referral.need)


def _said(question: str, value: object) -> Statement:
    return {"question": question, "value": value, "said_by": _SAID_BY, "standing": "fact"}


def _unanswered(question: str, answer: Answer) -> Statement:
    return {"question": question, "answer": answer.value, "said_by": _SAID_BY, "standing": "fact"}
