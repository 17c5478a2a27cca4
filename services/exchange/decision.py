"""The decision on one opened message: pure, so that deciding again gives the same answer.

`(opened message, directory, journey, now) -> Accepted | Refused | Held`; every reason for a refusal
is collected before answering (design §3), but who has no standing learns of no other. Requests in
the name of child protection are asked for their floor only (003 §2.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from consent import Share, Withhold
from consent import told as told_rules
from contracts.directory import Directory
from contracts.event import MAX_AGE
from contracts.journey import MOST_OPEN, Journey
from contracts.kinds import EVERY_ROLE, Opened, Situation, Step, iso
from contracts.messages.answers import answer_faults
from contracts.messages.checks import judge
from contracts.messages.corrections import REDIRECTED_TO, passed_on
from contracts.messages.dates import date_faults
from contracts.messages.linking import stands_for_itself
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.rules import RulePacks
from contracts.rules.in_force import in_force
from contracts.told_once import day_of, told
from services.exchange.asked_again import AskedAgain, asked_again
from services.exchange.awaiting import may_pass
from services.exchange.folding import folded
from services.exchange.hearing import is_carried, not_carried, told_anew
from services.exchange.outrun import outrun
from services.exchange.people import consents_carried, people_and_roles
from services.exchange.sharing import decided_against, sharing
from services.exchange.urgency import asks_for_protection, raises_protection

_FLOOR = frozenset(
    {
        "agency.unknown",
        "recipient.role",
        "protection.floor",
        "practitioner.unknown",
        "message.basis-not-allowed",
        "basis.not-entitled",
        "history.not-history",
        "notice.service",
        "message.id-reused",
    }
)
"""What may still stop a child-protection message; everything else may follow."""

_NO_STANDING = frozenset(
    {
        "caf.may-not-end",
        "consent.no-part",
        "consent.not-theirs",
        "lead.may-not-propose",
        "message.no-part",
        "message.role-may-not",
        "request.not-recipient",
    }
)
"""What is answered alone: every other reason would tell an outsider who works with the child."""

_NOT_KNOWN_TO_IT = frozenset({"assessment.none-open", "lead.no-proposal", "request.unknown"})
"""What is answered alone to an agency without a part that answers what was never asked of it."""

_OF_WORDS = frozenset(
    {
        "erasure.came-first",
        "message.before-birth",
        "statements.code",
        "statements.corrects-unknown",
        "statements.reason",
    }
)
"""What is wrong with the words of a message, and not with passing them on."""

_UNKNOWN = frozenset({"agency.unknown", "practitioner.unknown"})
_NOT_FIRST_RESPONSE = "recipient.role"
_FORM = "protection.form"
"""The rule by which parts of a child-protection message that cannot be read are left out."""


@dataclass(frozen=True, slots=True)
class ToDeliver:
    """One delivery: to which agency, and the digests of the statements it may see."""

    agency: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Accepted: the journey after it, the deliveries, and the ids of the rules that fired.

    `packs` are the names of the rule packs by which it was judged, as for what is refused.
    `alerts` are the reasons for which people are told at once although it was accepted. `told`,
    `asked_again` and `carried` (a count) are for the journey's entry alone (`contracts.records`).
    """

    journey: Journey
    deliveries: tuple[ToDeliver, ...]
    rules: tuple[str, ...]
    answered: tuple[int, ...]
    protection: bool
    packs: tuple[str, ...] = ()
    alerts: tuple[Refusal, ...] = ()
    told: tuple[tuple[int, str], ...] = ()
    asked_again: tuple[int, ...] = ()
    carried: int = 0
    story_up: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused, with every reason at once."""

    reasons: tuple[Refusal, ...]
    protection: bool = False
    packs: tuple[str, ...] = ()
    story_up: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Held until `until` at the latest: what it waits for may still arrive."""

    until: datetime
    waits_for: tuple[Refusal, ...]


Verdict = Accepted | Refused | Held


def decide(  # noqa: PLR0913 - everything that a decision depends on
    message: Opened,
    directory: Directory,
    journey: Journey | None,
    now: datetime,
    packs: RulePacks | None = None,
    *,
    hold_until: datetime | None = None,
    story_up: bool = False,
    other: Journey | None = None,
    submitted: datetime | None = None,
) -> Verdict:
    """Return the verdict on `message` against `journey` as it stands, at the instant `now`.

    `now` is when the submission was stored, or the journey's own `now` if that is later. `packs`
    are those in force when it arrived (design §4); left out, it is taken to have arrived at `now`.
    Evidence out of order is held until `hold_until`; refused where that is None or has come. Only
    while the story answers (`story_up`) is a question refused that was answered before. `other` is
    the journey of the other child that the message names, where it names one; `submitted` is when
    the submission was stored, where that may be earlier than `now`.
    """
    situation = Situation(message, _known_to(message, journey), directory, now, other)
    floor, urgent = asks_for_protection(message), raises_protection(message)
    packs = in_force(directory, now) if packs is None else packs
    reasons = list(dict.fromkeys(_reasons(situation, packs, opening=floor)))
    passed = passed_on(situation)
    shares = sharing(situation, passed, protection=floor)
    for agency, share in shares:
        if isinstance(share, Withhold):
            reasons.extend(replace(r, detail=r.detail or agency) for r in share.reasons)
    reasons.extend(decided_against(situation, shares, passed))
    again = asked_again(situation, story_up=story_up, protection=urgent or bool(passed))
    reasons.extend(again.refused)
    reasons.extend(outrun(situation, submitted))
    reasons.extend(not_carried(situation, protection=urgent or bool(passed)))
    if passed:
        reasons = [reason for reason in reasons if not _as_it_came(reason)]
    against = _floor(situation, reasons) if floor else _standing(situation, reasons)
    if against:
        found = tuple(dict.fromkeys(against))
        in_time = hold_until is not None and now < hold_until
        if hold_until and in_time and not floor and may_pass(situation, found):
            return Held(hold_until, found)
        return Refused(found, urgent, packs.names, story_up)
    alerts = tuple(r for r in reasons if floor and r.code == _NOT_FIRST_RESPONSE)
    accepted = _accepted(situation, shares, again, protection=floor or bool(passed))
    return replace(accepted, packs=packs.names, alerts=alerts, story_up=story_up)


