"""By what the tracker judges: rule packs, calendars and directory, as they stood at an instant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from contracts.calendars import Calendars
from contracts.clock_facts import MessageFacts, Party
from contracts.clocks import Clock
from contracts.consents import Answered
from contracts.directory import Directory
from contracts.event import Data
from contracts.identifiers import agency_of
from contracts.journey import Journey
from contracts.messages import KINDS, lead, referral, stepdown, stepup
from contracts.questions import questions
from contracts.roles import Role
from contracts.rules import ClockRule, RulePacks
from contracts.rules.in_force import in_force
from contracts.rules.packs import CONSENT_REVIEW
from contracts.worktime import WorkingCalendar
from services.runtime.settings import Settings
from services.tracker.entries import Step

_ANSWERED_BY: Final = {
    referral.SUBMITTED.name: Role.FIRST_RESPONSE,
    stepup.REQUESTED.name: Role.FIRST_RESPONSE,
    stepdown.REQUESTED.name: Role.CAF_TEAM,
    "caf.information-sent": Role.CAF_TEAM,
}
"""The role of the agency that owes the answer (003 §§1.2, 2.4, 4.1); others only get to know."""

Codes = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules in force at an instant: combined packs, calendars, and who is who.

    `calendar` is the common one; `calendars` know each agency's own beside it.
    """

    packs: RulePacks
    calendar: WorkingCalendar
    directory: Directory
    calendars: Calendars

    def at(self, instant: datetime) -> "Rulebook":
        """Return the book as it was in force at `instant`: a later pack rewrites no history."""
        packs = in_force(self.directory, instant)
        return self if packs is self.packs else replace(self, packs=packs)

    def names_within(self, begins: datetime, ends: datetime) -> tuple[str, ...]:
        """Return the packs in force at any time from `begins` until before `ends` (aware)."""
        changes = (one.since for one in self.directory.document.rule_changes)
        instants = (begins, *sorted(at for at in changes if begins < at < ends))
        names = (name for at in instants for name in in_force(self.directory, at).names)
        return tuple(dict.fromkeys(names))

    def rule_of(self, clock: Clock) -> ClockRule | None:
        """Return the rule by which `clock` was started, None if the directory has it no more."""
        return in_force(self.directory, clock.started_arrived_at).clocks.get(clock.rule)


def rulebook(
    directory: Directory, calendar: WorkingCalendar, at: datetime | None = None
) -> Rulebook:
    """Return the rules that `directory` puts in force at `at`, or when it was issued.

    Raises `HandrailError` `rules.*` when it names a pack that is not here, in another version or
    twice, or one of its own that cannot be used.
    """
    packs = in_force(directory, at or directory.document.issued_at)
    return Rulebook(packs, calendar, directory, Calendars(calendar, directory.agencies))


def calendar_of(settings: Settings) -> WorkingCalendar:
    """Return England's working calendar with the operator's own closing days and closing time."""
    return WorkingCalendar(
        closing_time=settings.closing_time, extra_closing_days=frozenset(settings.closing_days)
    )


def addressed(step: Step, directory: Directory) -> Party:
    """Return who owes the answer to a message.

    Of a lead proposal it is the person proposed, of a task the person it is set to; of a request
    the first recipient of the role that answers it; otherwise the first recipient, and the sender
    where there is none (First Response writing down what a caller said).
    """
    event = step.event
    if event.kind == lead.PROPOSED.name:
        proposed = lead.LeadProposed.model_validate(event.data.content).practitioner
        return Party(agency=agency_of(proposed), practitioner=proposed)
    recipients = event.data.recipients
    role = _ANSWERED_BY.get(event.kind)
    named = event.data.content.get("practitioner")
    fitting = [r for r in recipients if role is None or _role(directory, r.agency) is role]
    for recipient in (*fitting, *recipients):
        who = recipient.practitioner
        if who is None and isinstance(named, str) and agency_of(named) == recipient.agency:
            who = named
        return Party(agency=recipient.agency, practitioner=who)
    return _sender(event.agency, event.data.author.id)


def facts_of(step: Step, before: Journey | None, directory: Directory) -> MessageFacts:
    """Return what clocks need to know of a message that was accepted after `before`."""
    event = step.event
    leads = step.journey.lead or (before.lead if before else None)
    return MessageFacts(
        message=event.id,
        kind=event.kind,
        child=event.subject,
        receiver=addressed(step, directory),
        sender=_sender(event.agency, event.data.author.id),
        lead=Party(agency=leads.agency, practitioner=leads.practitioner) if leads else None,
        holders=_holders(step.journey),
        received_at=step.decided_at,
        occurred_at=event.data.occurred_at,
        codes={**codes_of(event.data), **_review(step, before)},
        answers=answers_of(event.data),
        level=step.journey.level,
        answered=_answered_on(step.journey),
        replayed=step.replayed,
    )


def _holders(journey: Journey) -> tuple[str, ...]:
    assesses = journey.assessment.by if journey.assessment else ""
    return tuple(dict.fromkeys(filter(None, (assesses, journey.case_holder))))


def answers_of(data: Data) -> str | None:
    """Return the message that one answers; evidence of telling answers what it tells `of`."""
    of = data.content.get("of")
    return data.answers or (of if isinstance(of, str) else None)


def _answered_on(journey: Journey) -> dict[str, str]:
    """Return the day on which each question has been answered last, by its key."""
    keys = _keys()
    return {keys[n]: day for n, (day, _) in journey.answered.items() if n in keys}


@cache
def _keys() -> dict[str, str]:
    """Return the keys of the questions by their number, as a journey writes it."""
    return {str(question.number): question.key for question in questions().values()}


def codes_of(data: Data) -> Codes:
    """Return the codes, references and instants of a message's content, and its basis."""
    found: dict[str, str | tuple[str, ...]] = {"basis": data.basis.kind}
    for name, value in data.content.items():
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, int) and not isinstance(value, bool):
            found[name] = str(value)
        elif isinstance(value, list):
            found[name] = tuple(one for one in value if isinstance(one, str))
    return found


def _review(step: Step, before: Journey | None) -> Codes:
    """Return when the first of the consents that are new with a message is to be reviewed.

    One that is carried again is timed already; a review that lies in the past reminds nobody.
    """
    known = {held.consent.id for held in before.consents} if before else set[str]()
    ahead = [
        consent.review_at
        for consent in step.event.data.consents
        if consent.id not in known
        and consent.decision is Answered.GIVEN
        and consent.review_at is not None
        and consent.review_at > step.decided_at
    ]
    return {CONSENT_REVIEW: min(ahead).isoformat()} if ahead else {}


def title_of(kind: str) -> str:
    """Return what a kind of message is called; its name where this version does not know it."""
    return KINDS[kind].title if kind in KINDS else kind


def _sender(agency: str, author: str) -> Party:
    """Return the sender; a service has nobody who could owe anything."""
    return Party(agency=agency, practitioner=None if author == agency else author)


def _role(directory: Directory, agency: str) -> Role | None:
    found = directory.agencies.get(agency)
    return found.role if found else None


def codes_from(held: dict[str, Any]) -> Codes:
    """Return codes as a row holds them."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in held.items()}
