"""What a workload left, as a test of the checker holds it: records that it may bend and judge."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.faults.checks import judge
from tests.faults.checks_answers import Heard, Sent
from tests.faults.checks_found import Report
from tests.faults.checks_records import Reading
from tests.faults.checks_stores import Stores
from tests.faults.checks_trust import Trust


class Recorded(Reading):
    """A reading that keeps the records themselves, so that a test can bend them."""

    def __init__(self, trust: Trust) -> None:
        super().__init__(trust)
        self.kept: list[tuple[str, bytes]] = []

    def take(self, sequence: int, subject: str, data: bytes) -> None:
        """Keep the record, and read it as ever."""
        self.kept.append((subject, data))
        super().take(sequence, subject, data)


@dataclass
class Evidence:
    """What was sent and heard, the ledger's records in their order, and what the stores hold.

    `bends` are done to the reading, where no record that is signed could be made to say so.
    """

    trust: Trust
    sent: list[Sent]
    records: list[tuple[str, bytes]]
    stores: Stores
    heard: list[Heard] = field(default_factory=list)
    bends: list[Callable[[Reading], None]] = field(default_factory=list)

    def judged(self) -> Report:
        """Read the records as a ledger that holds them, and judge."""
        reading = Reading(self.trust)
        for sequence, (subject, data) in enumerate(self.records, 1):
            reading.take(sequence, subject, data)
        for bend in self.bends:
            bend(reading)
        return judge(self.sent, reading, self.stores, self.heard)

    def first(self, head: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True) -> int:
        """The place of the first record below a subject of which `holds` is true."""
        return next(
            place
            for place, (subject, data) in enumerate(self.records)
            if subject.startswith(head) and holds(orjson.loads(data))
        )

    def bend(self, at: int, **changes: Any) -> None:
        """Change members of a record."""
        subject, data = self.records[at]
        self.records[at] = (subject, orjson.dumps({**orjson.loads(data), **changes}))
