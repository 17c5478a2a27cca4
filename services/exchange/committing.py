"""What a worker has made, what is on its way to disk, and what it has done since it started."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.exchange.attesting import LaneStep
from services.exchange.deciding import Decided, Repeated
from services.exchange.decision import Accepted, Held, Refused
from services.exchange.drafts import Draft
from services.exchange.opening import Unopenable
from services.exchange.taking import Place
from services.runtime import batch


@dataclass(frozen=True, slots=True)
class Made:
    """A group that is decided and written down, but not committed."""

    group: Sequence[Decided]
    steps: Sequence[LaneStep]
    drafts: Sequence[Draft]

    @property
    def places(self) -> list[Place]:
        """Return where the group was taken from."""
        return [(one.arrived.taken.lane, one.arrived.taken.sequence) for one in self.group]


@dataclass(frozen=True, slots=True)
class Flight:
    """A group on its way to disk."""

    made: Made
    outcome: asyncio.Task[batch.Outcome]


@dataclass(slots=True)
class Counts:
    """What a worker has done since it started."""

    groups: int = 0
    accepted: int = 0
    refused: int = 0
    held: int = 0
    quarantined: int = 0
    repeated: int = 0
    restarts: int = 0

    def add(self, group: Sequence[Decided]) -> None:
        """Count one committed group."""
        self.groups += 1
        for decided in group:
            verdict = decided.verdict
            self.accepted += isinstance(verdict, Accepted)
            self.refused += isinstance(verdict, Refused)
            self.held += isinstance(verdict, Held) and decided.arrived.woken is None
            self.quarantined += isinstance(verdict, Unopenable)
            self.repeated += isinstance(verdict, Repeated)
