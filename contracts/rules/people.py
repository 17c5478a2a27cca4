"""Which agencies stand behind the people whom a rule names (003 §§1.1, 2.6-2.8, 3.2-3.4, 5.4).

Pure look-ups that the exchange, when a message arrives, and the tracker, when it lists who must be
told, both answer with. A family and a manager are people and no agencies: they have none here.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from contracts.directory import Directory
from contracts.event import Event
from contracts.journey import Journey, Request
from contracts.roles import Level, Role
from contracts.rules.packs import Person

ROLES: Final = {Person.CAF_TEAM: Role.CAF_TEAM, Person.FIRST_RESPONSE: Role.FIRST_RESPONSE}
"""People who are an agency of a role: any one agency of it will do."""

REFERRALS: Final = ("referral.submitted", "stepup.requested")
_ASSESSING: Final = ("assess", "section_47")
_CAF_CONTACT: Final = "caf.contact-made"
"""An answer within the process: it goes back to who referred too (003 §§1.2, 3.3)."""


def agencies_of(
    person: Person, journey: Journey | None, event: Event, directory: Directory, now: datetime
) -> frozenset[str]:
    """Return the agencies that `person` stands for in a message, but not the sender's own.

    `journey` is the child's before the message, `now` the instant of deciding. Agencies that take
    part no more are left out. Of a role it is those with a part in this journey or this message,
    and all of that role where none has one; telling any one of them will do (`ROLES`).
    """
    found = _OF.get(person, _of_role)(person, journey, event, directory)
    there = frozenset(a for a in found if a and directory.agency(a, now) is not None)
    return there - {event.agency}


def referrers(journey: Journey | None, answers: str | None, kind: str = "") -> Iterator[str]:
    """Yield the agency whose request a message of `kind` answers, and who referred before that.

    Who referred is meant where the CAF team has been in contact, and of a message that answers
    nothing who asked for the assessment, or referred last (003 §§1.1, 3.3).
    """
    if journey is None:
        return
    if answers:
        answered = journey.request(answers)
        if answered is not None:
            yield answered.agency
        if answered is None or kind != _CAF_CONTACT:
            return
        behind = referral_behind(journey, answered)
    else:
        behind = _behind_assessment(journey) or _latest_referral(journey)
    if behind is not None:
        yield behind.agency


def referral_behind(journey: Journey, request: Request) -> Request | None:
    """Return the referral or step up that led to `request`: the latest one before it, or None.

    A child in need has come far from the referral: what social care asks then is its own.
    """
    if journey.level in (Level.CHILD_IN_NEED, Level.CHILD_PROTECTION):
        return None
    earlier = journey.requests[: journey.requests.index(request)]
    return next((r for r in reversed(earlier) if r.kind in REFERRALS), None)


def _behind_assessment(journey: Journey) -> Request | None:
    if journey.assessment is not None:
        return journey.request(journey.assessment.request)
    return next((r for r in reversed(journey.requests) if r.outcome in _ASSESSING), None)


def _latest_referral(journey: Journey) -> Request | None:
    return next((r for r in reversed(journey.requests) if r.kind in REFERRALS), None)


def _referrer(
    _person: Person, journey: Journey | None, event: Event, _directory: Directory
) -> frozenset[str]:
    return frozenset(referrers(journey, event.data.answers, event.kind))


def _lead(
    _person: Person, journey: Journey | None, _event: Event, _directory: Directory
) -> frozenset[str]:
    return frozenset((journey.lead.agency,)) if journey and journey.lead else frozenset()


def _partners(
    _person: Person, journey: Journey | None, _event: Event, _directory: Directory
) -> frozenset[str]:
    return frozenset(journey.involved) if journey else frozenset()


def _invitees(
    _person: Person, journey: Journey | None, event: Event, _directory: Directory
) -> frozenset[str]:
    """Return who was invited to the meeting that the message names, else who is addressed."""
    ref = event.data.content.get("ref")
    meetings = journey.meetings if journey and ref else ()
    invited = frozenset(a for m in meetings if m.ref == ref for a in (*m.invited, m.by))
    return invited or frozenset(r.agency for r in event.data.recipients)


def _nobody(
    _person: Person, _journey: Journey | None, _event: Event, _directory: Directory
) -> frozenset[str]:
    return frozenset()


def _of_role(
    person: Person, journey: Journey | None, event: Event, directory: Directory
) -> frozenset[str]:
    role = ROLES[person]
    every = {agency.id for agency in directory.by_role(role)}
    if event.agency in every:
        return frozenset()
    addressed = {r.agency for r in event.data.recipients}
    near = every & (addressed | set(journey.involved if journey else ()))
    return frozenset(near or (agency.id for agency in directory.answering(role, event.time)))


_Find = Callable[[Person, Journey | None, Event, Directory], frozenset[str]]
_OF: Final[dict[Person, _Find]] = {
    Person.REFERRER: _referrer,
    Person.LEAD_PROFESSIONAL: _lead,
    Person.PARTNER_AGENCIES: _partners,
    Person.INVITEES: _invitees,
    Person.MANAGER: _nobody,
    Person.FAMILY: _nobody,
}
