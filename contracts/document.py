"""The plain document: a message as a person writes it, before it is sealed.

It is described by `contracts/schemas/document.schema.json`, which is generated from the models
below, one per kind. What the author need not say (ids, who recorded a statement and when) is
filled in by `to_event`.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import Field, ValidationError, create_model
from pydantic import model_validator as validator
from pydantic_core import PydanticCustomError

from contracts import strict_json
from contracts.consents import (
    Basis,
    BasisKind,
    Consent,
    ConsentBasis,
    CourtOrderBasis,
    NoticeBasis,
    OverrideBasis,
    ProtectionBasis,
    StatutoryBasis,
)
from contracts.directory import Practitioner
from contracts.document_faults import faults, invalid
from contracts.document_parts import DocumentConsent, DocumentConsentBasis, DocumentStatement
from contracts.errors import HandrailError
from contracts.event import TYPE_PREFIX, Data, Element, Event, History, Recipient, Signer, source_of
from contracts.identifiers import (
    AgencyId,
    ChildRef,
    MessageId,
    agency_of,
    new_reference,
)
from contracts.kinds import Kind, NoContent
from contracts.messages import KINDS
from contracts.roles import Capacity
from contracts.seal import Disclosures
from contracts.statements import (
    MAX_STATEMENTS,
    Statement,
    seal_statements,
)
from contracts.values import Instant, Value

NEW = "new"
"""Written in place of a child's reference by who does not have one yet."""


class Document(Value):
    """What every document says, whatever its kind; `model_of` narrows kind, basis and data."""

    kind: str
    id: Annotated[MessageId | None, Field(description="Left out: a new message.")] = None
    child: ChildRef | Literal["new"]
    recipients: Annotated[tuple[AgencyId | Recipient, ...], Field(max_length=64)] = ()
    basis: Basis | DocumentConsentBasis
    answers: Annotated[
        MessageId | None, Field(description="The message that this one answers.")
    ] = None
    occurred_at: Annotated[
        Instant | None,
        Field(description="When what it reports took place, where that is not now."),
    ] = None
    capacity: Annotated[
        Capacity | None, Field(description="In which capacity the author signs.")
    ] = None
    countersigners: Annotated[tuple[Signer, ...], Field(max_length=6)] = ()
    consents: Annotated[tuple[DocumentConsent, ...], Field(max_length=16)] = ()
    history: History | None = None
    data: Value = NoContent()
    statements: Annotated[tuple[DocumentStatement, ...], Field(max_length=MAX_STATEMENTS)] = ()

    @validator(mode="after")
    def _names_a_consent(self) -> "Document":
        basis = self.basis
        if isinstance(basis, DocumentConsentBasis) and not (basis.consents or self.consents):
            raise PydanticCustomError(
                "consent_none", "has the basis consent and neither names nor carries one"
            )
        return self


_BASES: dict[BasisKind, type[Value]] = {
    BasisKind.CONSENT: DocumentConsentBasis,
    BasisKind.OVERRIDE: OverrideBasis,
    BasisKind.STATUTORY: StatutoryBasis,
    BasisKind.COURT_ORDER: CourtOrderBasis,
    BasisKind.PROTECTION: ProtectionBasis,
    BasisKind.NOTICE: NoticeBasis,
}

DOCUMENT_KINDS: tuple[str, ...] = tuple(k.name for k in KINDS.values() if not k.by_service)
"""The kinds that a person may write: all but the notices of our services."""


@cache
def model_of(kind: str) -> type[Document]:
    """Return the model of the documents of one of `DOCUMENT_KINDS`: the form that is published."""
    found = KINDS[kind]
    name = "".join(part.capitalize() for part in kind.replace("-", ".").split("."))
    return create_model(
        f"{name}Document",
        __base__=Document,
        __doc__=f"{found.title} ({found.cites}).",
        **_narrowed(found),
    )


def _narrowed(kind: Kind) -> dict[str, Any]:
    """Return the fields that a kind narrows: types that are put together, with their defaults."""
    return {
        "kind": (Literal[kind.name], ...),
        "child": (ChildRef | Literal["new"] if kind.opening else ChildRef, ...),
        "basis": (_basis_of(kind), ...),
        "data": (kind.content, _nothing_said(kind)),
    }


