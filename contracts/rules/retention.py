"""How long a statement is kept: what the rules in force make of its category and of three dates.

Of several rules that apply the longest holds. A rule whose date is not known, because the work has
not ended or nobody said when the child was born, never runs out: nothing is called due on a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.questions import Category
from contracts.rules.packs import KeptFrom, RetentionRule
from contracts.worktime import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Dates:
    """From when the times of a child's story run, as instants; None where that is not known."""

    closing: datetime | None = None
    birth: datetime | None = None

    def of(self, kept_from: KeptFrom, recorded: datetime) -> datetime | None:
        """Return the instant from which a rule runs for a statement accepted at `recorded`."""
        known = {KeptFrom.CLOSING: self.closing, KeptFrom.BIRTH: self.birth}
        return known.get(kept_from, recorded)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Until when a statement is kept, and the id of the rule by which it is kept longest."""

    rule: str
    at: datetime


def expiry(
    rules: Mapping[str, RetentionRule],
    category: Category,
    kind: str,
    recorded: datetime,
    dates: Dates,
    calendar: WorkingCalendar,
) -> Expiry | None:
    """Return until when a statement of `category` in a message of `kind` is kept.

    `recorded` is when the message was accepted (aware). None where no rule applies, or one that
    applies runs from a date that is not known: it is kept.
    """
    found: list[Expiry] = []
    for rule in _applying(rules.values(), category, kind):
        start = dates.of(rule.kept_from, recorded)
        if start is None:
            return None
        found.append(Expiry(rule.id, calendar.add(start, rule.length, rule.unit)))
    return max(found, key=lambda one: one.at, default=None)


def _applying(
    rules: Iterable[RetentionRule], category: Category, kind: str
) -> Iterable[RetentionRule]:
    return (
        rule
        for rule in rules
        if (not rule.categories or category in rule.categories)
        and (not rule.kinds or kind in rule.kinds)
    )
