"""What the campaign sees of a world from outside: acknowledged, decided, and still to come."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from contracts.errors import HandrailError
from contracts.subjects import LEDGER, cursor, parse_submission, receipt
from services.runtime.tasks import end
from tests.faults.world import World

RECOVERED_WITHIN_S: Final = 240.0
_SETTLED_FOR_S: Final = 12.0
"""Longer than the exchange's looks at what it holds, and than a record is left unacknowledged."""

_POLL_S: Final = 0.05
_LOOK_S: Final = 1.0
_CANDIDATES: Final = 12
Faults = (NatsError, JetStreamError, HandrailError, TimeoutError, OSError)


class HangsError(AssertionError):
    """Something did not come to an end in its time; the text says what."""


class SentFiles:
    """What senders wrote down as acknowledged, read on from where it was left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def skip(self) -> None:
        """Take no notice of what was written until now."""
        for path in self._folder.glob("*.jsonl"):
            self._read[path] = path.stat().st_size

    def new(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are complete and were not seen yet."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    yield orjson.loads(line)

    def count(self) -> int:
        """Return how many lines there are altogether."""
        return sum(path.read_bytes().count(b"\n") for path in self._folder.glob("*.jsonl"))


async def recovered(
    world: World, sent: SentFiles, lane: str, keep_sending: Callable[[], Awaitable[None]]
) -> float:
    """Return how many seconds from now everyone was back and a new message was decided.

    The message is one of `lane` (`submit` or `urgent`) that was acknowledged after this call;
    `keep_sending` sees to it that there are some. Child protection is rare: there the time in which
    nobody sent any is not counted. Raises `HangsError`.
    """
    began, since = time.monotonic(), datetime.now(UTC)
    back = asyncio.create_task(_all_back(world))
    waiting: list[dict[str, Any]] = []
    sent.skip()
    try:
        while time.monotonic() - began < RECOVERED_WITHIN_S:
            new = [one for one in sent.new() if _tells(one, lane, since)]
            waiting = (waiting + new)[:_CANDIDATES]
            for line in waiting:
                if await _is_decided(world, line):
                    took = time.monotonic() - began
                    idle = (_at(waiting[0]) - since).total_seconds() if lane == "urgent" else 0
                    return max(await back - began, took - idle)
            await keep_sending()
            await asyncio.sleep(_POLL_S)
    finally:
        await end([back])
    what = "decided" if waiting else "acknowledged"
    raise HangsError(f"no new message was {what} within {RECOVERED_WITHIN_S:g} s")


async def _all_back(world: World) -> float:
    """Return when every program was ready, by the clock that only grows."""
    await asyncio.gather(*(one.ready() for one in world.everyone()))
    return time.monotonic()


def _at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"])


def _tells(line: dict[str, Any], lane: str, since: datetime) -> bool:
    usual = line["expect"] == "accepted" and not line["again"] and line["subject"].startswith(lane)
    return usual and _at(line) > since


async def settled(world: World, within_s: float) -> None:
    """Return once every lane is decided to its end and every consumer has nothing outstanding.

    Raises `HangsError`, and says what is outstanding.
    """
    began, quiet_since, left = time.monotonic(), None, ["everything"]
    while time.monotonic() - began < within_s:
        try:
            left = await _outstanding(world)
        except Faults as error:
            left = [type(error).__name__]
        now = time.monotonic()
        quiet_since = None if left else quiet_since or now
        if quiet_since is not None and now - quiet_since > _SETTLED_FOR_S:
            return
        await asyncio.sleep(_LOOK_S)
    raise HangsError(f"not done within {within_s:g} s: {', '.join(left)}")


async def _is_decided(world: World, line: dict[str, Any]) -> bool:
    place = parse_submission(line["subject"])
    if place is None:
        return False
    try:
        js = await world.control()
        await js.get_last_msg(LEDGER, receipt(place[0], line["message"]))
    except Faults:
        return False
    return True


async def _outstanding(world: World) -> list[str]:
    js = await world.control()
    left = []
    for info in await js.streams_info():
        name = str(info.config.name)
        if name == LEDGER:
            continue
        decided = 0
        with suppress(NotFoundError):
            record = await js.get_last_msg(LEDGER, cursor(name))
            decided = orjson.loads(record.data or b"")["sequence"]
        if info.state.last_seq > decided:
            left.append(f"{name} ({info.state.last_seq - decided} undecided)")
    for one in await js.consumers_info(LEDGER):
        count = (one.num_pending or 0) + (one.num_ack_pending or 0)
        if count and one.config.durable_name:
            left.append(f"{one.name} ({count} unread)")
    return left
