"""Hostile evidence files whose clocks contradict what is proved."""

from datetime import timedelta

import orjson

from contracts import base64url
from contracts.clocks import Clock
from contracts.evidence import Code, Evidence
from tests.evidence.base import Base
from tests.evidence.changing import said_of, with_clock, with_said
from tests.evidence.hostile import case

_RULE = "acknowledge-request"
_HOUR = timedelta(hours=1)


def _clock(base: Base, rule: str = _RULE) -> Clock:
    return next(c.clock for c in said_of(base).clocks if c.clock.rule == rule)


def _with_first(base: Base, text: str) -> Evidence:
    return base.evidence.model_copy(update={"clocks": (text, *base.evidence.clocks[1:])})


@case(Code.CLOCKS_NOT_SIGNED)
def clock_running_though_it_was_stopped(base: Base) -> Evidence:
    """Somebody with an editor has taken out that a clock was stopped."""
    signed = orjson.loads(base.evidence.clocks[0])
    said = orjson.loads(base64url.decode(signed["payload"]) or b"")
    for one in said["clocks"]:
        one["clock"].update(stopped_at=None, stopped_arrived_at=None, stopped_by=None)
    signed["payload"] = base64url.encode(orjson.dumps(said))
    return _with_first(base, orjson.dumps(signed).decode())


@case(Code.CLOCKS_NOT_SIGNED)
def clocks_signed_by_the_exchange(base: Base) -> Evidence:
    """Another service of the partnership has signed what is said of clocks."""
    return with_said(base, base.area.services["exchange"])


@case(Code.CLOCKS_NOT_SIGNED)
def clocks_in_the_exchanges_name(base: Base) -> Evidence:
    """The tracker has signed what another service is to have said of clocks."""
    return with_said(base, tracker="demo.exchange")


@case(Code.CLOCK_TWICE)
def clocks_twice(base: Base) -> Evidence:
    """What the tracker signed of a reference stands there twice."""
    clocks = base.evidence.clocks
    return base.evidence.model_copy(update={"clocks": (*clocks, clocks[0])})


@case(Code.CLOCK_TWICE)
def clock_twice(base: Base) -> Evidence:
    """The same clock is told twice, so that one of the two can be picked."""
    clocks = said_of(base).clocks
    return with_said(base, clocks=(*clocks, clocks[0]))


@case(Code.CLOCK_AGENCY)
def clock_against_another_agency(base: Base) -> Evidence:
    """A clock runs against an agency that neither sent nor got the message which started it."""
    return with_clock(base, _RULE, agency="demo.mill-lane-surgery")


@case(Code.CLOCK_TIME)
def clocks_of_an_earlier_day(base: Base) -> Evidence:
    """What the tracker said before the last messages is told as how the clocks stand."""
    return with_said(base, at=_clock(base).due_at)


@case(Code.OTHER_SUBJECT)
def clocks_of_one_message(base: Base) -> Evidence:
    """What the tracker said of one message's clocks stands for all clocks of the child."""
    return with_said(base, message=_clock(base).message)


@case(Code.CLOCK_MESSAGE)
def clock_for_another_message(base: Base) -> Evidence:
    """A clock is said to have been started by a message that is not there."""
    return with_clock(base, _RULE, message=base.refused, id=f"{_RULE}:{base.refused}")


@case(Code.CLOCK_MESSAGE)
def clock_of_the_other_reference(base: Base) -> Evidence:
    """A clock of the child is said to run under the reference that was retired."""
    made = with_said(base, child=base.retired)
    return made.model_copy(update={"clocks": made.clocks[:1]})


@case(Code.CLOCK_MESSAGE)
def clock_stopped_by_nothing(base: Base) -> Evidence:
    """A clock is said to have been stopped by a message that is not there."""
    return with_clock(base, _RULE, stopped_by=base.refused)


@case(Code.CLOCK_TIME)
def clock_started_later(base: Base) -> Evidence:
    """A clock is said to have started after the message that started it."""
    clock = _clock(base)
    later = {
        "started_at": clock.started_at + 24 * _HOUR,
        "started_arrived_at": clock.started_arrived_at + 24 * _HOUR,
        "due_at": clock.due_at + 24 * _HOUR,
    }
    return with_clock(base, _RULE, **later)


@case(Code.CLOCK_TIME)
def clock_stopped_earlier(base: Base) -> Evidence:
    """A clock is said to have been stopped in time, a day before the message that stopped it."""
    clock = _clock(base)
    assert clock.stopped_at is not None
    earlier = clock.stopped_at - 24 * _HOUR
    return with_clock(base, _RULE, stopped_at=earlier, stopped_arrived_at=earlier)


@case(Code.CLOCK_DUE)
def clock_due_moved(base: Base) -> Evidence:
    """A clock is said to have been due two days later than the signed rules give."""
    return with_clock(base, _RULE, due_at=_clock(base).due_at + 48 * _HOUR)


@case(Code.CLOCK_NOTICE)
def clock_notice_of_another(base: Base) -> Evidence:
    """The notice that a clock was missed is about another clock."""
    said = said_of(base).clocks
    notice = next(c.missed_notice for c in said if c.clock.rule == _RULE)
    return with_clock(base, "decide-request", missed_notice=notice)
