"""Whether the story service answers: asked every few seconds, and believed for a little longer.

The question is the one by which lanes are trimmed, so it needs no permission of its own. While no
answer is fresh nothing is refused for having been told before: what cannot be read must be asked.
"""

import asyncio
import time
from typing import Final, NoReturn

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.exchange.trimming import POSITIONS
from services.runtime.log import get
from services.runtime.subscribing import ERROR_HEADER

_log = get(__name__)

EVERY_S: Final = 2.0
STALE_S: Final = 6.0
_ANSWERS_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.25


class StoryWatch:
    """Knows when the story service answered last; `up` until that is `stale_s` seconds ago."""

    def __init__(self, every_s: float = EVERY_S, stale_s: float = STALE_S) -> None:
        self._every_s, self._stale_s = every_s, stale_s
        self._answered_at = float("-inf")

    def up(self) -> bool:
        """Tell whether an answer is fresh."""
        return time.monotonic() - self._answered_at <= self._stale_s

    async def keep(self, client: Client) -> NoReturn:
        """Ask through `client` until cancelled; what goes wrong counts as no answer."""
        while True:
            was = self.up()
            if await _answers(client):
                self._answered_at = time.monotonic()
            if self.up() != was:
                _log.info("story.watched", state="up" if self.up() else "down")
            await asyncio.sleep(self._every_s if self.up() else min(self._every_s, _LOOK_EVERY_S))


async def _answers(client: Client) -> bool:
    try:
        answer = await client.request(POSITIONS, b"", timeout=_ANSWERS_WITHIN_S)
    except (NatsError, TimeoutError, OSError):
        return False
    return ERROR_HEADER not in (answer.headers or {})
