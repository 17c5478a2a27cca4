"""Evidence that people were told of an outcome, or why not (000 l.75, l.113, l.137, l.139)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.consents import SHARING_BASES
from contracts.identifiers import MessageId
from contracts.journey import MOST_RECENT, Journey
from contracts.kinds import Kind, Situation, Step, iso
from contracts.messages.guards import needs_statement
from contracts.messages.standing import has_a_part, works_with_family
from contracts.reasons import Refusal
from contracts.rules.packs import Person
from contracts.values import Value

_TO_THE_MINUTE = len("2026-11-20T15:30")

People = Annotated[tuple[Person, ...], Field(min_length=1, max_length=8)]


class Form(StrEnum):
    """What somebody was given: the outcome, a copy of the record, or word whom to contact."""

    OUTCOME = "outcome"
    COPY = "copy"
    CONTACT = "contact"


class WhyNot(StrEnum):
    """Why somebody was not told (000 l.113: "where this is not appropriate")."""

    UNSAFE_FOR_CHILD = "unsafe_for_child"
    UNSAFE_FOR_ANOTHER = "unsafe_for_another"
    NOT_REACHABLE = "not_reachable"
    ASKED_NOT_TO_BE = "asked_not_to_be"


class PeopleTold(Value):
    """Who was told of the message `of`, and in what form; when is the event's `occurred_at`."""

    people: People
    of: MessageId
    form: Form


class PeopleNotTold(Value):
    """Who was not told of the message `of`; the reason itself is a statement, `telling.reason`."""

    people: People
    of: MessageId
    because: WhyNot


def _of_a_known_message(s: Situation) -> Iterator[Refusal]:
    """Refuse evidence about a message that was never sent about this child.

    A journey knows its latest messages only; where older ones have been let go, nothing is said
    against a message that it does not know.
    """
    journey, of = s.journey, s.message.content.of
    if journey is None or len(journey.recent) >= MOST_RECENT:
        return
    meetings = {m.id for m in journey.meetings}
    if journey.sent(of) is None and journey.request(of) is None and of not in meetings:
        yield Refusal("telling.unknown")


def _may_tell(s: Situation) -> Iterator[Refusal]:
    """Refuse who neither works with the family nor sent or was sent the message it tells of."""
    if s.journey is None or not s.has_part or works_with_family(s):
        return
    of = s.message.content.of
    known = (s.journey.sent(of), s.journey.request(of))
    if not any(s.event.agency in (one.agency, *one.to) for one in known if one is not None):
        yield Refusal("family.not-yours")


def _after_it(s: Situation) -> Iterator[Refusal]:
    """Refuse evidence of telling from before there was anything to tell.

    People say it to the minute. Nothing is said against a message that is no longer known.
    """
    journey, at, of = s.journey, s.event.data.occurred_at, s.message.content.of
    known = (journey.sent(of) or journey.request(of)) if journey else None
    if at is not None and known is not None and iso(at) < known.at[:_TO_THE_MINUTE]:
        yield Refusal("telling.before", "occurred_at")


def _may_know(s: Situation) -> Iterator[Refusal]:
    """Refuse that somebody was told who must not learn of a referral (003 §2.3)."""
    restricted = s.journey.must_not_know if s.journey else ()
    for person in s.message.content.people:
        if person in restricted:
            yield Refusal("telling.must-not-know", person.value)


def _each_once(s: Situation) -> Iterator[Refusal]:
    people = s.message.content.people
    if len(set(people)) < len(people):
        yield Refusal("message.wrong-content", "content.people")


def _unchanged(journey: Journey, _step: Step) -> Journey:
    return journey


TOLD = Kind(
    name="people.told",
    title="People were told of an outcome",
    cites="003 §§1.1, 2.6, 2.7, 3.1; 000 l.75, l.113, l.137, l.139",
    content=PeopleTold,
    fold=_unchanged,
    addressed=False,
    guards=(has_a_part, _may_tell, _of_a_known_message, _after_it, _each_once, _may_know),
)

NOT_TOLD = Kind(
    name="people.not-told",
    title="People were not told of an outcome, with the reason",
    cites="000 l.113",
    content=PeopleNotTold,
    fold=_unchanged,
    addressed=False,
    bases=SHARING_BASES,
    guards=(
        has_a_part,
        _may_tell,
        _of_a_known_message,
        _after_it,
        _each_once,
        needs_statement("telling.reason"),
    ),
)

KINDS = (TOLD, NOT_TOLD)
