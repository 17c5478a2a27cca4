"""How much one agency may ask for: a bucket of tokens each, so that its flood is its own.

Pure but for `Requests`, which counts what is being answered; time is given in seconds of any clock
that only goes forward.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from contracts.errors import HandrailError
from contracts.subjects import DIRECTORY, INTAKE_KEY

_MOST_KNOWN: Final = 10_000


class _HasSubject(Protocol):
    @property
    def subject(self) -> str: ...


R = TypeVar("R", bound=_HasSubject)


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` in the long run, and `burst` at once after a pause."""

    per_s: float
    burst: float


class Buckets:
    """A bucket for every name: what is left of its rate at an instant."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._held: dict[str, tuple[float, float]] = {}

    def left(self, name: str, now_s: float) -> float:
        """Return how many tokens `name` has; below zero where more was charged than was there."""
        tokens, at_s = self._held.get(name, (self.rate.burst, now_s))
        return min(self.rate.burst, tokens + max(0.0, now_s - at_s) * self.rate.per_s)

    def charge(self, name: str, now_s: float, tokens: float = 1.0) -> None:
        """Take tokens from `name`, into debt where they are not there."""
        if name not in self._held and len(self._held) >= _MOST_KNOWN:
            self._forget_full(now_s)
        self._held[name] = (self.left(name, now_s) - tokens, now_s)

    def take(self, name: str, now_s: float) -> bool:
        """Take one token from `name` if it has one, and tell whether it had."""
        if self.left(name, now_s) < 1:
            return False
        self.charge(name, now_s)
        return True

    def _forget_full(self, now_s: float) -> None:
        full = [name for name in self._held if self.left(name, now_s) >= self.rate.burst]
        for name in full:
            del self._held[name]


REQUESTS: Final = Rate(per_s=100, burst=500)
"""Requests of one agency to one service: what a whole office at work stays far below."""

MOST_AT_ONCE: Final = 16
"""Requests of one agency that one service answers side by side: a quarter of all that it does."""

QUESTIONS: Final = Rate(per_s=20, burst=100)
"""How often one gateway, or one service, is given the directory, and how often the intake key."""

_OF_EVERYONE: Final = frozenset({DIRECTORY, INTAKE_KEY})
_OF_AGENCIES: Final = frozenset({"story", "agency", "log"})
_ADMIN: Final = "admin"


class Requests:
    """Bounds what one agency asks of one process, at once and in the long run."""

    def __init__(
        self,
        rate: Rate = REQUESTS,
        most_at_once: int = MOST_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        questions: Rate = QUESTIONS,
    ) -> None:
        self._questions = Buckets(questions)
        self._buckets, self._most, self._clock = Buckets(rate), most_at_once, clock
        self._answering: Counter[str] = Counter()

    def bounded(self, handler: Callable[[R], Awaitable[bytes]]) -> Callable[[R], Awaitable[bytes]]:
        """Return `handler`, which now raises `busy.try-again` for an agency that asks too much.

        Who asks stands in the subject, which an account cannot choose; other subjects are unbound.
        """

        async def answer(request: R) -> bytes:
            agency = asking(request.subject)
            if agency is None:
                return await handler(request)
            buckets = self._questions if agency == request.subject else self._buckets
            busy = self._answering[agency] >= self._most
            if busy or not buckets.take(agency, self._clock()):
                raise try_again()
            self._answering[agency] += 1
            try:
                return await handler(request)
            finally:
                self._answering[agency] -= 1
                if not self._answering[agency]:
                    del self._answering[agency]

        return answer


def asking(subject: str) -> str | None:
    """Return whom a request is counted for, or None.

    The agency in a subject such as `story.<agency>.read`; for what everyone may ask, such as
    `directory.gateway.<gateway>`, the subject itself.
    """
    first, *rest = subject.split(".")
    if first in _OF_EVERYONE:
        return subject if rest else None
    if first not in _OF_AGENCIES or len(rest) < 3 or rest[0] == _ADMIN:  # noqa: PLR2004
        return None
    return ".".join(rest[:2])


def try_again() -> HandrailError:
    """Return the answer to who asks more than is answered."""
    return HandrailError(
        "busy.try-again",
        "this agency is asking more than the service answers one agency at a time",
        "wait some seconds and ask again; if nobody of the agency asks so much, tell its operator",
    )
