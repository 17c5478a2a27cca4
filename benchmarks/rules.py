"""What it costs to decide a message against all rule packs that ship, kind by kind of a journey."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import TypeVar

from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.kinds import Opened, Situation
from contracts.messages.checks import judge
from contracts.rules import SHIPPED, RulePacks, combine, shipped
from contracts.seal import Sealed
from services.exchange.decision import Accepted, decide
from tests import messages as m
from tests.area import CARE, SCHOOL, TEACHER, WORKER, Area

_ROUNDS = 200
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds for one message: its whole decision, and the judging by rules within it."""

    decide: float
    decide_p99: float
    judge: float
    rules: int


@dataclass(frozen=True, slots=True)
class Case:
    """A message and the journey before it."""

    message: Opened
    journey: Journey | None
    now: datetime


def measure() -> Cost:
    """Return the medians over the messages of a step up and a step down, all packs in force."""
    area, packs = Area(), combine(shipped(name) for name in SHIPPED)
    directory = area.directory
    cases = list(_journey(area))
    decided = _times(cases, lambda c: decide(c.message, directory, c.journey, c.now, packs))
    situations = [Situation(c.message, c.journey, directory, c.now) for c in cases]
    judged = _times(situations, lambda s: list(judge(s, packs)))
    return Cost(
        decide=median(decided),
        decide_p99=quantiles(decided, n=100)[-1],
        judge=median(judged),
        rules=_count(packs),
    )


def _times(cases: Sequence[_T], work: Callable[[_T], object]) -> list[float]:
    taken: list[float] = []
    for _ in range(_ROUNDS):
        for case in cases:
            started = time.perf_counter_ns()
            work(case)
            taken.append((time.perf_counter_ns() - started) / 1000)
    return taken


def _count(packs: RulePacks) -> int:
    return len(packs.guards) + len(packs.parts) + len(packs.tells)


def _journey(area: Area) -> Iterator[Case]:
    """Yield each message of a step up and of a step down with the journey that it meets."""
    for story in (_step_up, _step_down):
        child, journey, last = new_reference(), None, ""
        for make in story(area, child):
            opened = area.open(make(last))
            yield Case(opened, journey, area.now)
            verdict = decide(opened, area.directory, journey, area.now)
            if not isinstance(verdict, Accepted):
                raise RuntimeError(verdict)  # noqa: TRY004 - a fault of the benchmark, not a type
            journey, last = verdict.journey, opened.event.id


def _step_up(area: Area, child: str) -> list[Callable[[str], Sealed]]:
    return [
        lambda _: m.opened_before(area, child),
        lambda _: m.step_up(area, child),
        lambda request: m.step_up_decided(area, child, request),
        lambda _: m.assessment(area, child),
        lambda _: m.assessment(area, child, concluded="child_in_need"),
        lambda _: m.lead_proposed(area, child, WORKER, WORKER, (SCHOOL, CARE)),
        lambda proposal: m.lead_answered(area, child, proposal, WORKER, (SCHOOL,)),
    ]


def _step_down(area: Area, child: str) -> list[Callable[[str], Sealed]]:
    return [
        lambda _: m.care_opened_before(area, child),
        lambda _: m.step_down(area, child),
        lambda request: m.step_down_decided(area, child, request),
        lambda _: m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)),
        lambda proposal: m.lead_answered(area, child, proposal, TEACHER, (CARE,)),
        lambda _: m.closed(area, child),
    ]
