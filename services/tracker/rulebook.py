"""By what the tracker judges: rule packs, working calendar and directory, as they stand now."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from contracts.clocks import MessageFacts
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from contracts.messages import KINDS, lead, referral, stepdown, stepup
from contracts.roles import Role
from contracts.rules import RulePacks, combine, shipped, shipped_packs
from contracts.worktime import WorkingCalendar
from services.runtime.settings import Settings
from services.tracker.entries import Step

_ANSWERED_BY: Final = {
    referral.SUBMITTED.name: Role.FIRST_RESPONSE,
    stepup.REQUESTED.name: Role.FIRST_RESPONSE,
    stepdown.REQUESTED.name: Role.CAF_TEAM,
}
"""The role of the agency that owes the answer (003 §§2.4, 4.1); others only get to know."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules in force: combined packs, the working calendar, and who is who."""

    packs: RulePacks
    calendar: WorkingCalendar
    directory: Directory


@dataclass(frozen=True, slots=True)
class Addressed:
    """Who owes an answer: the agency, and the person there whom the message names, if any."""

    agency: str
    practitioner: str | None


def rulebook(directory: Directory, calendar: WorkingCalendar) -> Rulebook:
    """Return the rules that `directory` puts in force.

    Raises `HandrailError` `rules.unknown-pack` when it names a pack that is not here, or one in
    another version, and `rules.pack-twice`.
    """
    return Rulebook(packs_named(directory.document.rule_packs), calendar, directory)


@lru_cache(maxsize=8)
def packs_named(names: tuple[str, ...]) -> RulePacks:
    """Return the packs called `id` or `id@version`, combined; all shipped ones for no name.

    Raises as `rulebook`.
    """
    if not names:
        return shipped_packs()
    chosen = []
    for name in names:
        identity, _, version = name.partition("@")
        pack = shipped(identity)
        if version and pack.version != version:
            raise HandrailError(
                "rules.unknown-pack",
                f"the directory puts a rule pack in force in another version than {pack.name}",
                "install the release of Handrail that ships that version, or sign a new directory",
            )
        chosen.append(pack)
    return combine(chosen)


def calendar_of(settings: Settings) -> WorkingCalendar:
    """Return England's working calendar with the operator's own closing days and closing time."""
    return WorkingCalendar(
        closing_time=settings.closing_time, extra_closing_days=frozenset(settings.closing_days)
    )


def addressed(step: Step, directory: Directory) -> Addressed:
    """Return who owes the answer to a message.

    Of a lead proposal it is the person proposed; of a request the first recipient of the role that
    answers it; otherwise the first recipient, and the sender where there is none (First Response
    writing down what a caller said).
    """
    event = step.event
    if event.kind == lead.PROPOSED.name:
        proposed = lead.LeadProposed.model_validate(event.data.content).practitioner
        return Addressed(agency_of(proposed), proposed)
    recipients = event.data.recipients
    role = _ANSWERED_BY.get(event.kind)
    fitting = [r for r in recipients if role is None or _role(directory, r.agency) is role]
    for recipient in (*fitting, *recipients):
        return Addressed(recipient.agency, recipient.practitioner)
    return Addressed(event.agency, None)


def facts_of(step: Step, addressee: Addressed) -> MessageFacts:
    """Return what clocks need to know of a message that was accepted."""
    event = step.event
    concern, outcome = (event.data.content.get(name) for name in ("concern", "outcome"))
    return MessageFacts(
        message=event.id,
        kind=event.kind,
        child=event.subject,
        agency=addressee.agency,
        received_at=step.decided_at,
        concern=concern if isinstance(concern, str) else None,
        outcome=outcome if isinstance(outcome, str) else None,
        answers=event.data.answers,
        sender=event.agency,
        replayed=step.replayed,
    )


def title_of(kind: str) -> str:
    """Return what a kind of message is called; its name where this version does not know it."""
    return KINDS[kind].title if kind in KINDS else kind


def _role(directory: Directory, agency: str) -> Role | None:
    found = directory.agencies.get(agency)
    return found.role if found else None
