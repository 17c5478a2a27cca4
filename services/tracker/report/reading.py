"""Reading what a report is worked out from out of the tracker's tables."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, func, or_, select

from contracts.clocks import state
from contracts.rules import RulePacks
from services.tracker.clock_rows import clock_of
from services.tracker.report.material import Fact, Material, Standard, Tell, TurnedAway
from services.tracker.report.period import Period, year_before
from services.tracker.store import LIVE

_CHANGING: Final = ("standard.extended", "standard.paused")
_AT_ONCE: Final = 500


def material(connection: Connection, days: Period, packs: RulePacks, now: datetime) -> Material:
    """Return the rows that a report on `days` is worked out from, clocks as they stand at `now`.

    Messages reach back a year before the period, because a child may be referred again; and on to
    now, because an answer may come after it.
    """
    facts = _facts(connection, days)
    return Material(
        facts=facts,
        standards=_standards(connection, days, packs, now),
        tells=_tells(connection, days),
        turned_away=_turned_away(connection, days),
        without_effect=_without_effect(connection, facts, days),
    )


def _without_effect(
    connection: Connection, facts: Iterable[Fact], days: Period
) -> frozenset[tuple[str, str]]:
    """Return the extensions and pauses within `days` that no clock has as effective."""
    said = {(f.child, f.message) for f in facts if f.kind in _CHANGING and days.holds(f.at)}
    clocks, children = LIVE.clocks, sorted({child for child, _ in said})
    done: set[tuple[str, str]] = set()
    for first in range(0, len(children), _AT_ONCE):
        some = children[first : first + _AT_ONCE]
        for row in connection.execute(select(clocks).where(clocks.c.child.in_(some))).mappings():
            clock = clock_of(row)
            done |= {(clock.child, one.message) for one in clock.extensions if one.effective}
            done |= {(clock.child, one.message) for one in clock.pauses if one.effective}
    return frozenset(said - done)


def _facts(connection: Connection, days: Period) -> tuple[Fact, ...]:
    facts, messages = LIVE.facts, LIVE.messages
    same = and_(facts.c.child == messages.c.child, facts.c.entry == messages.c.entry)
    chosen = select(
        facts.c.at,
        facts.c.level,
        facts.c.direction,
        facts.c.asked,
        facts.c.asked_again,
        facts.c.statements,
        facts.c.carried,
        messages.c.child,
        messages.c.id.label("message"),
        messages.c.kind,
        messages.c.agency,
        messages.c.answers,
        messages.c.replayed,
        messages.c.codes,
        messages.c.outcome,
    ).join_from(facts, messages, same)
    since = chosen.where(facts.c.at >= year_before(days.begins))
    ordered = since.order_by(facts.c.child, facts.c.entry)
    return tuple(
        Fact(**{**row, "codes": _single(row["codes"])})
        for row in connection.execute(ordered).mappings()
    )


def _single(codes: dict[str, object]) -> dict[str, str]:
    return {name: value for name, value in codes.items() if isinstance(value, str)}


def _standards(
    connection: Connection, days: Period, packs: RulePacks, now: datetime
) -> tuple[Standard, ...]:
    clocks = LIVE.clocks
    begun = and_(clocks.c.started_at >= days.begins, clocks.c.started_at < days.ends)
    due = and_(clocks.c.due_at >= days.begins, clocks.c.due_at < days.ends)
    chosen = select(clocks).where(or_(begun, due)).order_by(*clocks.primary_key.columns)
    found = []
    for row in connection.execute(chosen).mappings():
        clock = clock_of(row)
        rule = packs.clocks.get(clock.rule)
        found.append(
            Standard(
                child=clock.child,
                message=clock.message,
                rule=clock.rule,
                title=rule.title if rule else clock.rule,
                started_at=clock.started_at,
                due_at=clock.due_at,
                stopped_at=clock.stopped_at,
                state=state(clock, now).value,
                cause=clock.explained_cause,
            )
        )
    return tuple(found)


def _tells(connection: Connection, days: Period) -> tuple[Tell, ...]:
    telling = LIVE.telling
    by = func.coalesce(telling.c.due_at, telling.c.owed_at)
    columns = ("person", "owed_at", "due_at", "state", "told_at", "because")
    chosen = select(telling.c.rules, *(telling.c[name] for name in columns))
    within = chosen.where(by >= days.begins, by < days.ends)
    ordered = connection.execute(within.order_by(*telling.primary_key.columns)).mappings()
    # What no rule asked for is evidence, and nobody had to be told.
    return tuple(Tell(**{name: row[name] for name in columns}) for row in ordered if row["rules"])


def _turned_away(connection: Connection, days: Period) -> tuple[TurnedAway, ...]:
    refusals = LIVE.refusals
    within = and_(refusals.c.at >= days.begins, refusals.c.at < days.ends)
    chosen = select(refusals).where(within).order_by(*refusals.primary_key.columns)
    return tuple(
        TurnedAway(row["agency"], row["kind"], tuple(row["codes"]), row["at"])
        for row in connection.execute(chosen).mappings()
    )
