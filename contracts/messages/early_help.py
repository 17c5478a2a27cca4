"""Entering early help: whoever leads there, on what agreement, and how long after a plan.

003 §§3.3, 4.1, 5.1-5.3. What is asked holds for every message that leads there: a lead's
acceptance, a CAF that starts, a closing with support, a case that was open before.
"""

from collections.abc import Iterator

from contracts.consents import Answered, Consent, ConsentHeld, Covers, GivenBy, takes_back
from contracts.journey import Journey
from contracts.kinds import Situation, iso
from contracts.messages.standing import CARE
from contracts.reasons import Refusal
from contracts.roles import Level


def begins_with_lead(journey: Journey) -> bool:
    """Tell whether a Team Around the Child begins when somebody accepts to lead now (003 §3.4).

    Where a case is open, it begins with the closing that lets support continue.
    """
    return journey.level is Level.UNIVERSAL and not journey.case_open


_LEADS_THERE = {
    "caf.contact-made": ("outcome", "caf_started"),
    "case.closed": ("support", "continues"),
    "case.opened-before": ("level", Level.EARLY_HELP.value),
}
"""By the kind of message, the field and the code by which it leads to early help."""


def enters_early_help(s: Situation) -> bool:
    """Tell whether a message leads to early help from another level, or its kind always does.

    A new lead in a team that is there already, and a closing beside it, change no level.
    """
    field, code = _LEADS_THERE.get(s.message.kind.name, ("", None))
    journey = s.journey
    if s.event.data.content.get(field) != code:
        return False
    if journey is None:
        return True
    if s.message.kind.name == "lead.accepted":
        return begins_with_lead(journey)
    return journey.level is not Level.EARLY_HELP


def months_run_from(s: Situation) -> str:
    """Return the instant from which the time after a protection plan counts, or an empty text.

    The later of the plan's end and the start at child in need, of an open case, of one that was
    closed since, or of one that this message declares (003 §5.1; domain, trap 8).
    """
    content, journey = s.message.content, s.journey
    declared = [getattr(content, name, None) for name in _PLAN_AND_NEED]
    counted = _later(*(iso(day) if day else "" for day in declared))
    if journey is None:
        return counted
    open_case = _later(journey.protection_plan_ended, journey.child_in_need_since)
    return max(counted, open_case or journey.earlier_plan_ended)


_PLAN_AND_NEED = ("protection_plan_ended", "child_in_need_since")


def _later(ended: str, in_need_since: str) -> str:
    return max(ended, in_need_since) if ended else ""


def in_force(held: ConsentHeld, s: Situation) -> bool:
    """Tell whether a consent was given, has begun and was neither withdrawn nor has expired.

    What somebody said who can neither agree nor refuse for the child is no consent.
    """
    consent = held.consent
    given = consent.decision is Answered.GIVEN and consent.given_by is not GivenBy.OTHER
    begun = given and held.withdrawn_at is None and consent.given_at <= s.now
    return begun and (consent.expires_at is None or s.now < consent.expires_at)


def agreed_to_support(s: Situation) -> bool:
    """Tell whether any consent of the family to the support itself is in force (003 §3.3).

    One is not whose every recipient the family took back under another reference since.
    """
    return any(
        held.consent.covers is Covers.SERVICE
        and in_force(held, s)
        and not any(
            takes_back(gone, held.consent) and _names_all(s, gone.consent, held.consent)
            for gone in s.consents
        )
        for held in s.consents
    )


def _names_all(s: Situation, gone: Consent, consent: Consent) -> bool:
    agencies = (a for a in consent.recipients if s.role_of(a) not in gone.roles)
    return set(agencies) <= set(gone.recipients) and set(consent.roles) <= set(gone.roles)


def led_outside_care(s: Situation) -> bool:
    """Tell whether a lead professional outside social care has accepted."""
    lead = s.journey.lead if s.journey else None
    role = s.role_of(lead.agency) if lead else None
    return role is not None and role not in CARE


def nothing_is_open(s: Situation) -> Iterator[Refusal]:
    """Refuse a step down over an assessment or a child protection concern not decided yet.

    What they find may be that the child is in need of more (003 §§2.2, 2.7, 4.1).
    """
    if s.journey is None:
        return
    if s.journey.assessment is not None:
        yield Refusal("stepdown.assessment-open")
    if any(r.protection and not r.outcome for r in s.journey.requests):
        yield Refusal("stepdown.protection-open")
