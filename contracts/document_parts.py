"""The parts of a plain document that differ from what is sealed: who fills in what is left out."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic import model_validator as validator
from pydantic_core import PydanticCustomError

from contracts.consents import Covers, GivenBy
from contracts.identifiers import AgencyId, MessageId, PractitionerId
from contracts.questions import Category, questions
from contracts.roles import Role
from contracts.statements import Answer, Standing, Text
from contracts.values import Instant, ShortText, Value


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
_GIVEN_HAS_VALUE = {
    "oneOf": [
        {"required": ["value"], "properties": {"answer": {"const": Answer.GIVEN.value}}},
        {
            "required": ["answer"],
            "properties": {
                "answer": {"enum": [a.value for a in Answer if a is not Answer.GIVEN]},
                "value": {"type": "null"},
            },
        },
    ]
}


class DocumentStatement(Value, json_schema_extra=_GIVEN_HAS_VALUE):
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

    @validator(mode="after")
    def _answer_fits_value(self) -> "DocumentStatement":
        if (self.answer is Answer.GIVEN) == (self.value is None):
            raise PydanticCustomError(
                "answer_or_value", "has either a value or an answer that says why there is none"
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
    recipients: tuple[AgencyId, ...] = ()
    roles: tuple[Role, ...] = ()
    categories: tuple[Category, ...] = ()


class DocumentConsentBasis(Value):
    """Shared because the family agreed."""

    kind: Literal["consent"] = "consent"
    consents: Annotated[
        tuple[MessageId, ...],
        Field(max_length=16, description="Left out: the consents that the document carries."),
    ] = ()
