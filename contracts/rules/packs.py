"""What a rule pack holds.

A pack is one TOML file: a header (`format`, `id`, `version`, `title`, `source`) and tables of
entries. Every entry has an `id`, a `title`, a `citation` and, where the source leaves a word open,
an `interpretation` that says how it was read.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StrictInt, StringConstraints, model_validator

from contracts.questions import Category
from contracts.roles import Capacity, Level
from contracts.values import ShortText, Value
from contracts.worktime import MAX_LENGTH, Unit

EntryId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,60}\z")]
KindName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+\z")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,60}\z")]
_WORDS: Final = r"^[^\x00-\x1f\x7f]*\w[^\x00-\x1f\x7f]*\z"
Prose = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=_WORDS)]
Kinds = Annotated[tuple[KindName, ...], Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
Length = Annotated[StrictInt, Field(ge=1, le=MAX_LENGTH)]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9.-]{2,60}\z")]
QuestionKey = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z_]{1,40}\z")]


class StoppedBy(StrEnum):
    """What ties the message that stops a clock to the one that started it."""

    ANSWER = "answer"
    CHILD = "child"


class Told(StrEnum):
    """Who is told of a missed clock, as a place in the directory and never as a name."""

    RECEIVING_MANAGER = "receiving_manager"
    SENDING_MANAGER = "sending_manager"
    LEAD_MANAGER = "lead_manager"


class Against(StrEnum):
    """Whose standard it is: who was addressed, who sent, or who leads when the clock starts."""

    RECEIVER = "receiver"
    SENDER = "sender"
    LEAD = "lead"


class RunsFrom(StrEnum):
    """From when a clock runs: its message's arrival, or the instant that the message reports."""

    RECEIVED = "received"
    OCCURRED = "occurred"


class CalendarOf(StrEnum):
    """By whose working days a clock runs: those of the agency that owes, or the common ones."""

    AGENCY = "agency"
    COMMON = "common"


class Person(StrEnum):
    """Who may have to be told of an outcome (003 §§1.1, 2.6-2.8, 3.1-3.4; 000 l.75, l.137)."""

    REFERRER = "referrer"
    LEAD_PROFESSIONAL = "lead_professional"
    FAMILY = "family"
    PARTNER_AGENCIES = "partner_agencies"
    INVITEES = "invitees"
    MANAGER = "manager"
    CAF_TEAM = "caf_team"
    FIRST_RESPONSE = "first_response"


class Entry(Value):
    """One provision of a source: what it is called and where it stands."""

    id: EntryId
    title: Prose
    citation: Prose
    interpretation: Prose | None = None


BASIS: Final = "basis"
Narrowing = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}\z")]
When = dict[
    Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,40}\z")],
    Annotated[tuple[Narrowing, ...], Field(min_length=1)],
]
"""Narrow a rule to messages whose content has, in every field named, one of its codes.

`basis` names no field of the content but the basis on which the message is shared. A number, as
the stage of a disagreement, is written as text.
"""


def matches(when: Mapping[str, tuple[str, ...]], codes: Mapping[str, object]) -> bool:
    """Tell whether `codes`, the content of a message by field, meet every condition of `when`.

    Of a field that holds several codes one is enough.
    """
    return all(_has_one(codes.get(field), allowed) for field, allowed in when.items())


def _has_one(value: object, allowed: tuple[str, ...]) -> bool:
    if isinstance(value, list | tuple):
        return any(str(one) in allowed for one in value)
    return str(value) in allowed


class Span(Value):
    """A length of time in a unit."""

    length: Length
    unit: Unit


class Ending(Value):
    """A message about the same child after which what a clock waits for is no longer to come."""

    on: KindName
    when: When = Field(default_factory=dict)


CONSENT_REVIEW: Final = "consent_review_at"
"""The `due_field` that stands beside every kind's content, since any message may bring consents."""


