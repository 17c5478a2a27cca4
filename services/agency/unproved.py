"""What has not been proved for how long: told once a minute, until it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PROVED_WITHIN_S: Final = 60.0


@dataclass(slots=True)
class _Waiting:
    what: int
    since_s: float
    told_s: float


class Unproved:
    """Remembers by name since when the same thing waits for its proof."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count by `clock`, which gives seconds that only grow."""
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}

    def wait(self, name: str, what: int = 0) -> bool:
        """Note that `what` of `name` is not proved yet; tell whether that is to be told now."""
        now, held = self._clock(), self._waiting.get(name)
        if held is None or held.what != what:
            self._waiting[name] = _Waiting(what, now, now)
            return False
        if now - held.told_s <= PROVED_WITHIN_S:
            return False
        held.told_s = now
        return True

    def proved(self, name: str) -> None:
        """Forget what `name` waited for."""
        self._waiting.pop(name, None)

    def overdue(self, name: str) -> bool:
        """Tell whether what `name` waits for has waited too long."""
        held = self._waiting.get(name)
        return held is not None and self._clock() - held.since_s > PROVED_WITHIN_S
