"""What goes from a journey with a message that is withdrawn: its answers, a choice, parts."""

from dataclasses import replace

from contracts.journey import Journey, Request, Sent
from contracts.messages.standing import CHOSEN

_PASSIVE = frozenset({"message.acknowledged", "message.returned", "message.withdrawn"})
"""What an agency may send only because it was reached: it gives no part of its own."""


def still_answered(journey: Journey, sent: Sent | None) -> dict[str, tuple[str, str]]:
    """Return what is answered without `sent`: what a later message answered again stays so.

    A redirected request repeats what it redirects and answers nothing anew.
    """
    if sent is None:
        return journey.answered
    later = journey.recent[journey.recent.index(sent) + 1 :]
    again = {n for m in later if m.kind != "request.redirected" for n in m.answered}
    gone = {str(number) for number in sent.answered if number not in again}
    return {number: mark for number, mark in journey.answered.items() if number not in gone}


def support_after(
    journey: Journey, sent: Sent | None, request: Request | None, *, wrong_child: bool
) -> str:
    """Return the family's choice without what is taken back.

    A choice that was recorded about another child was never this family's. One that was known by a
    step down alone goes with it, unless the CAF team has taken that on.
    """
    if sent is not None and wrong_child and journey.support_by == sent.id:
        return ""
    if request is None or journey.support_by != request.id or journey.support != CHOSEN:
        return journey.support
    return "" if wrong_child or not request.outcome else journey.support


def without_parts(journey: Journey, sent: Sent, *, wrong_child: bool) -> Journey:
    """Return the journey without the parts that agencies had by a message sent in breach alone.

    Its recipients lose them, and its sender where it was about another child.
    """
    gone = set(sent.parts) - (set[str]() if wrong_child else {sent.agency})
    gone -= _with_a_part_besides(journey, sent)
    return replace(journey, involved=tuple(a for a in journey.involved if a not in gone))


def _with_a_part_besides(journey: Journey, sent: Sent) -> set[str]:
    """Return the agencies that lead, are asked, or wrote or were written to since."""
    since = [m for m in journey.recent if m.id != sent.id and m.kind not in _PASSIVE]
    found = {a for m in since for a in (m.agency, *m.to)}
    found |= {p.agency for p in journey.proposals}
    found |= {a for r in journey.requests if not r.outcome for a in (r.agency, *r.to)}
    found |= {journey.lead.agency} if journey.lead else set()
    return found | ({journey.assessment.by} if journey.assessment else set())
