"""The judgement of what a return says: which referrals can become messages, and what followed.

Every function is pure and looks at one child; nothing but the file itself is held against it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from contracts.cin.census import Child, Event, EventKind, Referral
from contracts.cin.faults import Effect, Fault
from contracts.codes import ClosureReason, Disability, NumberFlaw, upn_flaw

LONGEST_PREGNANCY: Final = timedelta(days=280)
"""How long before birth a child may be referred (rule 8606: 40 weeks)."""

_MAX_ID_LENGTH: Final = 20

_SAME_DAY: Final = (EventKind.CONFERENCE, EventKind.DEATH, EventKind.CLOSURE)
"""Order of events of one day: a case closes last, and nothing is decided about a dead child."""


def referral_faults(child: Child, referral: Referral) -> tuple[Fault, ...]:
    """Return what makes a referral unusable as a message; nothing where it can be sent."""
    return _distinct(Effect.REFUSES, _everything(child, referral))


def event_faults(child: Child, referral: Referral) -> tuple[Fault, ...]:
    """Return what keeps a later event of the referral from being sent; the code names the event."""
    return _distinct(Effect.KEEPS_BACK, _everything(child, referral))


def warnings(child: Child, referral: Referral) -> tuple[Fault, ...]:
    """Return what somebody should put right in the record although all of it can be sent."""
    return _distinct(Effect.WARNS, _everything(child, referral))


def events(child: Child, referral: Referral) -> tuple[Event, ...]:
    """Return what followed a referral and can be sent, in time order.

    A referral that cannot be sent has no events. A death follows only the latest of the child's
    referrals that can be sent, so that it is told once.
    """
    if referral_faults(child, referral):
        return ()
    found = [
        Event(EventKind.CONFERENCE, day)
        for day in referral.conference_dates
        if not any(_of_conference(child, referral, day))
    ]
    if referral.closure_date and referral.closure_reason and not any(_of_closure(child, referral)):
        found.append(Event(EventKind.CLOSURE, referral.closure_date, referral.closure_reason))
    if child.death_date and not any(_of_death(child)) and _is_last_sent(child, referral):
        found.append(Event(EventKind.DEATH, child.death_date))
    return tuple(sorted(found, key=lambda event: (event.date, _SAME_DAY.index(event.kind))))


def _distinct(effect: Effect, faults: Iterator[Fault]) -> tuple[Fault, ...]:
    """Keep the faults of one effect, each once, in the order in which they were found."""
    return tuple(dict.fromkeys(fault for fault in faults if fault.effect is effect))


def _everything(child: Child, referral: Referral) -> Iterator[Fault]:
    """Find every fault that bears on one referral, of whatever effect."""
    yield from _of_referral(child, referral)
    if _repeats(child, referral):
        yield Fault.REFERRAL_REPEATED
    elif _overlaps(child, referral):
        yield Fault.REFERRAL_OVERLAPS
    yield from _of_closure(child, referral)
    for day in referral.conference_dates:
        yield from _of_conference(child, referral, day)
    yield from _of_death(child)
    yield from _doubtful(child)
    yield from _inconsistent(child, referral)


def _of_referral(child: Child, referral: Referral) -> Iterator[Fault]:
    """Find what is wrong with a referral beside its child, other referrals left aside."""
    if not child.la_child_id:
        yield Fault.CHILD_ID_MISSING
    yield from child.faults
    yield from referral.faults
    day = referral.referral_date
    if day is None:
        return
    if _after(day, child.reference_date):
        yield Fault.REFERRAL_AFTER_REFERENCE_DATE
    # Dates are subtracted and never shifted: a date of the year 1 would run out of range.
    if any(
        birth is not None and birth - day > LONGEST_PREGNANCY
        for birth in (child.birth_date, child.expected_birth_date)
    ):
        yield Fault.REFERRAL_BEFORE_PREGNANCY
    if _after(day, child.death_date):
        yield Fault.REFERRAL_AFTER_DEATH
    if _after(day, referral.closure_date):
        yield Fault.CLOSED_BEFORE_REFERRAL


def _repeats(child: Child, referral: Referral) -> bool:
    """Tell whether an earlier, usable record of the child has the same referral date."""
    return referral.referral_date is not None and any(
        other.referral_date == referral.referral_date and _sound(child, other)
        for other in child.referrals
        if other.position < referral.position
    )


def _sound(child: Child, referral: Referral) -> bool:
    """Tell whether a referral could be sent if it were the child's only one."""
    return all(fault.effect is not Effect.REFUSES for fault in _of_referral(child, referral))


