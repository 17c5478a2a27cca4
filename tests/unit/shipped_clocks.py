"""Messages of invented agencies for the tests of shipped clocks, and how a clock then stands."""

from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.calendars import Calendars
from contracts.clock_facts import MessageFacts, Party
from contracts.clock_rules import start, starts, stopped
from contracts.clocks import Clock, ClockState, state
from contracts.identifiers import new_reference
from contracts.rules import SHIPPED, ClockRule, combine, shipped
from contracts.worktime import WorkingCalendar

RULES: Final = combine(shipped(name) for name in SHIPPED).clocks
DEVON: Final = combine([shipped("devon")]).clocks
ENGLAND: Final = Calendars(WorkingCalendar())
CHILD: Final = new_reference()
MONDAY: Final = datetime(2026, 11, 16, 10, tzinfo=UTC)
SCHOOL: Final = Party(agency="demo.hilltop-school")
DESK: Final = Party(agency="demo.first-response")
CARE: Final = Party(agency="demo.social-care")
PARTS: Final = ("pack.referral_form", "pack.caf", "pack.tac_delivery_plan", "pack.last_tac_meeting")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def facts(kind: str, at: datetime = MONDAY, **more: object) -> MessageFacts:
    """Return a message of the school to First Response about the one child of these tests."""
    made = {"message": new_reference(), "child": CHILD, "sender": SCHOOL, "receiver": DESK}
    return MessageFacts.model_validate({**made, "kind": kind, "received_at": at, **more})


def meeting(kind: str, outcome: str, at: datetime = MONDAY, **more: object) -> MessageFacts:
    """Return word of social care that a meeting of that kind was held and what it came to."""
    codes = {"meeting": kind, "outcome": outcome}
    return facts("meeting.held", at, sender=CARE, codes=codes, **more)


def started(name: str, message: MessageFacts) -> Clock:
    """Return the clock of that id, which the message must start."""
    rule = RULES[name]
    assert starts(rule, message)
    clock = start(rule, message, ENGLAND)
    assert clock is not None
    return clock


def after(clock: Clock, message: MessageFacts, rule: ClockRule | None = None) -> ClockState:
    """Return how the clock stands when the message has been followed."""
    then = stopped(rule or RULES[clock.rule], message, clock, ENGLAND)
    return state(then, message.received_at)
