"""Reading what a report is worked out from out of the tracker's tables."""

from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from contracts.clocks import state
from contracts.rules import RulePacks
from services.tracker.clock_rows import clock_of
from services.tracker.report_material import Fact, Material, Standard, Tell, TurnedAway
from services.tracker.report_period import Period, year_before
from services.tracker.store import LIVE


def material(connection: Connection, days: Period, packs: RulePacks, now: datetime) -> Material:
    """Return the rows that a report on `days` is worked out from, clocks as they stand at `now`.

    Messages reach back a year before the period, because a child may be referred again; and on to
    now, because an answer may come after it.
    """
    return Material(
        facts=_facts(connection, days),
        standards=_standards(connection, days, packs, now),
        tells=_tells(connection, days),
        turned_away=_turned_away(connection, days),
    )


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
    chosen = select(*(telling.c[name] for name in columns)).where(by >= days.begins, by < days.ends)
    ordered = chosen.order_by(*telling.primary_key.columns)
    return tuple(Tell(**row) for row in connection.execute(ordered).mappings())


def _turned_away(connection: Connection, days: Period) -> tuple[TurnedAway, ...]:
    refusals = LIVE.refusals
    within = and_(refusals.c.at >= days.begins, refusals.c.at < days.ends)
    chosen = select(refusals).where(within).order_by(*refusals.primary_key.columns)
    return tuple(
        TurnedAway(row["agency"], row["kind"], tuple(row["codes"]), row["at"])
        for row in connection.execute(chosen).mappings()
    )
