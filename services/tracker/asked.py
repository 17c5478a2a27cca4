"""What people and the tracker itself say about single clocks: explained, extended, paused, told.

A message that names a clock which is not there, or is another agency's, changes nothing.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, and_, update

from contracts.clock_facts import Asked
from contracts.clock_rules import extended, paused, resumed
from contracts.clocks import Clock, ClockState, explain, passed_on
from contracts.directory import Directory
from contracts.event import Event, Signer
from contracts.identifiers import agency_of
from contracts.messages.corrections import REDIRECTED, RequestRedirected
from contracts.messages.notices import MISSED, WARNED, StandardMissed, StandardWarned
from contracts.messages.standards import (
    EXPLAINED,
    EXTENDED,
    PAUSED,
    RESUMED,
    OneClock,
    StandardExplained,
    StandardExtended,
    StandardPaused,
)
from contracts.messages.tasks import HANDED_ON, WorkHandedOn
from contracts.roles import Capacity
from contracts.rules import ClockRule
from services.tracker.clock_rows import Kept, all_of, change, place
from services.tracker.entries import Step
from services.tracker.rulebook import Rulebook
from services.tracker.store import Tables

_CONTENT: Final[dict[str, type[OneClock]]] = {
    EXPLAINED.name: StandardExplained,
    EXTENDED.name: StandardExtended,
    PAUSED.name: StandardPaused,
    RESUMED.name: OneClock,
}


def keep_asked(connection: Connection, tables: Tables, step: Step, book: Rulebook) -> None:
    """Do to the clock that `step` names, if it names one, what it says."""
    event = step.event
    if step.replayed:
        return
    if event.data.author.capacity is Capacity.SERVICE:
        if event.kind in (MISSED.name, WARNED.name):
            _note(connection, tables, step)
        return
    form = _CONTENT.get(event.kind)
    if form is None:
        return
    said = form.model_validate(event.data.content)
    for kept in _named(connection, tables, step.child, said.clock, said.started_by):
        rule = book.rule_of(kept.clock)
        if rule is None or kept.clock.agency != event.agency:
            continue
        after = _after(rule, kept.clock, said, step, book)
        change(connection, tables, kept, after)


def keep_passed_on(connection: Connection, tables: Tables, step: Step) -> None:
    """Have what a redirected request, or work handed on, leaves open owed by who has it now.

    Who redirects child protection answers for it still (003 §2.2).
    """
    event, clocks = step.event, tables.clocks
    asked = step.journey.request(event.data.answers or "")
    if event.kind == REDIRECTED.name and not (asked and asked.protection):
        to = RequestRedirected.model_validate(event.data.content).to
        which = clocks.c.message == event.data.answers
        whom: tuple[str, str | None] = (to, None)
    elif event.kind == HANDED_ON.name:
        work = WorkHandedOn.model_validate(event.data.content)
        which = clocks.c.practitioner == work.from_practitioner
        whom = (event.agency, work.to_practitioner)
    else:
        return
    theirs = and_(clocks.c.child == step.child, clocks.c.agency == event.agency, which)
    for kept in all_of(connection, tables, and_(theirs, clocks.c.stopped_at.is_(None))):
        change(connection, tables, kept, passed_on(kept.clock, step.decided_at, *whom))


def _after(rule: ClockRule, clock: Clock, said: OneClock, step: Step, book: Rulebook) -> Clock:
    asked = Asked(
        message=step.event.id,
        signers=tuple(_signers(step.event, book.directory)),
        at=step.decided_at,
        because=said.because if isinstance(said, StandardExtended | StandardPaused) else "",
    )
    match said:
        case StandardExplained():
            return explain(clock, step.event.data.author.id, step.decided_at, said.cause)
        case StandardExtended():
            return extended(rule, clock, asked, said.until, book.calendars)
        case StandardPaused():
            return paused(rule, clock, asked)
        case _:
            return resumed(rule, clock, asked, book.calendars)


def _signers(event: Event, directory: Directory) -> Iterable[Signer]:
    """Yield who signed, once for every capacity that they hold at the sending agency.

    As the exchange judges authority: by the directory at sealing. The author's own line manager
    and that manager's deputy count as line managers.
    """
    over_author = directory.line_managers(event.data.author.id, event.time)
    for signer in event.signers:
        if agency_of(signer.id) != event.agency:
            continue
        person = directory.practitioner(signer.id, event.time)
        held = {signer.capacity, *(person.capacities if person else ())}
        if signer.id in over_author:
            held.add(Capacity.LINE_MANAGER)
        yield from (Signer(id=signer.id, capacity=one) for one in sorted(held))


def _note(connection: Connection, tables: Tables, step: Step) -> None:
    """Write of the clock that a notice names that it was told of.

    Only the notice whose id follows from the clock is the tracker's own.
    """
    form = StandardMissed if step.event.kind == MISSED.name else StandardWarned
    content = form.model_validate(step.event.data.content)
    for kept in _named(connection, tables, step.child, content.clock, content.started_by):
        said: dict[str, Any] = {}
        if step.event.id == kept.notice:
            said = {"missed_notice": step.event.id, "notice_entry": step.number, "untold": False}
            said |= _declared(kept)
        elif step.event.id == kept.warning:
            said = {"warned_notice": step.event.id, "warned_entry": step.number, "unwarned": False}
        if said:
            connection.execute(update(tables.clocks).where(place(tables, kept)).values(**said))


def _declared(kept: Kept) -> dict[str, Any]:
    """Return that a clock which still runs was missed, as the notice says."""
    runs = kept.clock.stopped_at is None and kept.clock.pause is None
    return {"state": ClockState.MISSED.value, "unwarned": False} if runs else {}


def _named(
    connection: Connection, tables: Tables, child: str, rule: str, message: str
) -> tuple[Kept, ...]:
    clocks = tables.clocks
    named = and_(clocks.c.child == child, clocks.c.message == message, clocks.c.rule == rule)
    return all_of(connection, tables, named)
