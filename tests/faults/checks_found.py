"""What the checker has found: each loss under its own heading, with where it was seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

LOST: Final = "lost"
TWICE: Final = "delivered_twice"
ORDER: Final = "out_of_order"
BASIS: Final = "without_basis"
FORGED: Final = "forged_accepted"
LEADS: Final = "lead_moments"
CLOCKS: Final = "clocks_lost"
UNPROVED: Final = "unproved"
TURNED: Final = "wrongly_refused"

TITLES: Final = {
    LOST: "lost",
    TWICE: "delivered twice",
    ORDER: "out of order for one child",
    BASIS: "delivered without a basis",
    FORGED: "forged accepted",
    LEADS: "moments with zero or two leads",
    CLOCKS: "clocks lost or not as the ledger has them",
    UNPROVED: "not proved by a signature",
    TURNED: "refused though it was due",
}
"""Every heading, in the order of the table, with how it reads there."""

MOST_SHOWN: Final = 5
CHECKED: Final = ("acknowledged", "answered", "statements", "heads", "witnesses")
"""What there must be some of: where there is none, nothing was checked of it."""


@dataclass
class Findings:
    """Findings by heading; references only, nothing that anybody said."""

    found: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in TITLES})

    def add(self, heading: str, what: str, *where: object) -> None:
        """Note `what` was found, and the references at which it was seen."""
        self.found[heading].append(" ".join((what, *map(str, where))))

    @property
    def total(self) -> int:
        """How many findings there are; nothing is wrong where it is zero."""
        return sum(map(len, self.found.values()))


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check: what there was, and what was found wrong with it."""

    counts: dict[str, int]
    findings: Findings

    @property
    def clean(self) -> bool:
        """Tell whether something of each kind was checked and nothing was found."""
        return all(self.counts[name] for name in CHECKED) and self.findings.total == 0

    def as_json(self) -> dict[str, Any]:
        """Give the report as JSON: counts, findings by heading, and the first few of each."""
        found = self.findings.found
        return {
            **self.counts,
            "clean": self.clean,
            "found": {name: len(what) for name, what in found.items()},
            "examples": {name: what[:MOST_SHOWN] for name, what in found.items() if what},
        }

    def lines(self) -> Iterable[str]:
        """Yield the report as a table for people."""
        for name, count in self.counts.items():
            yield f"  {name.replace('_', ' '):<44}{count:>9,}"
        yield ""
        for name, what in self.findings.found.items():
            yield f"  {TITLES[name]:<44}{len(what):>9,}"
            yield from (f"      {one}" for one in what[:MOST_SHOWN])
