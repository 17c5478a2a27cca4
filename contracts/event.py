"""The envelope: one CloudEvent about exactly one child (CloudEvents 1.0, structured JSON)."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.consents import Basis, Consent
from contracts.identifiers import (
    AgencyId,
    Base64Url,
    ChildRef,
    HolderId,
    MessageId,
    PractitionerId,
)
from contracts.roles import Capacity
from contracts.values import Instant, Value

TYP = "handrail+sd-jwt"
TYPE_PREFIX = "handrail."
MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(minutes=5)
MAX_BYTES = 640 * 1024
"""Largest submission in bytes: below the server's 1 MiB even after it is written to the ledger."""


AddressedCapacity = Literal[
    "line_manager", "team_manager", "social_worker", "duty_worker", "caf_worker"
]
"""The capacities that a message can be addressed to: those that the directory gives to people."""


class Signer(Value):
    """Who signs, and in what capacity."""

    id: HolderId
    capacity: Capacity


class Recipient(Value):
    """To whom a message goes: an agency, and there a person or a role where one is meant.

    An agency alone means its duty desk.
    """

    agency: AgencyId
    practitioner: PractitionerId | None = None
    capacity: AddressedCapacity | None = None

    @model_validator(mode="after")
    def _names_a_person_or_a_role(self) -> "Recipient":
        if self.practitioner is not None and self.capacity is not None:
            raise PydanticCustomError(
                "recipient_twofold", "names a practitioner and a capacity; one of them is meant"
            )
        return self


class History(Value):
    """Marks a message as history: it starts no clock and notifies nobody."""

    occurred_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,30}$")]


class Element(Value):
    """One undisclosed array element of an SD-JWT (RFC 9901 §4.2.4.2)."""

    digest: Annotated[str, Field(alias="...", pattern=r"^[A-Za-z0-9_-]{43}$")]


class Data(Value):
    """What every message says beside its own content.

    `answers` names the message that this one answers, `occurred_at` when what it reports took
    place, where that is not when it was sealed. `content` is of the kind's own form;
    everything about a family is a statement and stands here only as a digest.
    """

    author: Signer
    countersigners: Annotated[tuple[Signer, ...], Field(max_length=6)] = ()
    recipients: Annotated[tuple[Recipient, ...], Field(max_length=64)] = ()
    basis: Basis
    answers: MessageId | None = None
    occurred_at: Instant | None = None
    consents: Annotated[tuple[Consent, ...], Field(max_length=16)] = ()
    history: History | None = None
    content: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    statements: Annotated[tuple[Element, ...], Field(max_length=512)] = ()
    bound: Base64Url | None = None


class Event(Value):
    """A CloudEvent; `type` is `handrail.` and the kind, `subject` the child, `time` the sealing."""

    specversion: Literal["1.0"] = "1.0"
    id: MessageId
    source: Annotated[
        str,
        StringConstraints(pattern=r"^urn:handrail:[a-z][a-z0-9-]{1,30}:[a-z][a-z0-9-]{1,30}$"),
    ]
    type: Annotated[str, StringConstraints(pattern=r"^handrail\.[a-z-]+\.[a-z-]+$")]
    subject: ChildRef
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    data: Data

    @cached_property
    def kind(self) -> str:
        """Return the kind's name, such as `stepup.requested`."""
        return self.type.removeprefix(TYPE_PREFIX)

    @cached_property
    def agency(self) -> str:
        """Return the id of the agency or service that the message comes from."""
        return ".".join(self.source.split(":")[2:4])

    @cached_property
    def signers(self) -> tuple[Signer, ...]:
        """Return the author and then the countersigners."""
        return (self.data.author, *self.data.countersigners)

    def as_json(self) -> dict[str, Any]:
        """Return the event as it is sealed."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def source_of(agency: str) -> str:
    """Return the CloudEvents `source` of an agency or service."""
    partnership, name = agency.split(".")
    return f"urn:handrail:{partnership}:{name}"
