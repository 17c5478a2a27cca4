"""What became of the referrals of a return, and of what followed them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """Counts of one sort of message; `sent` are those that this run submitted."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    already_sent: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])

    @property
    def total(self) -> int:
        """Return how many there were: each is accepted, refused or was sent before."""
        return self.accepted + self.refused + self.already_sent

    def refuse(self, codes: Iterable[str]) -> None:
        """Count a refusal, and each of its codes once."""
        self.refused += 1
        self.reasons.update(set(codes))

    def as_json(self) -> dict[str, Any]:
        """Return the counts for machines."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "refused": self.refused,
            "already_sent": self.already_sent,
            "reasons": dict(sorted(self.reasons.items())),
        }


@dataclass
class Summary:
    """Counts of a whole replay; `events_kept` counts the faults that kept events back, by code."""

    referrals: Tally = field(default_factory=Tally)
    events: Tally = field(default_factory=Tally)
    events_kept: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the summary for machines: the referrals' counts, and the events' below them."""
        return {
            "referrals": self.referrals.total,
            **self.referrals.as_json(),
            "events": {
                **self.events.as_json(),
                "kept_back": dict(sorted(self.events_kept.items())),
            },
            "seconds": round(self.seconds, 2),
        }
