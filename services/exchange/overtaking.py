"""What waits in a lane of child protection because nobody signed it, and is overtaken meanwhile.

The first such bytes of a lane are decided at once. More of them wait in the lane, while everything
behind them that somebody signed is decided ahead; the cursor stays before the first that waits, so
a restart reads them again, and what was decided ahead then turns out to be decided.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from services.exchange.lanes import Arrived
from services.exchange.rates import SINGLY, LaneRates
from services.runtime.log import error_keys, get

MOST_TOGETHER: Final = 200
"""Of those that wait in a lane, how many are decided together once their turn has come."""

_BYTES: Final = 32 * 1024 * 1024
_AT_ONCE: Final = 16
_ANSWERS_S: Final = 2.0
_AGAIN_S: Final = 60.0
"""How long what waits in a lane is left after the lane's stream did not answer."""
_log = get(__name__)


@dataclass(slots=True)
class _Behind:
    """How far a lane was looked at, and the runs of sequences that wait: first and last of each.

    They are not read before `not_before`, in seconds of the worker's clock.
    """

    reached: int = 0
    not_before: float = 0.0
    runs: deque[list[int]] = field(default_factory=deque[list[int]])

    def put_off(self, sequence: int) -> None:
        if self.runs and self.runs[-1][1] == sequence - 1:
            self.runs[-1][1] = sequence
        else:
            self.runs.append([sequence, sequence])

    def done(self, sequence: int) -> None:
        """Forget the first that waits, and whatever is said to wait before it."""
        while self.runs and self.runs[0][0] <= sequence:
            self.runs[0][0] = sequence + 1
            if self.runs[0][0] > self.runs[0][1]:
                self.runs.popleft()

    def waiting(self) -> Iterator[int]:
        return (n for first, last in self.runs for n in range(first, last + 1))


class Overtaking:
    """Which submissions of a worker's lanes wait to be decided after those behind them."""

    def __init__(self, js: JetStreamContext, rates: LaneRates) -> None:
        """Read what waits again through `js`; `rates` say when the next may be decided."""
        self._js, self._rates = js, rates
        self._lanes: dict[str, _Behind] = {}

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return any(one.runs for one in self._lanes.values())

    def forget(self, lane: str) -> None:
        """Drop what is believed of a lane that is read from its cursor again."""
        self._lanes.pop(lane, None)

    def is_ahead(self, one: Arrived) -> bool:
        """Tell whether `one` is looked at for the first time, and does not come from behind."""
        return one.sequence > self._of(one.lane).reached

    def puts_off(self, one: Arrived, now_s: float, *, noise: bool) -> bool:
        """Note that `one` was opened, in the order of its lane, and tell whether it waits now.

        `noise` are bytes that nobody signed. What had waited has its turn and is not put off.
        """
        behind = self._of(one.lane)
        if one.sequence <= behind.reached:
            behind.done(one.sequence)
            return False
        behind.reached = one.sequence
        if not noise or not self._rates.noise_waits(one.lane, now_s, behind=bool(behind.runs)):
            return False
        behind.put_off(one.sequence)
        return True

    def reached(self, lane: str) -> tuple[int, int]:
        """Return how far a lane was looked at, and the first that waits there, 0 for none."""
        behind = self._of(lane)
        return behind.reached, behind.runs[0][0] if behind.runs else 0

    async def due(self, now_s: float) -> list[Arrived]:
        """Return what waits in one lane whose turn has come, read from it again; mostly nothing.

        In a lane whose stream does not answer it waits on, and is told.
        """
        for name, behind in self._lanes.items():
            is_left = now_s < behind.not_before
            if behind.runs and not is_left and self._rates.noise_is_due(name, now_s):
                try:
                    found = await self._read(name, behind)
                except (APIError, TimeoutError) as error:
                    _log.error("lane.not-read", lane=name, **error_keys(error))
                    behind.not_before = now_s + _AGAIN_S
                    return []
                self._rates.told_noise(name, now_s, len(found) if len(found) <= SINGLY else 1)
                return found
        return []

    async def _read(self, lane: str, behind: _Behind) -> list[Arrived]:
        found: list[Arrived] = []
        numbers, size = behind.waiting(), 0
        wanted = list(islice(numbers, MOST_TOGETHER))
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            async with asyncio.timeout(_ANSWERS_S):
                lying = await asyncio.gather(*(self._lying(lane, number) for number in some))
            found += [one for one in lying if one is not None]
            if not found:
                behind.done(some[-1])  # what is gone from its lane cannot be decided
            size += sum(len(one.data) for one in lying if one is not None)
            if size > _BYTES:
                break
        return found

    async def _lying(self, lane: str, sequence: int) -> Arrived | None:
        try:
            found = await self._js.get_msg(lane, sequence)
        except NotFoundError:
            return None
        if found.time is None:
            return None
        return Arrived(lane, sequence, str(found.subject), found.time, found.data or b"")

    def _of(self, lane: str) -> _Behind:
        return self._lanes.setdefault(lane, _Behind())
