"""The checks that rule packs ask for by name: a closed list, and judging a message by the packs.

A check knows how to look; which message it is asked of, with what codes and lengths, why, and as
what it refuses stands in a pack. What follows from the form of a journey (an answer answers a
request, a level follows a level) is no rule of a pack and stays with the kinds.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.consents import Consent, ConsentHeld, Covers, GivenBy, overcomes, stands, unsays
from contracts.identifiers import agency_of
from contracts.kinds import Situation
from contracts.messages import KINDS
from contracts.messages.early_help import (
    enters_early_help,
    in_force,
    led_outside_care,
    months_run_from,
)
from contracts.messages.guards import answered_request
from contracts.messages.standing import CHOSEN, has_declined
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.rules.combined import RulePacks
from contracts.rules.packs import BASIS, GuardRule, PartsRule, TellRule, matches
from contracts.rules.people import ROLES, agencies_of
from contracts.worktime import WorkingCalendar

_CALENDAR: Final = WorkingCalendar()
_NO: Final = frozenset({"not_met", "not_accepted"})
_AGENCY_CHECK: Final = "agency-check.requested"

GIVEN: Final = "{given}"
"""Where a check's sentence names the codes or the length that a rule gives it."""

Judging = Callable[[Situation, GuardRule], Iterator[Refusal]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it `asks` in a sentence, how it judges, and what a guard must give it.

    `codes` are those that a guard may give, of which it must give one; None where it takes none.
    `fields`: its codes are fields of the content. `timed`: it takes a length.
    """

    asks: str
    judging: Judging
    codes: Collection[str] | None = None
    fields: bool = False
    timed: bool = False

    def __call__(self, s: Situation, rule: GuardRule) -> Iterator[Refusal]:
        """Yield why the message fails the check."""
        return self.judging(s, rule)

    def mistakes(self, rule: GuardRule) -> Iterator[str]:
        """Yield what is wrong with a guard that asks for this check."""
        if self.timed != (rule.length is not None):
            yield "this check needs a length" if self.timed else "this check takes no length"
        if (self.codes is not None or self.fields) != bool(rule.codes):
            yield "this check takes no codes" if rule.codes else "this check needs codes"
        elif self.codes is not None:
            if unknown := [c for c in rule.codes if c not in self.codes]:
                yield "no such code for this check: " + ", ".join(unknown)
        elif self.fields:
            yield from _no_such_fields(rule)


def _no_such_fields(rule: GuardRule) -> Iterator[str]:
    for kind in (KINDS[k] for k in rule.applies_to if k in KINDS):
        said = {name for name, f in kind.content.model_fields.items() if f.annotation is bool}
        if unknown := [code for code in rule.codes if code not in said]:
            yield f"{kind.name} states no such thing: " + ", ".join(unknown)


def judge(s: Situation, packs: RulePacks) -> Iterator[Refusal]:
    """Yield why the rules of `packs` refuse the message: missing parts, people, failed checks.

    A part is not asked of history: it happened before, and its papers lie elsewhere.
    """
    rules = packs.for_kind(s.message.kind.name)
    content = {**s.event.data.content, BASIS: s.event.data.basis.kind}
    if s.event.data.history is None:
        for parts in rules.parts:
            if matches(parts.when, content):
                yield from _missing_parts(s, parts)
    for tell in rules.tells:
        if matches(tell.when, content):
            yield from _left_out(s, tell)
    for guard in rules.guards:
        if matches(guard.when, content):
            yield from CHECKS[guard.check](s, guard)


def _missing_parts(s: Situation, rule: PartsRule) -> Iterator[Refusal]:
    missing = [q for q in rule.questions if q not in s.message.questions]
    if rule.any_one:
        missing = missing[:1] if len(missing) == len(rule.questions) else []
    for question in missing:
        yield Refusal(rule.refuses, question)


def _left_out(s: Situation, rule: TellRule) -> Iterator[Refusal]:
    """Refuse when somebody who must be told by the message itself is no recipient of it."""
    for person in rule.people:
        agencies = agencies_of(person, s.journey, s.event, s.directory, s.now)
        if person in ROLES:
            if agencies and agencies.isdisjoint(s.recipients):
                yield Refusal("recipient.missing", ROLES[person].value)
            continue
        for agency in sorted(agencies - s.recipients):
            yield Refusal("recipient.missing", agency)


def _never(_s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    yield Refusal(rule.refuses)


def _states(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    if not all(getattr(s.message.content, field) for field in rule.codes):
        yield Refusal(rule.refuses)


def _discussed(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    discussed = getattr(s.message.content, "discussed", None)
    managers = s.directory.line_managers(s.event.data.author.id, s.event.time)
    if discussed is None or discussed.line_manager not in managers:
        yield Refusal(rule.refuses, "content.discussed")


def _time_at_child_in_need(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    """Count from the later of the plan's end and the start at child in need (domain, trap 8)."""
    since = months_run_from(s)
    if not since or _says_no(s) or not enters_early_help(s):
        return
    if rule.length is None or rule.unit is None:
        return
    if s.now < _CALENDAR.add(datetime.fromisoformat(since), rule.length, rule.unit):
        yield Refusal(rule.refuses)


def _family_wishes(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    if enters_early_help(s) and (s.journey is None or s.journey.support != CHOSEN):
        yield Refusal("family.declined" if has_declined(s) else rule.refuses)


def _family_consulted(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    """Ask for the family's word after a protection plan; else its two consents are its word."""
    if months_run_from(s) and s.journey is not None and not s.journey.support:
        yield Refusal(rule.refuses)


def _says_no(s: Situation) -> bool:
    """Tell whether the message declines what was asked, which needs no more than its reason."""
    return s.event.data.content.get("outcome") in _NO


def _consent_to(covers: Covers) -> Judging:
    def judging(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
        if _says_no(s) or not enters_early_help(s):
            return
        if not any(_agreed(s, covers, rule)):
            yield Refusal(rule.refuses)

    return judging


def _agreed(s: Situation, covers: Covers, rule: GuardRule) -> Iterator[Consent]:
    """Yield the consents to the support, or to sharing, in force that name who the rule names."""
    for held in s.consents:
        of_it = held.consent.covers is covers and in_force(held, s)
        no = _refused(s, held, rule) or _taken_back(s, held, rule)
        if of_it and _names(s, held, rule) and not no:
            yield held.consent


def _gained_by_who_asks(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    """Refuse a step down on consents that others took, or a carer gave (003 §4.3).

    One that is not there at all is refused for that.
    """
    request = answered_request(s)
    asks = s.event.agency if request is None else request.agency
    for covers in Covers:
        agreed = [] if _says_no(s) else list(_agreed(s, covers, rule))
        if agreed and not any(
            agency_of(c.taken_by) == asks and c.given_by is not GivenBy.CARER for c in agreed
        ):
            yield Refusal(rule.refuses, covers.value)


def _refused(s: Situation, held: ConsentHeld, rule: GuardRule) -> bool:
    """Tell whether a refusal of the same kind stands against a consent; naming none, of all."""
    return any(
        refusal.consent.covers is held.consent.covers
        and stands(refusal, s.now)
        and not overcomes(held.consent, refusal.consent)
        and (not (refusal.consent.recipients or refusal.consent.roles) or _names(s, refusal, rule))
        for refusal in s.consents
    )


def _taken_back(s: Situation, held: ConsentHeld, rule: GuardRule) -> bool:
    """Tell whether the same person took the same back since, for whom the rule names."""
    return any(unsays(gone, held.consent) and _names(s, gone, rule) for gone in s.consents)


def _names(s: Situation, held: ConsentHeld, rule: GuardRule) -> bool:
    """Tell whether a consent names those it is for: an empty scope covers nothing."""
    consent: Consent = held.consent
    roles = {Role(code) for code in rule.codes}
    meant = {a for a in s.recipients | {s.event.agency} if s.role_of(a) in roles}
    return not roles.isdisjoint(consent.roles) or not meant.isdisjoint(consent.recipients)


def _lead_outside_care(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    if not led_outside_care(s):
        yield Refusal(rule.refuses)


def _countersigned(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    if not any(
        signer.capacity.value in rule.codes and agency_of(signer.id) == s.event.agency
        for signer in s.event.data.countersigners
    ):
        yield Refusal(rule.refuses, rule.codes[0])


def _agency_checks(s: Situation, rule: GuardRule) -> Iterator[Refusal]:
    """Ask for checks made since the request behind the assessment; older ones are of another."""
    journey = s.journey
    requests = journey.requests if journey else ()
    begun = journey.request(journey.assessment.request) if journey and journey.assessment else None
    since = begun.at if begun else ""
    checks = [r for r in requests if r.kind == _AGENCY_CHECK and r.at >= since]
    if not checks or any(not r.outcome for r in checks):
        yield Refusal(rule.refuses)


_ROLES: Final = frozenset(role.value for role in Role)
_CAPACITIES: Final = frozenset(capacity.value for capacity in Capacity)

CHECKS: Final[dict[str, Check]] = {
    "never": Check("it is never allowed", _never),
    "states": Check(f"the message states: {GIVEN}", _states, fields=True),
    "discussed_with_line_manager": Check(
        "the author discussed it first with the author's own line manager or that person's deputy",
        _discussed,
    ),
    "time_at_child_in_need": Check(
        f"{GIVEN} have passed at child in need since the end of a child protection plan",
        _time_at_child_in_need,
        timed=True,
    ),
    "consent_to_service": Check(
        f"a consent of the family to the support, naming the {GIVEN}, is in force",
        _consent_to(Covers.SERVICE),
        codes=_ROLES,
    ),
    "consent_to_sharing": Check(
        f"a consent of the family to sharing information with the {GIVEN} is in force",
        _consent_to(Covers.SHARING),
        codes=_ROLES,
    ),
    "consents_gained_by_sender": Check(
        f"its consents naming the {GIVEN} were taken by the agency that asks, from a parent or the"
        " young person",
        _gained_by_who_asks,
        codes=_ROLES,
    ),
    "family_wishes_support": Check("the family's wish for support is recorded", _family_wishes),
    "family_consulted": Check(
        "after a child protection plan the family's choice about support is recorded",
        _family_consulted,
    ),
    "lead_outside_social_care": Check(
        "a lead professional outside social care has accepted", _lead_outside_care
    ),
    "countersigned": Check(
        f"somebody of the author's own agency countersigned as {GIVEN}",
        _countersigned,
        codes=_CAPACITIES,
    ),
    "agency_checks_answered": Check(
        "checks were asked of other agencies, and all of them answered", _agency_checks
    ),
}
"""Every check there is, by the name that packs give."""