def _overlaps(child: Child, referral: Referral) -> bool:
    """Tell whether a referral falls within another episode of the child (rule 8820).

    An episode ends on its closure; one without a closure that had further action is still open.
    """
    return referral.referral_date is not None and any(
        other.referral_date is not None
        and other.referral_date <= referral.referral_date
        and (
            _after(other.closure_date, referral.referral_date)
            if other.closure_date
            else other.no_further_action is False
        )
        for other in child.referrals
        if other.position != referral.position
    )


def _of_closure(child: Child, referral: Referral) -> Iterator[Fault]:
    """Find what keeps a closure from being sent, unreadable parts left aside."""
    if referral.closure_date is None:
        if referral.closure_reason and Fault.CLOSURE_DATE_UNREADABLE not in referral.faults:
            yield Fault.CLOSURE_DATE_MISSING
        return
    if referral.closure_reason is None and Fault.CLOSURE_REASON_UNKNOWN not in referral.faults:
        yield Fault.CLOSURE_REASON_MISSING
    if _after(referral.closure_date, child.reference_date):
        yield Fault.CLOSURE_AFTER_REFERENCE_DATE


def _of_conference(child: Child, referral: Referral, day: date) -> Iterator[Fault]:
    """Find what keeps the initial child protection conference of that day from being sent."""
    if _after(referral.referral_date, day):
        yield Fault.CONFERENCE_BEFORE_REFERRAL
    if _after(day, referral.closure_date):
        yield Fault.CONFERENCE_AFTER_CLOSURE
    if _after(day, child.death_date):
        yield Fault.CONFERENCE_AFTER_DEATH
    if _after(day, child.reference_date):
        yield Fault.CONFERENCE_AFTER_REFERENCE_DATE


def _of_death(child: Child) -> Iterator[Fault]:
    """Find what keeps a death from being sent, an unreadable date left aside."""
    if _after(child.birth_date, child.death_date):
        yield Fault.DEATH_BEFORE_BIRTH
    if _after(child.death_date, child.reference_date):
        yield Fault.DEATH_AFTER_REFERENCE_DATE


def _doubtful(child: Child) -> Iterator[Fault]:
    """Find what is doubtful about a child without keeping a message from being sent."""
    identifier = child.la_child_id
    if identifier and not (
        identifier.isascii() and identifier.isalnum() and len(identifier) <= _MAX_ID_LENGTH
    ):
        yield Fault.CHILD_ID_FORM
    if child.upn is not None and (flaw := upn_flaw(child.upn)):
        yield Fault.UPN_CHECK_LETTER if flaw is NumberFlaw.CHECK else Fault.UPN_FORM
    born = child.birth_date or child.expected_birth_date
    if born is None and Fault.BIRTH_DATE_UNREADABLE not in child.faults:
        yield Fault.BIRTH_DATE_MISSING
    if _after(child.birth_date, child.reference_date):
        yield Fault.BIRTH_AFTER_REFERENCE_DATE
    if Disability.NONE in child.disabilities and len(child.disabilities) > 1:
        yield Fault.DISABILITY_CONTRADICTORY


def _inconsistent(child: Child, referral: Referral) -> Iterator[Fault]:
    """Find parts of a referral that do not go together, without saying which is wrong."""
    unread = Fault.NEED_UNKNOWN in referral.faults
    if referral.need is None and referral.no_further_action is False and not unread:
        yield Fault.NEED_MISSING
    if referral.no_further_action and referral.conference_dates:
        yield Fault.NFA_WITH_CONFERENCE
    if referral.closure_reason is ClosureReason.DIED and child.death_date is None:
        yield Fault.DIED_WITHOUT_DATE


def _is_last_sent(child: Child, referral: Referral) -> bool:
    """Tell whether no later referral of the child can be sent; the file's order settles a tie."""
    return not any(
        _after(other.referral_date, referral.referral_date) and _sound(child, other)
        for other in child.referrals
    )


def _after(day: date | None, limit: date | None) -> bool:
    """Tell whether both dates are known and `day` is later than `limit`."""
    return day is not None and limit is not None and day > limit
