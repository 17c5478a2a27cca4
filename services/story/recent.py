"""What was opened a moment ago: a story is often read several times over within a minute.

Held in this process's memory alone, for a minute, and for the key by which it was opened: once a
child's key has changed or is gone, nothing of it is found any more. Whether a statement is still
there, and who may see it, is looked up and decided anew at each read all the same.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, NoReturn

import orjson

_FOR_S: Final = 60.0
_MOST_CHILDREN: Final = 32
_SWEEP_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored statement: its digest, the disclosure, and the JSON text of the statement in it."""

    digest: str
    disclosure: str = field(repr=False)
    text: bytes = field(repr=False)

    def as_json(self, message: str, sender: str) -> dict[str, Any]:
        """Return it as answers have it, with the message that carried it."""
        return {
            "message": message,
            "sender": sender,
            "digest": self.digest,
            "disclosure": self.disclosure,
            "statement": orjson.Fragment(self.text),
        }


@dataclass(slots=True)
class _Shelf:
    key: bytes = field(repr=False)
    until_s: float
    opened: dict[str, Opened] = field(default_factory=dict, repr=False)


class Recent:
    """Statements opened in the last minute, by child, of at most a few children."""

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        """Tell time by `clock_s`, in seconds."""
        self._clock_s = clock_s
        self._shelves: OrderedDict[str, _Shelf] = OrderedDict()

    def of(self, child: str, key: bytes) -> dict[str, Opened]:
        """Return what was opened of `child` by `key`, by digest; empty where nothing was."""
        self.sweep()
        shelf = self._shelves.get(child)
        if shelf is None or shelf.key != key:
            self._shelves.pop(child, None)
            return {}
        return shelf.opened

    def put(self, child: str, key: bytes, opened: Iterable[Opened]) -> None:
        """Remember `opened`; the time of a child runs from the first that is remembered."""
        shelf = self._shelves.get(child)
        if shelf is None or shelf.key != key:
            shelf = self._shelves[child] = _Shelf(key, self._clock_s() + _FOR_S)
        shelf.opened.update((one.digest, one) for one in opened)
        while len(self._shelves) > _MOST_CHILDREN:
            self._shelves.popitem(last=False)

    def forget(self, child: str) -> None:
        """Forget what was opened of `child`."""
        self._shelves.pop(child, None)

    def sweep(self) -> None:
        """Forget everything whose time is up."""
        now_s = self._clock_s()
        for child in [c for c, shelf in self._shelves.items() if shelf.until_s <= now_s]:
            del self._shelves[child]

    async def keep_swept(self) -> NoReturn:
        """Forget what is over, every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            self.sweep()
