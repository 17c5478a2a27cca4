"""The decision on one opened message: pure, so that deciding again gives the same answer.

`(opened message, directory, journey, now) -> Accepted | Refused | Held`; every reason for a refusal
is collected before answering (design §3). Child protection is asked for its floor only (003 §2.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from consent import Share, ShareRequest, Withhold
from consent import decide as decide_sharing
from consent import told as told_rules
from contracts.consents import BasisKind, Consent, ProtectionBasis
from contracts.digests import remembered
from contracts.directory import Directory
from contracts.event import MAX_AGE
from contracts.journey import MOST_OPEN, Journey, Sent
from contracts.kinds import Kind, Opened, Situation, Step, iso
from contracts.messages.answers import answer_faults
from contracts.messages.checks import judge
from contracts.messages.dates import date_faults
from contracts.messages.linking import stands_for_itself
from contracts.messages.referral import Concern
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.rules import RulePacks
from contracts.rules.in_force import in_force
from contracts.told_once import day_of, told, with_told
from contracts.whose import purpose_of
from services.exchange.asked_again import AskedAgain, asked_again, is_carried
from services.exchange.awaiting import may_pass
from services.exchange.people import consents_carried, people_and_roles

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

_UNKNOWN = frozenset({"agency.unknown", "practitioner.unknown"})


@dataclass(frozen=True, slots=True)
class ToDeliver:
    """One delivery: to which agency, and the digests of the statements it may see."""

    agency: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Accepted: the journey after it, the deliveries, and the ids of the rules that fired.

    `packs` are the names of the rule packs by which it was judged, as for what is refused. `told`,
    `asked_again` and `carried` (a count) are for the journey's entry alone (`contracts.records`).
    """

    journey: Journey
    deliveries: tuple[ToDeliver, ...]
    rules: tuple[str, ...]
    answered: tuple[int, ...]
    protection: bool
    packs: tuple[str, ...] = ()
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
) -> Verdict:
    """Return the verdict on `message` against `journey` as it stands, at the instant `now`.

    `now` is when the submission was stored, or the journey's own `now` if that is later. `packs`
    are those in force when it arrived (design §4); left out, it is taken to have arrived at `now`.
    Evidence out of order is held until `hold_until`; refused where that is None or has come. Only
    while the story answers (`story_up`) is a question refused that was answered before. `other` is
    the journey of the other child that the message names, where it names one.
    """
    situation = Situation(message, journey, directory, now, other)
    protection = raises_protection(message)
    packs = in_force(directory, now) if packs is None else packs
    reasons = list(dict.fromkeys(_reasons(situation, packs, opening=protection)))
    shares = _sharing(situation, protection=protection)
    for agency, share in shares:
        if isinstance(share, Withhold):
            reasons.extend(replace(r, detail=r.detail or agency) for r in share.reasons)
    again = asked_again(situation, story_up=story_up, protection=protection)
    reasons.extend(again.refused)
    if protection:
        reasons = _floor(situation, reasons)
    if reasons:
        found = tuple(dict.fromkeys(reasons))
        in_time = hold_until is not None and now < hold_until
        if hold_until and in_time and not protection and may_pass(situation, found):
            return Held(hold_until, found)
        return Refused(found, protection, packs.names, story_up)
    accepted = _accepted(situation, shares, again, protection=protection)
    return replace(accepted, packs=packs.names, story_up=story_up)


def raises_protection(message: Opened) -> bool:
    """Tell whether the message raises a child-protection concern, on whatever basis."""
    return getattr(message.content, "concern", None) is Concern.CHILD_PROTECTION


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
    known = (journey.request(message), journey.proposal(message), journey.sent(message))
    return any(one is not None for one in known)


