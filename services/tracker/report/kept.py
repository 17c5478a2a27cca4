"""What a report counts of standards: kept or missed and why, who was told, what went wrong. Pure.

Where a standard is not met the reason is recorded (000 l.37); what nobody explained is shown so.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from services.tracker.report.drafts import Draft, Line, counted, divided
from services.tracker.report.form import Measure, Unit
from services.tracker.report.material import Fact, Material, Standard, Tell
from services.tracker.report.numbers import hours, middle, ninetieth, share
from services.tracker.report.period import Period

_LATE: Final = frozenset({"met_late", "missed"})
_DONE: Final = frozenset({"met", "met_late"})
_CHANGES: Final = {
    "standard.extended": "extended",
    "standard.paused": "paused",
    "meeting.postponed": "postponed",
}


def standards(material: Material, period: Period) -> Draft:
    """Return how the standards whose time began in `period` were kept, as it stands now."""
    by_rule: dict[tuple[str, str], list[Standard]] = {}
    for one in material.standards:
        if period.holds(one.started_at):
            by_rule.setdefault((one.rule, one.title), []).append(one)
    measures = (
        Measure(name="started", title="begun"),
        Measure(name="in_time", title="in time"),
        Measure(name="late", title="late or missed"),
        Measure(name="running", title="still running"),
        Measure(name="ended", title="no longer called for"),
        Measure(name="median_hours", title="median, hours", unit=Unit.HOURS),
        Measure(name="p90_hours", title="90th percentile, hours", unit=Unit.HOURS),
        Measure(name="share_in_time", title="in time, %", unit=Unit.PERCENT),
    )
    return divided(
        "standards",
        "Standards of time",
        ("standard", "title"),
        measures,
        (_kept(labels, some) for labels, some in by_rule.items()),
        "Elapsed hours of what was done; the share is of what was done in time or is late.",
    )


def _kept(labels: tuple[str, str], some: list[Standard]) -> Line:
    in_time = sum(1 for one in some if one.state == "met")
    late = sum(1 for one in some if one.state in _LATE)
    ended = sum(1 for one in some if one.state == "ended")
    done = [
        hours(one.started_at, one.stopped_at)
        for one in some
        if one.stopped_at is not None and one.state in _DONE
    ]
    return Line(
        labels,
        {
            "in_time": in_time,
            "late": late,
            "running": len(some) - in_time - late - ended,
            "ended": ended,
        },
        {
            "median_hours": middle(done),
            "p90_hours": ninetieth(done),
            "share_in_time": share(in_time, in_time + late),
        },
    )


def misses(material: Material, period: Period) -> Draft:
    """Return the standards missed whose time ran out in `period`, by the cause recorded."""
    leaves = Counter(
        (one.rule, one.cause or "unexplained")
        for one in material.standards
        if one.state in _LATE and period.holds(one.due_at)
    )
    return counted(
        "misses",
        "Standards missed, and why",
        ("standard", "cause"),
        leaves,
        "Time ran out in the period; unexplained: nobody has recorded the reason yet.",
    )


def telling(material: Material, period: Period, now: datetime) -> Draft:
    """Return who had to be told by a time in `period`, or of something in it, and who was."""
    leaves = Counter(
        (one.person, _told(one, now))
        for one in material.tells
        if period.holds(one.due_at or one.owed_at) and one.state != "withdrawn"
    )
    return counted(
        "people_told",
        "People who had to be told",
        ("person", "state"),
        leaves,
        "Told in time or late, not told although the time is over, or the reason why not.",
    )


def _told(one: Tell, now: datetime) -> str:
    if one.state == "not_appropriate":
        return f"not appropriate: {one.because or 'no code'}"
    if one.state == "told":
        late = one.due_at is not None and one.told_at is not None and one.told_at > one.due_at
        return "told late" if late else "told in time"
    return "not told" if one.due_at is not None and one.due_at < now else "not told yet"


def breaches(material: Material, period: Period) -> Draft:
    """Return the messages withdrawn in `period`: about a wrong child, or gone to a wrong place."""
    return counted(
        "breaches",
        "Messages sent in error",
        ("error", "agency"),
        Counter(
            (fact.codes.get("error", ""), fact.agency)
            for fact in _live(material, period, "message.withdrawn")
        ),
        "A message about the wrong child, or gone to a wrong recipient, is a breach.",
    )


def changes(material: Material, period: Period) -> Draft:
    """Return what was extended, paused or postponed in `period`, and why."""
    return counted(
        "changes",
        "Time extended, paused or postponed",
        ("what", "subject", "reason"),
        Counter(
            (
                _CHANGES[fact.kind],
                fact.codes.get("clock") or fact.codes.get("meeting") or "meeting",
                fact.codes.get("because", ""),
            )
            for fact in _live(material, period, *_CHANGES)
            if (fact.child, fact.message) not in material.without_effect
        ),
        "By signed messages; what came too late or without authority changes nothing.",
    )


def _live(material: Material, period: Period, *kinds: str) -> list[Fact]:
    return [
        fact
        for fact in material.facts
        if fact.kind in kinds and not fact.replayed and period.holds(fact.at)
    ]
