"""What the tables answer: a child's journey, what was set aside, and how the tracker stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, select

from contracts.clocks import Clock, ClockState, state
from contracts.errors import HandrailError
from contracts.journey_json import load
from contracts.kinds import iso
from contracts.rules import RulePacks
from services.tracker.clock_rows import clock_of
from services.tracker.measures import of_child
from services.tracker.rulebook import title_of
from services.tracker.store import LIVE, claim_position, count_rows
from services.tracker.told_answers import telling

Answer = dict[str, Any]


def track(connection: Connection, child: str, packs: RulePacks, now: datetime) -> Answer:
    """Return the journey of `child`, its messages, clocks as at `now`, custody and who was told.

    `told` are the deliveries made, `telling` everyone who had to be told. Instants are RFC 3339 in
    UTC. Raises `HandrailError` `track.unknown-child`.
    """
    held = connection.execute(select(LIVE.journeys).where(LIVE.journeys.c.child == child))
    row = held.mappings().one_or_none()
    if row is None:
        raise HandrailError(
            "track.unknown-child",
            "no message about a child of this reference has been accepted",
            "compare the reference with the receipt; a message just sent appears within a second",
        )
    messages = _rows(connection, LIVE.messages, child, "entry")
    managers = {m["id"]: _first_practitioner(m) for m in messages}
    return {
        "child": child,
        "journey": _journey(row),
        "messages": [_message(m) for m in messages],
        "clocks": [
            _clock(c, packs, managers, now) for c in _rows(connection, LIVE.clocks, child, "due_at")
        ],
        "custody": [_custody(c) for c in _rows(connection, LIVE.custody, child, "number")],
        "told": [_told(t) for t in _rows(connection, LIVE.told, child, "entry")],
        "telling": telling(connection, child, now),
        "told_once": of_child(connection, child),
    }


def quarantine(connection: Connection) -> list[Answer]:
    """Return what could not be opened, the oldest first; never the bytes."""
    table = LIVE.quarantined
    rows = connection.execute(select(table).order_by(table.c.at, table.c.sequence)).mappings()
    return [
        {
            "agency": row["agency"],
            "lane": row["lane"],
            "sequence": row["sequence"],
            "digest": row["digest"],
            "reasons": row["reasons"],
            "at": _at(row["at"]),
        }
        for row in rows
    ]


def status(connection: Connection, now: datetime) -> Answer:
    """Return counts, the position in the ledger, and what a person has to look at.

    `overdue` are missed clocks whose manager has not been told yet, `unconfirmed` notices that the
    exchange has not accepted yet.
    """
    clocks = LIVE.clocks
    overdue = (clocks.c.untold.is_(True), clocks.c.due_at < now)
    unconfirmed = (clocks.c.missed_notice.is_not(None), clocks.c.notice_entry.is_(None))
    states = select(clocks.c.state, func.count()).group_by(clocks.c.state)
    counted = {found: int(count) for found, count in connection.execute(states)}
    return {
        "position": claim_position(connection, LIVE),
        "journeys": count_rows(connection, LIVE.journeys),
        "messages": count_rows(connection, LIVE.messages),
        "quarantined": count_rows(connection, LIVE.quarantined),
        "clocks": {known.value: counted.get(known.value, 0) for known in ClockState},
        "overdue": count_rows(connection, clocks, *overdue),
        "unconfirmed": count_rows(connection, clocks, *unconfirmed),
    }


def _rows(connection: Connection, table: Table, child: str, order: str) -> list[RowMapping]:
    """Return the rows of a child in the order of a column, and of their key where it is equal."""
    chosen = select(table).where(table.c.child == child)
    ordered = chosen.order_by(table.c[order], *table.primary_key.columns)
    return list(connection.execute(ordered).mappings())


def _journey(row: RowMapping) -> Answer:
    journey = load(row["journey"])
    lead, assessment = journey.lead, journey.assessment
    return {
        "level": journey.level.value,
        "case_open": journey.case_open,
        "lead": lead
        and {"practitioner": lead.practitioner, "agency": lead.agency, "since": lead.since},
        "proposals": [
            {"message": p.id, "practitioner": p.practitioner, "at": p.at} for p in journey.proposals
        ],
        "open_requests": [
            {"message": r.id, "kind": r.kind, "agency": r.agency, "acknowledged": r.acknowledged}
            for r in journey.requests
            if not r.outcome
        ],
        "assessment": assessment and {"by": assessment.by, "started": assessment.started},
        "support": journey.support,
        "lead_left": bool(journey.lead_left),
        "moved_to": journey.moved_to,
        "involved": list(journey.involved),
        "linked": list(journey.linked),
        "linked_into": journey.linked_into or None,
        "entries": row["entries"],
        "updated_at": _at(row["updated_at"]),
    }


def _message(row: RowMapping) -> Answer:
    return {
        "entry": row["entry"],
        "id": row["id"],
        "kind": row["kind"],
        "title": title_of(row["kind"]),
        "agency": row["agency"],
        "author": row["author"],
        "decided_at": _at(row["decided_at"]),
        "occurred_at": _at(row["occurred_at"]),
        "answers": row["answers"],
        "outcome": row["outcome"],
        "basis": row["basis"],
        "recipients": row["recipients"],
        "replayed": row["replayed"],
    }


def _clock(
    row: RowMapping, packs: RulePacks, managers: Mapping[str, str | None], now: datetime
) -> Answer:
    """Return a clock: an instant that took place, and beside it when it arrived (`arrived`)."""
    rule, clock = packs.clocks.get(row["rule"]), clock_of(row)
    notice = row["missed_notice"]
    return {
        "id": clock.id,
        "rule": clock.rule,
        "title": rule.title if rule else clock.rule,
        "message": clock.message,
        "agency": clock.agency,
        "practitioner": clock.practitioner,
        "started_at": iso(clock.started_at),
        "started_arrived_at": iso(clock.started_arrived_at),
        "due_at": iso(clock.due_at),
        "original_due_at": iso(clock.original_due_at),
        "warn_at": _at(clock.warn_at),
        "warned": row["warned_notice"],
        "stopped_at": _at(clock.stopped_at),
        "stopped_arrived_at": _at(clock.stopped_arrived_at),
        "stopped_by": clock.stopped_by,
        "evidence_late": clock.evidence_late,
        "state": state(clock, now).value,
        "extensions": [one.model_dump(mode="json") for one in clock.extensions],
        "pauses": [one.model_dump(mode="json") for one in clock.pauses],
        "explained": _explained(clock),
        "notice": notice,
        "manager": managers.get(notice) if notice else None,
    }


def _explained(clock: Clock) -> Answer | None:
    if clock.explained_cause is None:
        return None
    return {
        "cause": clock.explained_cause,
        "by": clock.explained_by,
        "at": _at(clock.explained_at),
    }


def _custody(row: RowMapping) -> Answer:
    return {
        "practitioner": row["practitioner"],
        "agency": row["agency"],
        "from": _at(row["from_at"]),
        "to": _at(row["to_at"]),
        "by": row["by_message"],
        "until": row["until_message"],
    }


def _told(row: RowMapping) -> Answer:
    return {
        "message": row["message"],
        "agency": row["agency"],
        "delivered_at": _at(row["delivered_at"]),
        "acknowledged_at": _at(row["acknowledged_at"]),
        "acknowledged_by": row["acknowledged_by"],
    }


def _first_practitioner(message: RowMapping) -> str | None:
    return next((r["practitioner"] for r in message["recipients"]), None)


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)