class ClockRule(Entry):
    """One standard of time: `length` `unit` from a message of `starts_on` to one of `stops_on`.

    A decision on the starting message with one of `ended_by_outcomes` stops it as well: what the
    clock waits for is then no longer to come. `due_field` names a field of the content that says
    when it is due, in place of a length, or is `consent_review_at`: when the first of the consents
    that the message brings is to be talked about again. `repeats`: what stops it starts it anew.
    `unit_is_read`: the source names no unit and `unit` is our reading. `warn` is how long before
    the end the one who owes is reminded. `extendable_by` are the capacities that may authorise an
    extension, and likewise a pause. `calendar` says whose working days count; a statutory standard
    may run by the common ones.
    `ends` are messages about the child that end it in the same way, such as a family's no.
    `while_at`: it runs only while the child is at one of these levels; a message that takes the
    child elsewhere, such as a closure, ends it as `ended_by_outcomes` does. `questions`: it waits
    for the answers to these, so a message that answers all of them does not start it, and it stops
    only when all have been answered on or after the day it started. `only_stricter`: a partnership
    may shorten it and never lengthen it.
    """

    starts_on: Kinds
    when: When = Field(default_factory=dict)
    runs_from: RunsFrom = RunsFrom.RECEIVED
    stops_on: Kinds
    stop_when: When = Field(default_factory=dict)
    stopped_by: StoppedBy = StoppedBy.ANSWER
    questions: tuple[QuestionKey, ...] = ()
    ended_by_outcomes: tuple[Code, ...] = ()
    ends: tuple[Ending, ...] = ()
    while_at: tuple[Level, ...] = ()
    length: Length | None = None
    unit: Unit | None = None
    due_field: Code | None = None
    unit_is_read: bool = False
    repeats: bool = False
    warn: Span | None = None
    extendable_by: tuple[Capacity, ...] = ()
    against: Against = Against.RECEIVER
    only_stricter: bool = False
    calendar: CalendarOf = CalendarOf.AGENCY
    told: Told

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        if (self.length is None) != (self.unit is None):
            message = "length and unit come together"
            raise ValueError(message)
        if (self.length is None) == (self.due_field is None):
            message = "give either a length with its unit, or a due_field"
            raise ValueError(message)
        return self


class LevelLabel(Entry):
    """What a level of help (the `id`) is called in this partnership (the `title`)."""

    id: Level


class RoleLabel(Entry):
    """What a capacity (the `id`) is called in this partnership (the `title`)."""

    id: Capacity


class Provision(Entry):
    """A rule about messages of the kinds `applies_to` whose content meets `when`."""

    applies_to: Kinds
    when: When = Field(default_factory=dict)


class GuardRule(Provision):
    """A named check of the closed list; where it fails the message is refused as `refuses` says.

    `codes` and `length` with `unit` are what the check is given. `only_stricter`: a partnership may
    lengthen the time that must pass and never shorten it.
    """

    check: Code
    refuses: ReasonCode
    codes: tuple[Code, ...] = ()
    length: Length | None = None
    unit: Unit | None = None
    only_stricter: bool = False

    @model_validator(mode="after")
    def _length_has_a_unit(self) -> Self:
        if (self.length is None) != (self.unit is None):
            message = "length and unit come together"
            raise ValueError(message)
        return self


class PartsRule(Provision):
    """Questions that a message must answer, each refused as `refuses` where it does not.

    `any_one`: one of them answered is enough, as the views of a child or why there are none.
    """

    questions: Annotated[tuple[QuestionKey, ...], Field(min_length=1)]
    refuses: ReasonCode = "statements.required"
    any_one: bool = False


class TellRule(Provision):
    """Who must be told of a message and within what time.

    `on_message`: the agencies among them must be recipients of the message itself, or it is
    refused `recipient.missing`; otherwise they and the family may be told later, within the time.
    """

    people: Annotated[tuple[Person, ...], Field(min_length=1)]
    on_message: bool = False
    within: Span | None = None


class KeptFrom(StrEnum):
    """From when the time for which something is kept runs."""

    CLOSING = "closing"
    BIRTH = "birth"
    RECORDED = "recorded"


_OF_THE_CALENDAR: Final = frozenset({Unit.CALENDAR_DAYS, Unit.WEEKS, Unit.MONTHS})


class RetentionRule(Entry):
    """How long statements are kept: `length` `unit` from the closing, the birth or the recording.

    It applies to statements of `categories` in messages of `kinds`; where none are named, to all.
    Where several rules apply to a statement the longest holds; where none does it is kept.
    """

    categories: tuple[Category, ...] = ()
    kinds: tuple[KindName, ...] = ()
    length: Length
    unit: Unit
    kept_from: KeptFrom

    @model_validator(mode="after")
    def _counts_by_the_calendar(self) -> Self:
        if self.unit not in _OF_THE_CALENDAR:
            message = "what is kept is kept for days, weeks or months of the calendar"
            raise ValueError(message)
        return self


class RulePack(Value):
    """One versioned file of rules; `name` (`id@version`) is what a decision records."""

    format: Literal[2]  # A new table is an addition; a changed meaning is a new number.
    id: EntryId
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*\z")]
    title: ShortText
    source: Prose
    clocks: tuple[ClockRule, ...] = ()
    levels: tuple[LevelLabel, ...] = ()
    roles: tuple[RoleLabel, ...] = ()
    guards: tuple[GuardRule, ...] = ()
    parts: tuple[PartsRule, ...] = ()
    tells: tuple[TellRule, ...] = ()
    retentions: tuple[RetentionRule, ...] = ()

    @property
    def name(self) -> str:
        """Return `id@version`."""
        return f"{self.id}@{self.version}"