def _nothing_said(kind: Kind) -> Any:  # noqa: ANN401 - a value, or the mark of a field that is needed
    """Return what stands where a document leaves the data out; `...` where the kind needs some."""
    try:
        return kind.content()
    except ValidationError:
        return ...


def _basis_of(kind: Kind) -> Any:  # noqa: ANN401 - a type that is put together
    classes = tuple(_BASES[b] for b in BasisKind if b in kind.bases)
    union: Any = Union[classes]  # noqa: UP007 - of a tuple that is not known before
    return Annotated[union, Field(discriminator="kind")] if len(classes) > 1 else union


def read(data: bytes | str) -> Document:
    """Return the document written in JSON text.

    Raises HandrailError `document.invalid`, which names every place at fault as a JSON path and
    never a value.
    """
    made = strict_json.load(data)
    if made is None:
        raise invalid(["$: is not JSON text, or an object in it names the same member twice"])
    return parse(made)


def parse(made: object) -> Document:
    """Return the document in a JSON value; raises as `read` does."""
    if not isinstance(made, dict):
        raise invalid(["$: is not a JSON object"])
    kind = made.get("kind")
    if not isinstance(kind, str) or kind not in DOCUMENT_KINDS:
        raise invalid([f"$.kind: is none of {', '.join(DOCUMENT_KINDS)}"])
    try:
        # Through JSON, because only there do lists count as tuples and texts as instants.
        return model_of(kind).model_validate_json(json.dumps(made))
    except (ValidationError, ValueError, RecursionError) as error:
        raise invalid(faults(error, made)) from None


def to_event(
    document: Document, author: Practitioner, now: datetime
) -> tuple[Event, Disclosures | None]:
    """Return the message that `author` seals at the instant `now`, and its disclosures if any.

    A missing id is a new one, and so is a child written as `new`; `author` and `now` stand where
    the document does not say who recorded a statement or took a consent, and when.
    """
    consents = tuple(_consent(c, author.id) for c in document.consents)
    statements = [_statement(s, author.id, now) for s in document.statements]
    sealed = seal_statements(statements) if statements else None
    data = Data(
        author=Signer(id=author.id, capacity=document.capacity or _capacity(document, author)),
        countersigners=document.countersigners,
        recipients=tuple(
            Recipient(agency=r) if isinstance(r, str) else r for r in document.recipients
        ),
        basis=_basis(document, consents),
        answers=document.answers,
        occurred_at=document.occurred_at,
        consents=consents,
        history=document.history,
        content=document.data.model_dump(mode="json", exclude_none=True),
        statements=tuple(map(Element.model_validate, sealed.elements if sealed else ())),
        bound=sealed.bound if sealed else None,
    )
    event = Event(
        id=document.id or new_reference(),
        source=source_of(agency_of(author.id)),
        type=f"{TYPE_PREFIX}{document.kind}",
        subject=new_reference() if document.child == NEW else document.child,
        time=now,
        data=data,
    )
    return event, Disclosures(sealed.salt, sealed.disclosures) if sealed else None


def _statement(written: DocumentStatement, author: str, now: datetime) -> Statement:
    if isinstance(written.attachment, str):
        raise HandrailError(
            "attachment.not-read",
            "the document names a file to be attached, which this command does not read",
            "send the document with `handrail send`, or seal it with `handrail seal`",
        )
    return Statement(
        question=written.question,
        answer=written.answer,
        value=written.value,
        said_by=written.said_by,
        recorded_by=written.recorded_by or author,
        recorded_at=written.recorded_at or now,
        standing=written.standing,
        again=written.again,
        because=written.because,
        corrects=written.corrects,
        carried_from=written.carried_from,
        attachment=written.attachment,
        original=written.original,
    )


def _consent(written: DocumentConsent, author: str) -> Consent:
    said = dict(written)
    return Consent(
        **{
            **said,
            "id": written.id or new_reference(),
            "taken_by": written.taken_by or author,
        }
    )


def _basis(document: Document, consents: Iterable[Consent]) -> Basis:
    basis = document.basis
    if isinstance(basis, DocumentConsentBasis):
        return ConsentBasis(consents=basis.consents or tuple(c.id for c in consents))
    return basis


def _capacity(document: Document, author: Practitioner) -> Capacity:
    """Return the capacity that the kind asks of its author, where the directory gives it."""
    asked = KINDS[document.kind].authors
    held = (capacity for capacity in author.capacities if capacity in asked)
    return next(held, Capacity.PRACTITIONER)