def _known_to(message: Opened, journey: Journey | None) -> Journey | None:
    """Return the journey for the author: None where that person must not learn of a referral.

    What such a person writes is answered as of a child who is unknown (003 §2.3). What opens a
    journey, or is about child protection, is taken as from anybody else.
    """
    hidden = journey is not None and message.event.data.author.id in journey.must_not_know
    taken = message.kind.opening or raises_protection(message)
    return None if hidden and not taken else journey


def _as_it_came(reason: Refusal) -> bool:
    """Tell whether a reason is about words that were let in as child protection.

    Who passes them on wrote none of them and may change none (003 §2.2).
    """
    of_words = reason.code == "message.in-future" and reason.detail in questions()
    return of_words or reason.code in _OF_WORDS


def _reasons(s: Situation, packs: RulePacks, *, opening: bool) -> Iterator[Refusal]:
    kind = s.message.kind
    yield from people_and_roles(s)
    yield from consents_carried(s)
    if kind.asks and s.journey and s.journey.open_requests_of(s.event.agency) >= MOST_OPEN:
        yield Refusal("journey.full")
    if s.journey is not None and _id_is_taken(s.journey, s.event.id):
        yield Refusal("message.id-reused")
    if s.event.data.basis.kind not in kind.bases:
        yield Refusal("message.basis-not-allowed", s.event.data.basis.kind)
    if s.journey is None and not kind.opening and not opening:
        yield Refusal("message.unknown-child")
    yield from stands_for_itself(s)
    yield from _history(s)
    yield from date_faults(s)
    yield from answer_faults(s)
    for guard in kind.guards:
        yield from guard(s)
    yield from judge(s, packs)


def _history(s: Situation) -> Iterator[Refusal]:
    """Refuse the marker on what is live: recent, about child protection, or upon live messages.

    Otherwise a referral could pass without a clock, and old news could undo what is going on.
    """
    history = s.event.data.history
    if history is None:
        return
    recent = history.occurred_on > iso(s.now - MAX_AGE)[:10]
    live = s.journey is not None and s.journey.live
    if recent or live or raises_protection(s.message):
        yield Refusal("history.not-history")


def _id_is_taken(journey: Journey, message: str) -> bool:
    """Tell whether a message, another agency's too, is known by that id already."""
    several = (journey.requests, journey.proposals, journey.meetings, journey.recent)
    leads = journey.lead is not None and journey.lead.by == message
    return (
        leads
        or message in journey.withdrawn
        or any(one.id == message for group in several for one in group)
        or any(message == r.about for r in journey.requests)
        or any(message == s.started_by for s in journey.standards)
    )


def _floor(s: Situation, reasons: list[Refusal]) -> list[Refusal]:
    """Keep only what may stop child protection; somebody unknown beside a known one may not.

    An unknown author is named without a detail, so that this stays. What goes to others than First
    Response is with somebody, and First Response is told that it is.
    """
    someone = any(s.role_of(agency) is not None for agency in s.recipients)
    return [
        r
        for r in reasons
        if r.code in _FLOOR
        and not (someone and r.code in _UNKNOWN and r.detail)
        and not (someone and r.code == _NOT_FIRST_RESPONSE)
    ]


def _standing(s: Situation, reasons: list[Refusal]) -> list[Refusal]:
    """Keep only why the sender may not say this at all, where that is so."""
    barred = [r for r in reasons if r.code in _NO_STANDING]
    if not barred and s.journey is not None and not s.has_part:
        barred = [r for r in reasons if r.code in _NOT_KNOWN_TO_IT]
    return barred or reasons


def _accepted(
    s: Situation,
    shares: list[tuple[str, Share | Withhold]],
    again: AskedAgain,
    *,
    protection: bool,
) -> Accepted:
    digests = tuple(d.digest for d in s.message.statements)
    deliveries = tuple(
        ToDeliver(agency, tuple(d for d, shown in zip(digests, share.shown, strict=True) if shown))
        for agency, share in shares
        if isinstance(share, Share)
    )
    kind = s.message.kind
    if kind.asks and len(deliveries) > 1:
        may_decide = REDIRECTED_TO.get(kind.name, EVERY_ROLE)
        deliveries = tuple(
            sorted(deliveries, key=lambda to: s.role_of(to.agency) not in may_decide)
        )
    # What a recipient would learn from a rule's name is not written down for it to read.
    rules = told_rules(rule for _, share in shares for rule in share.rules)
    if s.message.incomplete:
        rules += (_FORM,)
    before = s.journey or Journey(child=s.event.subject)
    answered, statements = _answered(s), [d.statement for d in s.message.statements]
    new = told(told_anew(s), day_of(s.now))
    step = Step(s.event, s.message.content, s.now, tuple(to.agency for to in deliveries))
    return Accepted(
        journey=folded(before, step, kind, answered, new),
        deliveries=deliveries,
        rules=rules,
        answered=answered,
        protection=protection,
        told=new,
        asked_again=again.numbers,
        carried=sum(1 for statement in statements if is_carried(s, statement)),
    )


def _answered(s: Situation) -> tuple[int, ...]:
    catalogue = questions()
    return tuple(sorted({catalogue[q].number for q in s.message.questions}))
