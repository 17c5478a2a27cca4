"""Rules, messages and clocks for tests of standards of time."""

from datetime import UTC, datetime
from typing import Any

from contracts.calendars import Calendars
from contracts.clock_facts import Asked, MessageFacts, Party
from contracts.clock_rules import start, starts
from contracts.clocks import Clock
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.rules import ClockRule
from contracts.worktime import WorkingCalendar

ENGLAND = Calendars(WorkingCalendar())
NOON = datetime(2026, 11, 13, 12, tzinfo=UTC)  # a Friday
CHILD = new_reference()
FRONT = "demo.first-response"
CARE = "demo.social-care"
SCHOOL = "demo.hilltop-school"
DUTY = f"{FRONT}.duty"
MANAGER = f"{FRONT}.manager"


def rule(**changes: Any) -> ClockRule:
    """A standard of one working day for the answer to a question."""
    made: dict[str, Any] = {
        "id": "answer-question",
        "title": "A question is answered within one working day",
        "citation": "A test",
        "starts_on": ["question.asked"],
        "stops_on": ["question.answered"],
        "length": 1,
        "unit": "working_days",
        "told": "receiving_manager",
    }
    made |= changes
    if "due_field" in changes:
        made = {k: v for k, v in made.items() if k not in ("length", "unit")}
    return ClockRule.model_validate(made)


def message(kind: str = "question.asked", at: datetime = NOON, **more: Any) -> MessageFacts:
    """Facts of a message from the school to First Response about the one child of these tests."""
    made: dict[str, Any] = {
        "child": CHILD,
        "receiver": Party(agency=FRONT),
        "sender": Party(agency=SCHOOL, practitioner=f"{SCHOOL}.teacher"),
        "message": new_reference(),
        "kind": kind,
        "received_at": at,
    }
    return MessageFacts.model_validate(made | more)


def answer(clock: Clock, at: datetime, **more: Any) -> MessageFacts:
    """Facts of First Response's answer to the message that started a clock."""
    made: dict[str, Any] = {"answers": clock.message, "sender": Party(agency=FRONT)}
    kind = more.pop("kind", "question.answered")
    return message(kind, at, **(made | more))


def begun(of: ClockRule, facts: MessageFacts | None = None, by: Calendars = ENGLAND) -> Clock:
    """The clock that a message starts, which it must."""
    facts = facts or message()
    assert starts(of, facts)
    clock = start(of, facts, by)
    assert clock is not None
    return clock


def asked(at: datetime, who: str = MANAGER, capacity: Capacity = Capacity.TEAM_MANAGER) -> Asked:
    """A message about a clock, by First Response's manager unless said otherwise."""
    signer = Signer(id=who, capacity=capacity)
    return Asked(message=new_reference(), signers=(signer,), at=at, because="family_unavailable")


def at(text: str) -> datetime:
    """An instant written as London's local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ENGLAND.common.tz)
