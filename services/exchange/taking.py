"""Taking submissions from the lanes: in turn, what fits one batch, and singly when in doubt."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from contracts.kinds import Opened
from services.exchange.deciding import Found
from services.exchange.lanes import Arrived, Lane
from services.exchange.opening import Unopenable
from services.exchange.rates import UNOPENABLE, LaneRates
from services.runtime.batch import MAX_RECORDS

Place = tuple[str, int]
"""Where a submission lies: its lane and its sequence there."""

_TRIES = 3
_RECORDS = 900
_MOST_PER_MESSAGE = 72
_BYTES = 6 * 1024 * 1024
_RECORDS_BESIDE = 4
"""Entry or check, receipt, and an alert to two agencies: the most beside the deliveries."""
_LEAF_OF_THE_LOG = 1


class Taker:
    """Chooses what is decided together, and finds out which message spoils a group.

    `at_fault` are the submissions that could not be decided or stored even alone; `alone` tells
    whether what was taken last is one that was in doubt.
    """

    def __init__(self, group: int, rates: LaneRates | None = None) -> None:
        """Take at most `group` submissions at a time, and of each lane what its rate allows."""
        self.rates = rates or LaneRates(0)
        self.at_fault: set[Place] = set()
        self.alone = False
        self._alone: Counter[Place] = Counter()
        self._group = group
        self._singly: Counter[str] = Counter()
        self._turn = 0

    def suspect(self, places: Collection[Place]) -> None:
        """Take these one at a time from now on; what fails alone three times is at fault."""
        if len(places) == 1:
            self._alone.update(places)
            self.at_fault.update(p for p in places if self._alone[p] >= _TRIES)
        self.singly(places)

    def singly(self, places: Iterable[Place]) -> None:
        """Take as many of these lanes' messages one at a time as there are places."""
        self._singly.update(lane for lane, _ in places)

    def take(self, lanes: Iterable[Lane], now_s: float = 0.0) -> list[Arrived]:
        """Take in turn from the lanes what fits one batch; a lane in doubt gives one message.

        `now_s` are seconds of a clock that only goes forward, by which a lane has its rate.
        """
        open_lanes = [lane for lane in lanes if lane.waiting and not lane.broken]
        ready = [lane for lane in open_lanes if not lane.paused_until]
        doubtful = [lane for lane in ready if self._singly[lane.name] > 0]
        self.alone = bool(doubtful)
        if doubtful:
            self._singly[doubtful[0].name] -= 1
            return [doubtful[0].waiting.popleft()]
        taken = self._together(ready, *self.rates.share((one.name for one in ready), now_s))
        for lane, count in Counter(one.lane for one in taken).items():
            self.rates.took(lane, now_s, count)
        return taken

    def _together(self, lanes: list[Lane], left: dict[str, int], most: int | None) -> list[Arrived]:
        taken: list[Arrived] = []
        room = _Room(self._group if most is None else min(most, self._group))
        self._turn += 1
        lanes = [lane for lane in lanes if left.get(lane.name, 0) > 0]
        while lanes and room.left():
            for lane in lanes[self._turn % len(lanes) :] + lanes[: self._turn % len(lanes)]:
                if lane.waiting and room.fits(lane.waiting[0]):
                    taken.append(lane.waiting.popleft())
                    left[lane.name] -= 1
            lanes = [lane for lane in lanes if lane.waiting and left[lane.name] > 0]
        return taken

    def judge(self, opened: Iterable[tuple[Arrived, Found]], now_s: float) -> None:
        """Let what was no message count for more against the rate of its lane."""
        for arrived, found in opened:
            if isinstance(found, Unopenable):
                self.rates.took(arrived.taken.lane, now_s, UNOPENABLE - 1)


def fitting(opened: Sequence[tuple[Arrived, Found]], lanes: int) -> int:
    """Return how many of `opened` one batch holds with all their deliveries; at least the first.

    `lanes` is how many cursor records may come with them.
    """
    records = lanes + _LEAF_OF_THE_LOG
    for number, (arrived, found) in enumerate(opened):
        deliveries = len(found.event.data.recipients) if isinstance(found, Opened) else 0
        records += deliveries + _RECORDS_BESIDE + (arrived.woken is not None)
        if records > MAX_RECORDS and number:
            return number
    return len(opened)


class _Room:
    """What still fits one batch: submissions, records and bytes."""

    def __init__(self, count: int) -> None:
        self._count, self._records, self._bytes = count, _RECORDS, _BYTES
        self._full = False

    def left(self) -> bool:
        return not self._full and self._count > 0

    def fits(self, one: Arrived) -> bool:
        """Take the room for `one` if there is some; the first always fits."""
        size = len(one.data) * 3
        if self._count <= 0 or self._records < _MOST_PER_MESSAGE or self._bytes < size:
            self._full = True
            return False
        self._count -= 1
        self._records -= 4
        self._bytes -= size
        return True
