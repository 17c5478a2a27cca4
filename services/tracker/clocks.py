"""What each message of a journey does to the clocks: start, stop, end, start anew.

What that is and when a clock runs out is the rules' to say (`contracts.clock_rules`); here it is
kept. Evidence may have come before what it is evidence of: whatever starts a clock looks for it
among the messages that are there already.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, or_, select

from contracts.clock_facts import MessageFacts, Party
from contracts.clock_rules import ended, start, starts, stopped
from contracts.clocks import Clock
from contracts.journey import Journey
from contracts.rules import ClockRule
from services.tracker.asked import keep_asked, keep_passed_on
from services.tracker.clock_rows import Kept, add, all_of, change
from services.tracker.entries import Step
from services.tracker.rulebook import Rulebook, codes_from, facts_of
from services.tracker.store import Tables

_WITHDRAWN: Final = "message.withdrawn"
_UNDONE: Final = frozenset(
    {"people.told", "people.not-told", "story.added", "lead.proposed", "meeting.convened"}
)
"""What stops a clock no longer once it is withdrawn: nothing of it is left to act on."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A message that may start a clock, and the entry at which it stands."""

    entry: int
    facts: MessageFacts


def keep_clocks(
    connection: Connection, tables: Tables, step: Step, before: Journey | None, book: Rulebook
) -> None:
    """Do to the clocks of the child what `step` does, after the journey `before`."""
    facts = facts_of(step, before, book.directory)
    here, over = _Beginning(step.number, facts), _over(before, step)
    for kept in _touchable(connection, tables, facts):
        rule = book.rule_of(kept.clock)
        if rule is None:
            continue
        after = stopped(rule, facts, kept.clock, book.calendars)
        if after.stopped_at is None and after.message in over:
            after = ended(rule, after, facts.message, facts.received_at, book.calendars)
        if after is kept.clock:
            continue
        change(connection, tables, kept, after)
        if rule.repeats and after.stopped_by == facts.message and not after.ended:
            _begin(connection, tables, rule, here, book, after)
    for rule in book.packs.clocks.values():
        if starts(rule, facts):
            _begin(connection, tables, rule, here, book)
    _reopen(connection, tables, step, book)
    keep_asked(connection, tables, step, book)
    keep_passed_on(connection, tables, step)


def _reopen(connection: Connection, tables: Tables, step: Step, book: Rulebook) -> None:
    """Have clocks run on that a withdrawn message had stopped, unless another one stops them."""
    gone = step.event.data.content.get("message")
    if step.event.kind != _WITHDRAWN or not isinstance(gone, str):
        return
    clocks = tables.clocks
    by_it = and_(clocks.c.child == step.child, clocks.c.stopped_by == gone)
    for kept in all_of(connection, tables, by_it):
        rule = book.rule_of(kept.clock)
        if rule is None or rule.repeats or not _was_undone(connection, tables, step, gone):
            continue
        clock = kept.clock.changed(
            stopped_at=None, stopped_arrived_at=None, stopped_by=None, ended=False
        )
        for evidence in _evidence(connection, tables, rule, clock):
            if evidence.entry > kept.entry or evidence.facts.answers == clock.message:
                clock = stopped(rule, evidence.facts, clock, book.calendars)
        change(connection, tables, kept, clock)


def _was_undone(connection: Connection, tables: Tables, step: Step, message: str) -> bool:
    """Tell whether the agency's own message was of a kind of which nothing is left."""
    messages = tables.messages
    found = select(messages.c.entry).where(
        messages.c.child == step.child,
        messages.c.id == message,
        messages.c.agency == step.event.agency,
        messages.c.kind.in_(_UNDONE),
    )
    return connection.scalar(found) is not None


def _touchable(connection: Connection, tables: Tables, facts: MessageFacts) -> tuple[Kept, ...]:
    """Return the clocks of the child that still run, or were stopped by later evidence."""
    clocks = tables.clocks
    later = or_(clocks.c.stopped_at.is_(None), clocks.c.stopped_at > facts.happened_at)
    return all_of(connection, tables, and_(clocks.c.child == facts.child, later))


def _over(before: Journey | None, step: Step) -> frozenset[str]:
    """Return the messages that nobody can or need answer any more.

    A case that closes without support takes its proposals with it, a family's no has no chaser
    (003 §3.3), and what was sent in error asks for nothing.
    """
    were = {proposal.id for proposal in before.proposals} if before else set[str]()
    gone = were - {proposal.id for proposal in step.journey.proposals}
    withdrawn = step.event.data.content.get("message")
    if step.event.kind == _WITHDRAWN and isinstance(withdrawn, str):
        gone |= {withdrawn}
    return frozenset(gone)


def _begin(
    connection: Connection,
    tables: Tables,
    rule: ClockRule,
    beginning: _Beginning,
    book: Rulebook,
    again: Clock | None = None,
) -> None:
    """Start a clock, stopped by what had come before it, and then the one that follows it."""
    clock = start(rule, beginning.facts, book.calendars, again)
    if clock is None:
        return
    following: _Beginning | None = None
    for earlier in _earlier(connection, tables, rule, clock):
        after = stopped(rule, earlier.facts, clock, book.calendars)
        if after is not clock:
            clock, following = after, earlier
    new = add(connection, tables, Kept(beginning.entry, clock))
    if new and following is not None and rule.repeats and not clock.ended:
        _begin(connection, tables, rule, following, book, clock)


def _earlier(
    connection: Connection, tables: Tables, rule: ClockRule, clock: Clock
) -> Iterator[_Beginning]:
    """Yield what arrived before the clock was started and may have stopped it.

    What was done about the child, without an answer, counts only for a start told of afterwards.
    """
    told_late = clock.started_at < clock.started_arrived_at
    for earlier in _evidence(connection, tables, rule, clock):
        if told_late or earlier.facts.answers == clock.message:
            yield earlier


def _evidence(
    connection: Connection, tables: Tables, rule: ClockRule, clock: Clock
) -> Iterator[_Beginning]:
    """Yield what has arrived about the child that may stop a clock of `rule`, and still counts."""
    messages = tables.messages
    kinds = {*rule.stops_on, *(ending.on for ending in rule.ends)}
    chosen = select(messages).where(messages.c.child == clock.child, messages.c.kind.in_(kinds))
    for row in connection.execute(chosen.order_by(messages.c.entry)).mappings().all():
        if row["outcome"] != "withdrawn" or row["kind"] not in _UNDONE:
            yield _Beginning(row["entry"], _facts_from(row))


def _facts_from(row: RowMapping) -> MessageFacts:
    """Return what a row says of an earlier message, as far as stopping a clock needs it."""
    codes = codes_from(row["codes"])
    of = codes.get("of")
    to: dict[str, Any] = (row["recipients"] or [{"agency": row["agency"]}])[0]
    return MessageFacts(
        message=row["id"],
        kind=row["kind"],
        child=row["child"],
        receiver=Party(agency=to["agency"], practitioner=to.get("practitioner")),
        sender=Party(
            agency=row["agency"],
            practitioner=None if row["author"] == row["agency"] else row["author"],
        ),
        received_at=row["decided_at"],
        occurred_at=row["occurred_at"],
        codes=codes,
        answers=row["answers"] or (of if isinstance(of, str) else None),
        replayed=row["replayed"],
    )
