"""The blinded index: answers a second as it grows from a thousand children to a million.

An answer is the keys of what was asked, the look-up in one transaction of an SQLite file, and the
judgement. Signatures, decryption, the record of who asked and the journeys of those found come on
top and do not grow with the index.
"""

import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, Engine, insert, text

from contracts.codes import is_nhs_number
from contracts.matching import (
    KEY_BYTES,
    Identity,
    Key,
    Sought,
    Verdict,
    identity_of,
    judge,
    keys_of,
)
from services.runtime.sql import create_tables, engine
from services.story.index import candidates
from services.story.index_tables import MARKS
from services.story.tables import STORY

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_REAL = 300
_ROUNDS = 3
_KEY = secrets.token_bytes(KEY_BYTES)
_GIVEN = ("Zofia", "Adam", "Maisie", "Muhammad", "Elizabeth", "Jakub", "Aoife", "Oluwaseun", "Ng")
_FAMILY = ("Kowalska-Łuk", "O'Brien", "Smith", "Patel", "Nowak", "Ahmed", "Jones", "Müller")
_WANTED = (Verdict.KNOWN_HERE, Verdict.POSSIBLY, Verdict.NOT_KNOWN)


@dataclass(frozen=True, slots=True)
class Cost:
    """Answers a second by the number of children, and how many marks a child has."""

    answers_per_s: dict[int, float]
    marks_per_child: float

    @property
    def growth(self) -> float:
        """Return how much longer an answer takes among the most children than among the fewest."""
        return self.answers_per_s[SIZES[0]] / self.answers_per_s[SIZES[-1]]


def measure(sizes: Sequence[int] = SIZES) -> Cost:
    """Return the medians of several rounds in one thread, on a file of its own."""
    children = {f"REAL{number:018}": _child(number) for number in range(_REAL)}
    keys = {child: keys_of(identity, _KEY) for child, identity in children.items()}
    each = sum(map(len, keys.values())) / _REAL
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        database = engine(f"sqlite:///{Path(folder) / 'index.sqlite'}")
        try:
            create_tables(database, STORY)
            with database.begin() as connection:
                _insert(connection, keys)
            rates: dict[int, float] = {}
            held = _REAL
            for size in sizes:
                with database.begin() as connection:
                    _fill(connection, held, size, round(each))
                held = size
                rates[size] = _rate(database, children)
        finally:
            database.dispose()
    return Cost(rates, each)


def _child(number: int) -> Identity:
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number // 9 % len(_FAMILY)]
    born = date(2008, 1, 1) + timedelta(days=number * 7)
    return Identity(
        nhs_numbers=(_nhs_number(number),),
        names=(f"{given} {family}",),
        born_on=(born.isoformat(),),
        postcodes=(f"OL{number % 9 + 1} 1AA",),
    )


def _nhs_number(number: int) -> str:
    """Return the first right NHS number from a place of its own on."""
    first = 4_000_000_000 + number * 1_000
    return next(str(n) for n in range(first, first + 1_000) if is_nhs_number(str(n)))


def _insert(connection: Connection, keys: dict[str, frozenset[Key]]) -> None:
    rows = [
        {"child": child, "mark": int(key.mark), "digest": key.digest}
        for child, theirs in keys.items()
        for key in theirs
    ]
    connection.execute(insert(MARKS), rows)


def _fill(connection: Connection, held: int, size: int, each: int) -> None:
    """Add children up to `size`, with random digests: to the index other keys look like that."""
    connection.execute(
        text(
            "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last), "
            "m(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM m WHERE k < :each) "
            "INSERT INTO marks (digest, child, mark) "
            "SELECT randomblob(16), printf('CHILD%017d', i), min(k, 5) FROM n, m ORDER BY 1"
        ),
        {"first": held, "last": size - 1, "each": each},
    )


def _rate(database: Engine, children: dict[str, Identity]) -> float:
    asked = [
        (sought, wanted)
        for identity in children.values()
        for sought, wanted in zip(_questions(identity), _WANTED, strict=True)
    ]
    rates: list[float] = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for sought, wanted in asked:
            keys = keys_of(identity_of(sought), _KEY)
            with database.begin() as connection:
                held = candidates(connection, keys)
            if judge(keys, held).verdict is not wanted:
                raise RuntimeError(wanted)
        rates.append(len(asked) / (time.perf_counter() - began))
    return median(rates)


def _questions(identity: Identity) -> tuple[Sought, Sought, Sought]:
    """Return a question by number, one in another spelling, and one of nobody known."""
    given, _, family = identity.names[0].partition(" ")
    year, month, day = identity.born_on[0].split("-")
    return (
        Sought(nhs_number=identity.nhs_numbers[0]),
        Sought(name=f"{family.upper()}, {given}", born_on=f"{day}/{month}/{year}"),
        Sought(name=f"{given} {family}", born_on=f"{int(year) - 20}-{month}-{day}"),
    )


def report() -> Cost:
    """Measure, print and return the costs."""
    cost = measure()
    rates = ", ".join(f"{rate:,.0f} among {size:,}" for size, rate in cost.answers_per_s.items())
    print(
        f"same child: answers/s from the blinded index: {rates} children "
        f"({cost.marks_per_child:.1f} marks each); {cost.growth:.2f} times as long among "
        f"{SIZES[-1]:,} as among {SIZES[0]:,}"
    )
    return cost


if __name__ == "__main__":
    report()
