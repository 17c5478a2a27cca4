"""The parts of a plain document that differ from what is sealed: who fills in what is left out."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic import model_validator as validator
from pydantic_core import PydanticCustomError

from contracts.attachments import Attachment
from contracts.consents import (
    Answered,
    Covers,
    Evidence,
    Explained,
    GivenBy,
    MayNotSee,
)
from contracts.identifiers import AgencyId, ChildRef, MessageId, PractitionerId
from contracts.questions import Category, questions
from contracts.roles import Role
from contracts.statements import Again, Answer, DisclosureDigest, Standing, Text, Typed
from contracts.values import Instant, ShortText, Value
from contracts.whose import Purpose, Whose


def _in_catalogue(key: str) -> str:
    if key not in questions():
        raise PydanticCustomError("question_unknown", "is not a question of the catalogue")
    return key


QuestionKey = Annotated[
    str,
    AfterValidator(_in_catalogue),
    WithJsonSchema(
        {
            "description": "Key of a question of the catalogue (questions.json).",
            "oneOf": [{"const": q.key, "title": q.text} for q in questions().values()],
        }
    ),
]
FileName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1000,
        description="A file, by its path from the folder of the document; no more than 25 MB.",
    ),
]
_SAYS_SOMETHING = [
    {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
    for name in ("value", "attachment")
]
_GIVEN_HAS_VALUE = {
    "oneOf": [
        {"anyOf": _SAYS_SOMETHING, "properties": {"answer": {"const": Answer.GIVEN.value}}},
        {
            "required": ["answer"],
            "properties": {
                "answer": {"enum": [a.value for a in Answer if a is not Answer.GIVEN]},
                "value": {"type": "null"},
                "attachment": {"type": "null"},
            },
        },
    ]
}
_NEEDS_BESIDE: dict[str, Any] = {
    "allOf": [
        {
            "if": {"required": ["again"], "properties": {"again": {"const": Again.CORRECTION}}},
            "then": {"required": ["corrects"], "properties": {"corrects": {"type": "string"}}},
            "else": {"properties": {"corrects": {"type": "null"}}},
        },
        {
            "if": {"required": ["again"], "properties": {"again": {"const": Again.UPDATE}}},
            "then": {"required": ["because"], "properties": {"because": {"type": "string"}}},
        },
        {
            "if": {"required": ["original"], "properties": {"original": {"not": {"type": "null"}}}},
            "then": {"required": ["value"], "properties": {"value": {"not": {"type": "null"}}}},
        },
    ]
}


class DocumentStatement(Value, json_schema_extra={**_GIVEN_HAS_VALUE, **_NEEDS_BESIDE}):
    """One answer to one question about the family: a `value`, or why there is none (`answer`)."""

    question: QuestionKey
    answer: Annotated[Answer, Field(description="Left out when a value is given.")] = Answer.GIVEN
    value: Text | bool | int | tuple[ShortText, ...] | None = None
    said_by: Annotated[
        ShortText, Field(description="In what capacity somebody said it: mother, class teacher.")
    ]
    standing: Standing = Standing.FACT
    recorded_by: Annotated[PractitionerId | None, Field(description="Left out: the author.")] = None
    recorded_at: Annotated[
        Instant | None, Field(description="Left out: the instant of sealing.")
    ] = None
    again: Annotated[
        Again | None, Field(description="Why it is told although an answer is held.")
    ] = None
    because: Annotated[
        ShortText | None,
        Field(description="The reason for an update, or for an answer that needs one."),
    ] = None
    corrects: Annotated[
        DisclosureDigest | None, Field(description="The disclosure that a correction corrects.")
    ] = None
    carried_from: Annotated[
        MessageId | None, Field(description="The message whose seal carried it first.")
    ] = None
    attachment: Annotated[
        FileName | Attachment | None,
        Field(description="A document beside the value or in place of one."),
    ] = None
    original: Annotated[
        Typed | None,
        Field(
            repr=False,
            description="The value as it was typed; left out: filled in where sealing changes it.",
        ),
    ] = None

    @validator(mode="after")
    def _answer_fits_value(self) -> "DocumentStatement":
        given = self.value is not None or self.attachment is not None
        if (self.answer is Answer.GIVEN) != given:
            raise PydanticCustomError(
                "answer_or_value", "has either a value or an answer that says why there is none"
            )
        if self.original is not None and self.value is None:
            raise PydanticCustomError(
                "original_without_value", "has in `original` what was typed, and no value beside it"
            )
        if self.attachment is not None and not questions()[self.question].attachable:
            raise PydanticCustomError(
                "not_attachable", "answers a question to which no document can be attached"
            )
        if (self.again is Again.CORRECTION) == (self.corrects is None):
            raise PydanticCustomError(
                "again_corrects", "names what it corrects exactly where `again` is `correction`"
            )
        if self.again is Again.UPDATE and self.because is None:
            raise PydanticCustomError(
                "again_because", "is an update that does not say in `because` what has changed"
            )
        return self


class DocumentConsent(Value):
    """A consent of the family that the message carries; an empty list covers nothing."""

    id: Annotated[MessageId | None, Field(description="Left out: a new one.")] = None
    covers: Covers
    given_by: GivenBy
    taken_by: Annotated[PractitionerId | None, Field(description="Left out: the author.")] = None
    given_at: Instant
    expires_at: Instant | None = None
    recipients: Annotated[tuple[AgencyId, ...], Field(max_length=32)] = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=8)] = ()
    categories: Annotated[tuple[Category, ...], Field(max_length=16)] = ()
    decision: Answered = Answered.GIVEN
    about: Annotated[tuple[Whose, ...], Field(max_length=4)] = ()
    purposes: Annotated[tuple[Purpose, ...], Field(max_length=8)] = ()
    may_not_see: Annotated[tuple[MayNotSee, ...], Field(max_length=4)] = ()
    explained: Explained | None = None
    assessed_by: Annotated[
        PractitionerId | None,
        Field(description="Who judged that a young person understands what is agreed to."),
    ] = None
    evidence: Annotated[
        Evidence | None, Field(description="SHA-256 of the signed form, in hex.")
    ] = None
    review_at: Instant | None = None
    child: Annotated[ChildRef | None, Field(description="Whom the form is about.")] = None


class DocumentConsentBasis(Value):
    """Shared because the family agreed."""

    kind: Literal["consent"] = "consent"
    consents: Annotated[
        tuple[MessageId, ...],
        Field(max_length=16, description="Left out: the consents that the document carries."),
    ] = ()
