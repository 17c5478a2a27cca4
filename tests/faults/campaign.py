"""A campaign: a workload without faults, then faults at random while it goes on, then proof."""

import asyncio
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.sending import Sending, checked
from tests.faults.watching import Faults, HangsError, SentFiles, recovered, settled
from tests.faults.world import World

_DRAIN_S: Final = 900.0
_CALM_S: Final = (0.3, 2.0)
_AT_LEAST: Final = 60
_AHEAD_S: Final = 20.0
_MOST_PROBLEMS: Final = 3
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What a campaign is to do; `only` names the one kind of fault that is made, or is empty."""

    messages: int
    seed: int
    rate: float
    only: str = ""


@dataclass
class Report:
    """What a campaign found; times in seconds."""

    acknowledged: int = 0
    calm_s: float = 0.0
    recovery_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    impossible: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    ended: dict[str, list[str]] = field(default_factory=dict)
    """Who ended without having been killed here, and why, as far as its log tells."""

    table: str = ""
    code: int = 1

    @property
    def good(self) -> bool:
        """Whether everything was as it must be, of at least one fault that was made.

        A program that ended by itself must have said why: one that says nothing has crashed.
        """
        explained = all(why for reasons in self.ended.values() for why in reasons)
        return self.code == 0 and not self.problems and bool(self.recovery_s) and explained


class Campaign:
    """One campaign in one world."""

    def __init__(self, world: World, order: Order, say: Say) -> None:
        self._world, self._order, self._say = world, order, say
        self._chance = random.Random(order.seed)
        self._sent = SentFiles(world.sent)
        self._batch = 0
        self._sending: list[Sending] = []
        self.report = Report()

    async def run(self) -> Report:
        """Do it all, and return what was found; the world must be prepared and is left running."""
        deck = self._deck()
        try:
            await self._world.start()
            self._say("everything runs; a workload without faults first")
            await self._calm()
            await self._rounds(deck)
            await self._end()
        except (AssertionError, *Faults) as error:
            self._problem(str(error) or type(error).__name__)
        finally:
            for sending in self._sending:
                await sending.stop()
        self.report.ended = self._world.ended()
        self.report.acknowledged = self._sent.count()
        self.report.code, self.report.table = await checked(self._world)
        return self.report

    def _deck(self) -> list[type[Fault]]:
        """Return the kinds of fault that can be made here, and note those that cannot."""
        wanted = [one for one in FAULTS if self._order.only in ("", one.name, one.__name__)]
        for one in wanted:
            reason = one.possible(self._world)
            if reason is not None:
                self.report.impossible[one.name] = reason
        return [one for one in wanted if one.name not in self.report.impossible]

    async def _calm(self) -> None:
        await self._load(max(_AT_LEAST, self._order.messages // 20))
        self.report.calm_s = await recovered(self._world, self._sent, "submit", self._send_again)
        await self._finish_sending()
        await settled(self._world, _DRAIN_S)

    async def _rounds(self, deck: list[type[Fault]]) -> None:
        """Make each kind of fault once, then go on at random until the workload is sent."""
        if not deck:
            return
        await self._load(self._order.messages)
        for kind in self._kinds(deck):
            await self._keep_sending()
            await self._round(kind(self._world, self._chance))
            await asyncio.sleep(self._chance.uniform(*_CALM_S))
        await self._finish_sending()

    def _kinds(self, deck: list[type[Fault]]) -> Iterator[type[Fault]]:
        yield from self._chance.sample(deck, len(deck))
        while self._left >= self._soon:
            yield self._chance.choice(deck)

    async def _round(self, fault: Fault) -> None:
        """Make one fault and see how long recovery takes; a few that go wrong are noted."""
        try:
            lasted, what = await self._made(fault)
            took = await recovered(self._world, self._sent, fault.lane, self._send_again)
        except Exception as error:
            self._problem(f"{fault.name}: {type(error).__name__} {error}")
            if len(self.report.problems) >= _MOST_PROBLEMS:
                raise
            return
        self.report.recovery_s[fault.name].append(took)
        self._say(f"{fault.name}: {what}, {lasted:.1f} s; recovered in {took:.2f} s")

    async def _made(self, fault: Fault) -> tuple[float, str]:
        """Strike and heal; return how many seconds were between, and what was hit."""
        began = time.monotonic()
        try:
            what = await fault.strike()
            await asyncio.sleep(self._chance.uniform(*fault.lasts_s))
        finally:
            lasted = time.monotonic() - began
            await fault.heal()
        return lasted, what

    @property
    def _left(self) -> int:
        """How many messages the senders have still to send."""
        return sum(sending.left for sending in self._sending)

    @property
    def _soon(self) -> int:
        """Fewer than this and the senders may be at their end before a fault is over."""
        return int(_AHEAD_S * (self._order.rate or _AT_LEAST))

    async def _keep_sending(self) -> None:
        """Start another sender before those at work come to their end: recovery is seen by them."""
        if self._left < self._soon:
            await self._load(max(2 * self._soon, self._order.messages // 10))

    async def _send_again(self) -> None:
        """Start another sender where none is at work any more."""
        if not self._left:
            await self._load(self._soon)

    async def _load(self, messages: int) -> None:
        self._batch += 1
        seed = self._order.seed * 1000 + self._batch
        sending = Sending(self._world, f"batch-{self._batch}")
        self._sending.append(sending)
        await sending.start(messages, seed, self._order.rate)

    async def _finish_sending(self) -> None:
        while self._sending:
            sending = self._sending.pop()
            if not await sending.done(_DRAIN_S):
                await sending.stop()
                raise HangsError("the sender did not come to its end; its log says more")

    async def _end(self) -> None:
        self._say("the workload is sent; waiting until everything is decided and read")
        await settled(self._world, _DRAIN_S)

    def _problem(self, text: str) -> None:
        self.report.problems.append(text)
        self._say(f"PROBLEM: {text}")


def recovery_lines(report: Report) -> list[str]:
    """Return the table of recovery: each kind of fault, how often, the median and the longest."""
    lines = [f"{'fault':<52}{'made':>5}{'median s':>10}{'longest s':>11}"]
    lines.append(f"{'none (a message without any fault)':<52}{'':>5}{report.calm_s:>10.2f}{'':>11}")
    for name, times in sorted(report.recovery_s.items()):
        middle, most = statistics.median(times), max(times)
        lines.append(f"{name:<52}{len(times):>5}{middle:>10.2f}{most:>11.2f}")
    if not report.recovery_s:
        lines.append("no fault could be made here: this proves nothing")
    lines += [f"{name:<52}not made here: {why}" for name, why in report.impossible.items()]
    return lines


def ending_lines(report: Report) -> list[str]:
    """Return who ended by itself, how often, and why; each was started again."""
    return [
        f"ended by itself and started again: {name}, {count} x {why or 'NO REASON KNOWN'}"
        for name, reasons in report.ended.items()
        for why, count in Counter(reasons).items()
    ]
