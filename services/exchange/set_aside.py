"""What lies in quarantine, from the ledger's own records: each item with its releases. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.kinds import iso
from contracts.quarantine import FINAL, Released, ReleaseOutcome, read_record
from contracts.records import Ground, Quarantined

Place = tuple[str, int]
"""A lane, or an agency's inbox consumer, and a sequence there."""

MOST_SHOWN: Final = 500


@dataclass(slots=True)
class Item:
    """What was set aside at one place: the newest record of it, and its releases in order.

    It has lain there since `since`, through every release after which it stayed refused.
    """

    agency: str
    record: Quarantined
    since: datetime
    releases: list[Released] = field(default_factory=list[Released])

    @property
    def place(self) -> Place:
        """Return where the bytes lie."""
        return self.record.lane, self.record.sequence

    @property
    def is_open(self) -> bool:
        """Tell whether it still lies in quarantine."""
        return not self.releases or self.releases[-1].outcome not in FINAL


@dataclass(slots=True)
class Found:
    """All items by place, releases of what local quarantines hold, and how often bytes came."""

    items: dict[Place, Item] = field(default_factory=dict[Place, Item])
    elsewhere: dict[Place, Released] = field(default_factory=dict[Place, Released])
    seen: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def take(self, subject: str, data: bytes) -> None:
        """Take one record under `quarantine.`, in the ledger's order; others are passed over."""
        record, agency = read_record(data), ".".join(subject.split(".")[1:3])
        if record is None:
            return
        place = record.lane, record.sequence
        if isinstance(record, Quarantined):
            before = self.items.get(place)
            since, releases = (before.since, before.releases) if before else (record.at, [])
            self.items[place] = Item(agency, record, since, releases)
            self.seen[agency, record.digest] += before is None
        elif place in self.items:
            self.items[place].releases.append(record)
        else:
            self.elsewhere[place] = record

    def told(self, first: Mapping[str, int], most: int = MOST_SHOWN) -> dict[str, Any]:
        """Return at most so much for the operator, the newest first; `first` is where lanes begin.

        `more` and `open` count what is left out as well.
        """
        newest = sorted(self.items.values(), key=lambda i: i.since, reverse=True)
        return {
            "items": [
                told(item, first, self.seen[item.agency, item.record.digest])
                for item in newest[:most]
            ],
            "more": max(0, len(newest) - most),
            "open": sum(item.is_open for item in newest),
            "released_elsewhere": [
                {"item": f"{lane}:{sequence}", **release_json(one)}
                for (lane, sequence), one in self.elsewhere.items()
            ][-most:],
        }


def fold(records: Iterable[tuple[str, bytes]]) -> Found:
    """Return what the records under `quarantine.` say, given in the ledger's order."""
    found = Found()
    for subject, data in records:
        found.take(subject, data)
    return found


def told(item: Item, first: Mapping[str, int], seen: int) -> dict[str, Any]:
    """Return one item as it is told: place, digest and codes, and never the bytes."""
    record = item.record
    return {
        "item": f"{record.lane}:{record.sequence}",
        "agency": item.agency,
        "lane": record.lane,
        "sequence": record.sequence,
        "digest": record.digest,
        "reasons": reasons_json(record.reasons),
        "at": iso(item.since),
        "seen": seen,
        "state": _state(item, first),
        "releases": [release_json(one) for one in item.releases],
    }


def release_json(one: Released) -> dict[str, Any]:
    """Return a release as it is told: by whom, why, when and what came of it."""
    return {
        "at": iso(one.at),
        "by": one.by,
        "because": one.because.value,
        "reference": one.reference,
        "outcome": one.outcome.value,
        "reasons": reasons_json(one.reasons),
    }


def reasons_json(reasons: Iterable[Ground]) -> list[dict[str, str]]:
    """Return codes, and the parts concerned."""
    return [{"code": r.code, "detail": r.detail} for r in reasons]


def _state(item: Item, first: Mapping[str, int]) -> str:
    if item.releases and item.releases[-1].outcome in FINAL:
        outcome = item.releases[-1].outcome
        return "gone" if outcome is ReleaseOutcome.GONE else "released"
    if item.record.sequence < first.get(item.record.lane, 0):
        return "gone"
    return "in quarantine again" if item.releases else "in quarantine"
