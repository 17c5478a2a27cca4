"""What is no message waits in an urgent lane, and its alerts tell of many: without a server."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.reasons import Refusal
from services.exchange.alerts import tells_of
from services.exchange.attesting import LaneStep
from services.exchange.deciding import Decided
from services.exchange.decision import Refused
from services.exchange.lanes import Arrived
from services.exchange.opening import OUR_FAULT, Unopenable, is_noise
from services.exchange.overtaking import Overtaking
from services.exchange.rates import SINGLY, LaneRates

LANE, OTHER = "URGENT_demo_x", "URGENT_demo_y"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
GARBAGE = Unopenable((Refusal("seal.unreadable"),))


class Stream:
    """The lanes' streams as far as they are read again; `gone` is no longer there."""

    def __init__(self, *gone: int) -> None:
        self.gone = gone

    async def get_msg(self, _lane: str, sequence: int) -> Any:
        """Return the submission at a sequence."""
        if sequence in self.gone:
            raise NotFoundError
        return SimpleNamespace(subject="urgent.demo.x.CHILD", time=NOW, data=b"x")


def one(sequence: int, lane: str = LANE) -> Arrived:
    """A submission in an urgent lane."""
    return Arrived(lane, sequence, "urgent.demo.x.CHILD", NOW, b"x")


def overtaking(*gone: int, **how: Any) -> Overtaking:
    """What waits in lanes of child protection, a minute at a time."""
    rates = LaneRates(1, waits=how.pop("waits", False), **how)
    return Overtaking(cast("JetStreamContext", Stream(*gone)), rates)


def sent(
    made: Overtaking, numbers: range, now_s: float = 0.0, messages: tuple[int, ...] = ()
) -> int:
    """Open these in order and return how many wait; all but `messages` are garbage."""
    return sum(made.puts_off(one(n), now_s, noise=n not in messages) for n in numbers)


def test_only_the_first_few_that_are_no_message_are_decided_at_once() -> None:
    """What follows waits, messages never do, and the cursor stays before the first that waits."""
    made = overtaking()
    assert sent(made, range(1, 101), messages=(50, 100)) == 98 - SINGLY
    assert made.reached(LANE) == (100, SINGLY + 1)
    assert LaneStep(LANE, 1, 100, "", SINGLY + 1).cursor == SINGLY
    assert LaneStep(LANE, 1, 100, "").cursor == 100
    assert sent(made, range(1, 3)) == 0
    assert made.reached(OTHER) == (0, 0)


async def test_what_waits_has_its_turn_together_once_a_minute() -> None:
    """Nothing before the minute is over; then all that waits in its order, and none twice."""
    made = overtaking()
    sent(made, range(1, 101), messages=(50,))
    assert await made.due(59.0) == []
    turn = [each.sequence for each in await made.due(61.0)]
    assert turn == [n for n in range(SINGLY + 1, 101) if n != 50]
    assert not any(made.puts_off(one(n), 61.0, noise=True) for n in turn)
    assert made.reached(LANE) == (100, 0)
    assert not made
    assert await made.due(1000.0) == []


async def test_a_flood_that_goes_on_is_told_of_once_a_minute() -> None:
    """While anything waits all further garbage does, however long it goes on."""
    made, alerts, number = overtaking(), 0, 1
    for second in range(600):
        put_off = sent(made, range(number, number + 3), float(second))
        number += 3
        turn = await made.due(float(second))
        for each in turn:
            made.puts_off(each, float(second), noise=True)
        alerts += 3 - put_off + (1 if len(turn) > SINGLY else len(turn))
    assert SINGLY + 5 <= alerts <= SINGLY + 10


async def test_what_is_gone_from_its_lane_holds_nothing_up() -> None:
    """Sequences that are no longer there are passed over, in the middle and at the front."""
    made = overtaking(*range(1, 40), 70)
    sent(made, range(1, 101))
    turns = [await made.due(float(60 * minute)) for minute in range(1, 6)]
    decided = [each.sequence for each in turns[0]]
    assert decided[:1] == [40]
    assert 70 not in decided
    for each in turns[0]:
        made.puts_off(each, 400.0, noise=True)
    assert made.reached(LANE) == (100, 0)


@pytest.mark.parametrize("how", [{"waits": True}, {"free": lambda: {LANE}}])
def test_normal_lanes_and_those_of_services_put_nothing_off(how: dict[str, Any]) -> None:
    """In a normal lane garbage waits with all of it, and wake-ups wait for nothing."""
    assert sent(overtaking(**how), range(1, 101)) == 0


def test_a_lane_that_is_read_from_its_cursor_again_starts_anew() -> None:
    """Nothing that was believed of it stands in the way of what comes again."""
    made = overtaking()
    sent(made, range(1, 11))
    made.forget(LANE)
    assert made.is_ahead(one(1))
    assert sent(made, range(5, 11)) == 6


def decided(sequence: int, verdict: Any, lane: str = LANE) -> Decided:
    """A submission that was decided and could not be opened."""
    return Decided(one(sequence, lane), None, verdict, NOW)


def test_one_alert_tells_of_many_that_are_no_message() -> None:
    """Beyond a few of one lane in a group the first tells of all; refusals tell of themselves."""
    refused = decided(99, Refused((Refusal("protection.floor"),), protection=True))
    group = [*(decided(n, GARBAGE) for n in range(1, 8)), refused, decided(8, GARBAGE, OTHER)]
    assert tells_of(group) == [7, 0, 0, 0, 0, 0, 0, None, 1]
    assert tells_of(group[:SINGLY]) == [1] * SINGLY


def test_what_the_exchange_could_not_decide_itself_is_not_put_off() -> None:
    """A message that was set aside by our own fault is told of at once and by itself."""
    assert is_noise(one(1), GARBAGE)
    assert not is_noise(one(1), Unopenable((Refusal(OUR_FAULT),)))
