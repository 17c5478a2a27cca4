"""What a report counts, taken down message by message while the ledger is followed.

Only codes, references and dates: nothing of it needs a statement to be opened.
"""

from datetime import date, datetime, time
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, insert

from contracts.journey import Journey
from contracts.messages.corrections import REDIRECTED
from contracts.questions import questions
from contracts.roles import Level
from contracts.told_once import of_family
from contracts.worktime import LONDON
from services.tracker.entries import Step, TurnedDown
from services.tracker.store import Tables, insert_new

DIRECTIONS: Final = {
    "referral.submitted": "referral",
    "stepup.requested": "step_up",
    "stepdown.requested": "step_down",
}
"""By the kind of a request for a service, the direction in which it asks to go (003, page 1)."""


def keep_facts(connection: Connection, tables: Tables, step: Step, before: Journey | None) -> None:
    """Write what a report counts of the message of `step`, after the journey `before`."""
    # Who passes a request on repeats its answers, and has asked nobody.
    answered = () if step.event.kind == REDIRECTED.name else step.answered
    asked = frozenset(answered) & _of_a_family()
    row: dict[str, Any] = {
        "child": step.child,
        "entry": step.number,
        "at": _happened(step),
        "level": (before.level if before else Level.UNIVERSAL).value,
        "direction": DIRECTIONS.get(step.event.kind),
        "asked": len(asked),
        "asked_again": len(step.asked_again),
        "statements": step.statements,
        "carried": step.carried,
    }
    connection.execute(insert(tables.facts), row)


def keep_refusal(connection: Connection, tables: Tables, said: TurnedDown) -> None:
    """Write that the exchange refused a message, and its codes, once however often it is read."""
    decision = said.decision
    row: dict[str, Any] = {
        "agency": decision.agency,
        "message": decision.message,
        "kind": decision.kind,
        "codes": sorted({ground.code for ground in decision.reasons}),
        "at": decision.now,
    }
    insert_new(connection, tables.refusals, row)


def _happened(step: Step) -> datetime:
    """Return when the message counts: as it was decided, or the day that history tells of."""
    history = step.event.data.history
    if history is None:
        return step.decided_at
    try:
        day = date.fromisoformat(history.occurred_on)
    except ValueError:
        return step.decided_at
    return datetime.combine(day, time(), LONDON)


@cache
def _of_a_family() -> frozenset[int]:
    """Return the numbers of the questions that families are asked."""
    return frozenset(q.number for q in questions().values() if of_family(q))
