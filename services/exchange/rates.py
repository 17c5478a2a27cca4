"""How fast one agency's lane is decided, so that its flood is its own (design §5).

A normal lane beyond its rate waits: what lies in it is kept, and decided in its turn. A lane of
child protection never waits for its rate; beyond it, it only lets the other lanes go first. Bytes
in it that are no message wait, and are overtaken by the messages behind them.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from services.runtime.limiting import Buckets, Rate

BURST_S: Final = 20.0
"""Seconds of its rate that a lane may use at once after a pause."""

UNOPENABLE: Final = 20
"""What bytes that are no message count: they cost the ledger two records and name nobody."""

BEYOND: Final = 16
"""Of lanes beyond their rate, how many submissions are taken together, where they are taken."""


SINGLY: Final = 4
"""Of one child-protection lane, how many that are no message are decided and alerted one by one."""

TOGETHER_S: Final = 60.0
"""Seconds between two alerts about those beyond: each says of how many it tells."""


class LaneRates:
    """The rates of one worker's lanes; lanes of `free` have none, and a rate of 0 is none."""

    def __init__(
        self,
        per_s: float,
        *,
        waits: bool = True,
        free: Callable[[], Collection[str]] = frozenset,
        together_s: float = TOGETHER_S,
    ) -> None:
        """Let a lane beyond its rate wait; where it never `waits`, it goes after the others.

        There what is no message waits instead, whatever the rate: `together_s` seconds at a time.
        """
        self._noise = Buckets(Rate(1 / together_s, SINGLY))
        self._buckets = Buckets(Rate(per_s, per_s * BURST_S))
        self._bound, self._waits, self._free = per_s > 0, waits, free

    def share(self, lanes: Iterable[str], now_s: float) -> tuple[dict[str, int], int | None]:
        """Return how many may be taken of each of `lanes`, and at most of all; None for no bound.

        A lane that is not named gives none now.
        """
        several = tuple(lanes)
        if not self._bound:
            return dict.fromkeys(several, _ANY), None
        free = self._free()
        left = {n: _ANY if n in free else int(self._buckets.left(n, now_s)) for n in several}
        within = {name: count for name, count in left.items() if count > 0}
        if within or self._waits:
            return within, None
        return dict.fromkeys(several, BEYOND), BEYOND

    def took(self, lane: str, now_s: float, tokens: int = 1) -> None:
        """Note that something of a lane was taken, or that it came to be worth more tokens."""
        if self._bound and lane not in self._free():
            self._buckets.charge(lane, now_s, tokens)

    def noise_waits(self, lane: str, now_s: float, *, behind: bool) -> bool:
        """Tell whether what is no message waits; `behind` tells that there is more that does."""
        if self._waits or lane in self._free():
            return False
        return behind or not self._noise.take(lane, now_s)

    def noise_is_due(self, lane: str, now_s: float) -> bool:
        """Tell whether what waits in a lane because it is no message may be decided now."""
        return self._noise.left(lane, now_s) >= 1

    def told_noise(self, lane: str, now_s: float, alerts: int) -> None:
        """Note how many alerts tell of what waited in a lane."""
        self._noise.charge(lane, now_s, alerts)


_ANY: Final = 1_000_000
