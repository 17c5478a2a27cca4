"""Families as they are handed in: each move's bytes, and the line that is written of it."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from contracts import subjects
from contracts.statements import digest_of
from contracts.submission import IntakeKey, digest_of_bytes, write
from tests.faults.workload import Family, Move
from tests.faults.workload_forged import sprinkle
from tests.faults.workload_people import Crew, load
from tests.faults.workload_stories import AT_ONCE, WAITING

CHUNK = 8
AHEAD = 12
WAITING_OF_TEN = 8


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission, and what the checker is to know of it."""

    line: dict[str, Any]
    data: bytes

    @property
    def subject(self) -> str:
        """Where it is published."""
        return str(self.line["subject"])


@dataclass(frozen=True, slots=True)
class Told:
    """A family's submissions; where it `waits`, each waits for the answers to those before it."""

    waits: bool
    submissions: tuple[Submission, ...]


def told(crew: Crew, intake: IntakeKey, seed: str) -> Told:
    """Return the family of `seed`: which story it is told depends on the seed alone."""
    random = Random(seed)
    waits = random.randrange(10) < WAITING_OF_TEN
    stories, weights = zip(*(WAITING if waits else AT_ONCE), strict=True)
    family = Family(crew, random, waits)
    random.choices(stories, weights)[0](family)
    sprinkle(family)
    wires: dict[int, bytes] = {}
    return Told(waits, tuple(_submissions(family.moves, intake, wires)))


def _submissions(
    moves: list[Move], intake: IntakeKey, wires: dict[int, bytes]
) -> Iterator[Submission]:
    for order, move in enumerate(moves, 1):
        data = wires.setdefault(id(move.sealed), write(move.sealed, intake))
        make = subjects.urgent if move.urgent else subjects.submit
        stream = subjects.urgent_stream if move.urgent else subjects.submit_stream
        line = {
            "message": move.message,
            "child": move.child,
            "agency": move.agency,
            "subject": make(move.agency, move.child),
            "stream": stream(move.agency),
            "sealed": move.sealed.digest,
            "submission": digest_of_bytes(data),
            "kind": move.kind,
            "expect": move.expect,
            "forged": move.forged,
            "again": move.again,
            "order": order,
            "waited": move.waits,
            "words": _words(move),
        }
        yield Submission(line, data)


def _words(move: Move) -> list[str]:
    """Return the digests of a move's statements, which only who has their words can tell."""
    disclosures = move.sealed.disclosures
    return [digest_of(one) for one in disclosures.items] if disclosures else []


@cache
def _crew(folder: str) -> Crew:
    return Crew(load(Path(folder)), datetime.now(UTC))


def _sealed(folder: str, intake: IntakeKey, seed: str, first: int) -> list[Told]:
    """Seal a few families; called in a process of its own."""
    crew = _crew(folder)
    crew.now = datetime.now(UTC)
    return [told(crew, intake, f"{seed}.{first + n}") for n in range(CHUNK)]


def families(folder: Path, intake: IntakeKey, seed: str) -> Iterator[Future[list[Told]]]:
    """Yield families without end, a few at a time, sealed ahead in another process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        chunks = count(0, CHUNK)
        ahead = [pool.submit(_sealed, str(folder), intake, seed, next(chunks))]
        try:
            while True:
                while len(ahead) < AHEAD:
                    ahead.append(pool.submit(_sealed, str(folder), intake, seed, next(chunks)))
                yield ahead.pop(0)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
