"""Folding one accepted message into a journey: what its kind does, and what every message does.

Pure, and without a disclosure, so that a journey can be folded again from what the ledger holds.
"""

from dataclasses import replace

from contracts.consents import BasisKind, Consent
from contracts.digests import remembered
from contracts.journey import MOST_RECENT, Journey, Sent
from contracts.kinds import Kind, Step, iso
from contracts.messages.referral import Concern
from contracts.told_once import with_told


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
    urgent = kind.asks and getattr(step.content, "concern", None) is Concern.CHILD_PROTECTION
    event, at = step.event, step.at
    live, carried = event.data.history is None, () if urgent else event.data.consents
    after = kind.fold(before, step)
    if carried:
        after = after.with_consents(carried, step.now)
    recent = after.recent
    if live:
        parts = () if after.involved is before.involved else _new_parts(before, after)
        brought = _brought(before, carried)
        happened = iso(min(event.data.occurred_at or step.now, step.now))
        sent = Sent(event.id, event.agency, step.to, kind.name, answered, brought, parts, happened)
        earlier = recent[:-1] if recent and recent[-1].id == event.id else recent
        recent = (*earlier, sent)[-MOST_RECENT:]
    marks = {str(number): (at[:10], event.agency) for number in answered}
    return replace(
        after,
        entries=before.entries + 1,
        now=at,
        live=before.live or live,
        answered={**after.answered, **marks} if marks else after.answered,
        digests=remembered(after.digests, (e.digest for e in event.data.statements)),
        told=with_told(after, new, event.agency, _basis(step, urgent=urgent))
        if new
        else after.told,
        recent=recent,
        support_by=event.id if after.support != before.support else after.support_by,
    )


def _new_parts(before: Journey, after: Journey) -> tuple[str, ...]:
    return tuple(a for a in after.involved if a not in before.involved)


def _basis(step: Step, *, urgent: bool) -> str:
    """Return the kind of basis on which a message went; child protection goes as such."""
    return BasisKind.PROTECTION.value if urgent else step.event.data.basis.kind
