"""Following the ledger: each journey entry becomes rows, in the transaction of the position.

Entries of one journey are taken strictly by their own number: one seen before changes nothing, one
that comes too early is put back until those before it have come. So redelivery, in any order, ends
in the same rows.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, and_, func, insert, select, update

from contracts.errors import HandrailError
from contracts.journey import Journey, Lead
from contracts.journey_json import load
from contracts.messages.corrections import REDIRECTED, WITHDRAWN, MessageWithdrawn
from contracts.messages.guards import WITHDRAWN as WITHDRAWN_OUTCOME
from services.runtime.sql import SqlRunner
from services.runtime.subscribing import Record
from services.tracker.clocks import keep_clocks
from services.tracker.entries import SetAside, Step, TurnedDown, read
from services.tracker.leaving import keep_left
from services.tracker.report.facts import keep_facts, keep_refusal
from services.tracker.rulebook import Rulebook, codes_of
from services.tracker.store import LIVE, Tables, claim_position, insert_new, set_position
from services.tracker.told import keep_telling

PROPOSED: Final = "lead.proposed"


class Follower:
    """Handles batches of ledger records for the live tables."""

    def __init__(self, runner: SqlRunner, book: Callable[[], Rulebook]) -> None:
        """Write through `runner`, judging by what `book` gives at the time of each batch."""
        self._runner = runner
        self._book = book

    async def take(self, records: tuple[Record, ...]) -> None:
        """Store what `records` say, all or nothing; raises `HandrailError` `entry.*`."""
        await self._runner.run(partial(follow, tables=LIVE, records=records, book=self._book()))


def follow(
    connection: Connection, tables: Tables, records: Sequence[Record], book: Rulebook
) -> None:
    """Write what `records` say, and the highest sequence among them, into `tables`.

    Raises `HandrailError`: `entry.unreadable`, `entry.early` when one before it has not come yet,
    and `rules.*` or `time.*` for what cannot be judged.
    """
    position = claim_position(connection, tables)
    for record in records:
        said = read(record)
        if isinstance(said, SetAside):
            _keep_quarantined(connection, tables, said)
        elif isinstance(said, TurnedDown):
            keep_refusal(connection, tables, said)
        elif said is not None:
            _take(connection, tables, said, book)
    reached = max(position, *(record.sequence for record in records))
    set_position(connection, tables, reached)


def _take(connection: Connection, tables: Tables, step: Step, book: Rulebook) -> None:
    before = _journey(connection, tables, step.child)
    taken = before.entries if before else 0
    if step.number <= taken:
        return
    if step.number > taken + 1:
        raise HandrailError(
            "entry.early",
            "an entry of a journey came before the one it follows",
            "wait: it is delivered again; if that does not help, run `handrail tracker rebuild`",
        )
    _keep_journey(connection, tables, step, known=before is not None)
    _keep_message(connection, tables, step)
    _keep_answer(connection, tables, step)
    _keep_withdrawn(connection, tables, step)
    _keep_proposals(connection, tables, step, before)
    _keep_custody(connection, tables, step, before.lead if before else None)
    keep_left(connection, tables, step)
    in_force = book.at(step.decided_at)
    keep_clocks(connection, tables, step, before, in_force)
    keep_telling(connection, tables, step, before, in_force)
    keep_facts(connection, tables, step, before)


def _journey(connection: Connection, tables: Tables, child: str) -> Journey | None:
    held = select(tables.journeys.c.journey).where(tables.journeys.c.child == child)
    compact = connection.scalar(held.with_for_update())
    return None if compact is None else load(compact)


def _keep_journey(connection: Connection, tables: Tables, step: Step, *, known: bool) -> None:
    after, table = step.journey, tables.journeys
    row: dict[str, Any] = {
        "level": after.level.value,
        "case_open": after.case_open,
        "lead": after.lead.practitioner if after.lead else None,
        "lead_agency": after.lead.agency if after.lead else None,
        "entries": step.number,
        "journey": step.compact,
        "updated_at": step.decided_at,
    }
    if known:
        connection.execute(update(table).where(table.c.child == step.child), row)
    else:
        connection.execute(insert(table), {"child": step.child, **row})


def _keep_message(connection: Connection, tables: Tables, step: Step) -> None:
    """Write the message, and every agency into whose inbox the same batch has put it."""
    event, data = step.event, step.event.data
    row: dict[str, Any] = {
        "child": step.child,
        "entry": step.number,
        "id": event.id,
        "kind": event.kind,
        "agency": event.agency,
        "author": data.author.id,
        "decided_at": step.decided_at,
        "stored_at": step.stored_at,
        "answers": data.answers,
        "basis": data.basis.kind,
        "recipients": [recipient.model_dump() for recipient in data.recipients],
        "replayed": step.replayed,
        "occurred_at": data.occurred_at,
        "codes": codes_of(data),
    }
    connection.execute(insert(tables.messages), row)
    for agency in step.to:
        told: dict[str, Any] = {
            "child": step.child,
            "entry": step.number,
            "agency": agency,
            "message": event.id,
            "delivered_at": step.stored_at,
        }
        connection.execute(insert(tables.told), told)


def _keep_answer(connection: Connection, tables: Tables, step: Step) -> None:
    """Write what became of the message answered, and that a person at this agency took it.

    A decision, and a person's yes or no to leading, acknowledge as well; the first one counts.
    """
    answers = step.event.data.answers
    if answers is None or step.answer is None:
        return
    messages, told = tables.messages, tables.told
    same = and_(messages.c.child == step.child, messages.c.id == answers)
    connection.execute(update(messages).where(same).values(outcome=step.answer))
    if step.event.kind == REDIRECTED.name:  # who passes a request on has not taken it
        return
    request = step.journey.request(answers)
    came_as = [answers, request.about] if request is not None and request.about else [answers]
    first = and_(
        told.c.child == step.child,
        told.c.message.in_(came_as),
        told.c.agency == step.event.agency,
        told.c.acknowledged_at.is_(None),
    )
    taken: dict[str, Any] = {
        "acknowledged_at": step.decided_at,
        "acknowledged_by": step.event.data.author.id,
    }
    connection.execute(update(told).where(first), taken)


def _keep_withdrawn(connection: Connection, tables: Tables, step: Step) -> None:
    """Write that a message was withdrawn; what became of one that was answered before stays."""
    if step.event.kind != WITHDRAWN.name:
        return
    gone = MessageWithdrawn.model_validate(step.event.data.content).message
    messages = tables.messages
    request = step.journey.request(gone)
    if request is None or request.outcome == WITHDRAWN_OUTCOME:
        same = and_(
            messages.c.child == step.child,
            messages.c.id == gone,
            messages.c.agency == step.event.agency,
        )
        outcome: dict[str, Any] = {"outcome": WITHDRAWN_OUTCOME}
        connection.execute(update(messages).where(same).values(**outcome))


def _keep_proposals(
    connection: Connection, tables: Tables, step: Step, before: Journey | None
) -> None:
    """Write of proposals that are open no more, and were not answered, that they are over."""
    gone = {p.id for p in before.proposals} if before else set[str]()
    gone -= {p.id for p in step.journey.proposals} | {step.event.data.answers or ""}
    if step.event.kind != WITHDRAWN.name and gone:
        messages = tables.messages
        over: dict[str, Any] = {"outcome": "superseded" if step.event.kind == PROPOSED else "ended"}
        theirs = and_(messages.c.child == step.child, messages.c.id.in_(sorted(gone)))
        connection.execute(update(messages).where(theirs).values(**over))


def _keep_custody(connection: Connection, tables: Tables, step: Step, was: Lead | None) -> None:
    """End the old lead's interval at the very instant at which the new one's begins."""
    lead, table = step.journey.lead, tables.custody
    if lead == was:
        return
    from_at = step.decided_at
    if was is not None:
        now = and_(table.c.child == step.child, table.c.to_at.is_(None))
        ended: dict[str, Any] = {"to_at": from_at, "until_message": step.event.id}
        connection.execute(update(table).where(now), ended)
    if lead is not None:
        count = select(func.count()).select_from(table).where(table.c.child == step.child)
        row: dict[str, Any] = {
            "child": step.child,
            "number": int(connection.scalar(count) or 0) + 1,
            "practitioner": lead.practitioner,
            "agency": lead.agency,
            "from_at": from_at,
            "by_message": step.event.id,
        }
        connection.execute(insert(table), row)


def _keep_quarantined(connection: Connection, tables: Tables, said: SetAside) -> None:
    record = said.record
    row: dict[str, Any] = {
        "lane": record.lane,
        "sequence": record.sequence,
        "agency": said.agency,
        "digest": record.digest,
        "reasons": [reason.model_dump() for reason in record.reasons],
        "at": record.at,
    }
    insert_new(connection, tables.quarantined, row)