def _sharing(s: Situation, *, protection: bool) -> list[tuple[str, Share | Withhold]]:
    data = s.event.data
    # Child protection comes before consent, whatever basis the sender named (003 §2.2).
    basis = ProtectionBasis() if protection else data.basis
    catalogue = questions()
    asked = [catalogue[d.statement.question] for d in s.message.statements]
    categories = tuple([question.category for question in asked])
    numbers = tuple([question.number for question in asked])
    purpose = purpose_of(s.message.kind.name)
    managers = s.directory.line_managers(data.author.id, s.event.time)
    return [
        (
            agency,
            decide_sharing(
                ShareRequest(
                    basis=basis,
                    sender=s.event.agency,
                    author=data.author.id,
                    countersigners=data.countersigners,
                    line_managers=managers,
                    recipient=agency,
                    recipient_role=s.role_of(agency),
                    categories=categories,
                    consents=s.consents,
                    now=s.now,
                    protection=protection,
                    questions=numbers,
                    purpose=purpose,
                    protected=s.journey.protected if s.journey else None,
                )
            ),
        )
        for agency in dict.fromkeys(r.agency for r in data.recipients)
    ]


def _floor(s: Situation, reasons: list[Refusal]) -> list[Refusal]:
    """Keep only what may stop child protection; somebody unknown beside a known one may not.

    An unknown author is named without a detail, so that this stays.
    """
    someone = any(s.role_of(agency) is not None for agency in s.recipients)
    return [
        r for r in reasons if r.code in _FLOOR and not (r.code in _UNKNOWN and someone and r.detail)
    ]


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
    # What a recipient would learn from a rule's name is not written down for it to read.
    rules = told_rules(rule for _, share in shares for rule in share.rules)
    before = s.journey or Journey(child=s.event.subject)
    answered, statements = _answered(s), [d.statement for d in s.message.statements]
    new = told(statements, day_of(s.now))
    step = Step(s.event, s.message.content, s.now)
    return Accepted(
        journey=folded(before, step, s.message.kind, answered, new),
        deliveries=deliveries,
        rules=rules,
        answered=answered,
        protection=protection,
        told=new,
        asked_again=again.numbers,
        carried=sum(1 for statement in statements if is_carried(statement)),
    )


def _answered(s: Situation) -> tuple[int, ...]:
    catalogue = questions()
    return tuple(sorted({catalogue[q].number for q in s.message.questions}))


def _brought(before: Journey, carried: tuple[Consent, ...]) -> tuple[str, ...]:
    """Return the ids of the consents that a message brings and the journey did not hold."""
    held = {c.consent.id for c in before.consents} if carried else set[str]()
    return tuple(c.id for c in carried if c.id not in held)


def folded(
    before: Journey,
    step: Step,
    kind: Kind,
    answered: tuple[int, ...],
    new: tuple[tuple[int, str], ...] = (),
) -> Journey:
    """Return the journey after an accepted message; needs no disclosure.

    `answered` and `new` are what its entry keeps of them: `answered` and `told`.
    """
    # What child protection carries is not asked who took it, so nothing of it is held.
    urgent = getattr(step.content, "concern", None) is Concern.CHILD_PROTECTION
    carried = () if urgent else step.event.data.consents
    after = kind.fold(before, step).with_consents(carried)
    day = step.at[:10]
    to = tuple(dict.fromkeys(r.agency for r in step.event.data.recipients))
    if to and step.event.data.history is None:
        brought = _brought(before, carried)
        sent = Sent(step.event.id, step.event.agency, to, kind.name, answered, brought)
        after = after.with_sent(sent)
    marks = {str(number): (day, step.event.agency) for number in answered}
    return replace(
        after,
        entries=before.entries + 1,
        now=step.at,
        live=before.live or step.event.data.history is None,
        answered={**after.answered, **marks} if marks else after.answered,
        digests=remembered(after.digests, (e.digest for e in step.event.data.statements)),
        told=with_told(after, new, step.event.agency, _basis(step, urgent=urgent))
        if new
        else after.told,
    )


def _basis(step: Step, *, urgent: bool) -> str:
    """Return the kind of basis on which a message went; child protection goes as such."""
    return BasisKind.PROTECTION.value if urgent else step.event.data.basis.kind
