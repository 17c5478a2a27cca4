"""What a report is worked out from: rows of the tracker's tables, as plain values. Pure."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """An accepted message; `at` is when it counts, `level` the child's before it.

    `outcome` is what has become of it since, such as `withdrawn`, or None.
    """

    child: str
    message: str
    kind: str
    agency: str
    at: datetime
    level: str = "universal"
    direction: str | None = None
    answers: str | None = None
    replayed: bool = False
    codes: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    asked_again: int = 0
    statements: int = 0
    carried: int = 0
    outcome: str | None = None

    @property
    def withdrawn(self) -> bool:
        """Tell whether its sender took it back because it was sent in error."""
        return self.outcome == "withdrawn"


@dataclass(frozen=True, slots=True)
class Standard:
    """A clock as it stands when the report is made; `state` as `contracts.clocks.ClockState`.

    `cause` is the code of the recorded reason for missing it, if there is one.
    """

    child: str
    message: str
    rule: str
    title: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    state: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody who had to be told of a message, and how it stands with that."""

    person: str
    owed_at: datetime
    due_at: datetime | None
    state: str
    told_at: datetime | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A message that the exchange refused, and the codes of all the reasons."""

    agency: str
    kind: str
    codes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a report counts; `facts` reach back a year before the period.

    `without_effect` are the children and messages of extensions and pauses that changed no clock.
    """

    facts: tuple[Fact, ...] = ()
    standards: tuple[Standard, ...] = ()
    tells: tuple[Tell, ...] = ()
    turned_away: tuple[TurnedAway, ...] = ()
    without_effect: frozenset[tuple[str, str]] = frozenset()
