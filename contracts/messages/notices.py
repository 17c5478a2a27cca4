"""Notices that a service of the partnership seals: about the process, without statements."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from contracts.consents import BasisKind
from contracts.identifiers import MessageId, PractitionerId
from contracts.journey import Journey, Standard
from contracts.kinds import Kind, Step
from contracts.protecting import BreakGlassReason
from contracts.values import Instant, Value

ClockName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,60}$")]
"""The id of a clock's rule, as rule packs name it."""


class StandardMissed(Value):
    """A clock ran out; the named manager must see that the reason is recorded (000 l.37).

    `clock` names the rule, `started_by` the message that started it, `due_at` the instant.
    """

    clock: ClockName
    started_by: MessageId
    due_at: Instant
    manager: PractitionerId


class StandardWarned(Value):
    """A clock is about to run out; `practitioner` is who is expected to act, where one is known.

    `clock` names the rule, `started_by` the message that started it, `due_at` the instant.
    """

    clock: ClockName
    started_by: MessageId
    due_at: Instant
    practitioner: PractitionerId | None = None


class LeadLeft(Value):
    """The lead professional is no longer at the agency; somebody has to be proposed."""

    practitioner: PractitionerId


class ProtectionFailed(Value):
    """Something arrived in a child-protection lane that could not be accepted.

    `sender` is the agency of the lane; `reasons` are codes of the closed list; no content. `count`
    says of how many it tells that could not be opened, and the reasons are those of the first; it
    is not there where a message that opened was refused.
    """

    sender: Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,65}$")]
    reasons: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{2,60}$")], ...]
    count: Annotated[int, Field(ge=1, le=1000)] | None = None


class GlassBroken(Value):
    """A practitioner read, for a stated reason, more of a child's story than consent allows.

    It goes at once to a named person, who asks why; the reader's own words stay with the story.
    """

    practitioner: PractitionerId
    reason: BreakGlassReason


def _unchanged(journey: Journey, _step: Step) -> Journey:
    return journey


def _fold_missed(journey: Journey, step: Step) -> Journey:
    """Remember the miss; a proposal that nobody answered in time gives way to another."""
    content = step.content
    proposals = tuple(
        replace(p, lapsed=True) if p.id == content.started_by else p for p in journey.proposals
    )
    missed = Standard(content.clock, content.started_by, "missed")
    return replace(journey, proposals=proposals).with_standard(missed)


def _fold_warned(journey: Journey, step: Step) -> Journey:
    return journey.with_standard(Standard(step.content.clock, step.content.started_by, "warned"))


def _fold_lead_left(journey: Journey, step: Step) -> Journey:
    who = step.content.practitioner
    leads = journey.lead is not None and journey.lead.practitioner == who
    return replace(journey, lead_left=who) if leads else journey


_NOTICE = frozenset({BasisKind.NOTICE})

MISSED = Kind(
    name="standard.missed",
    title="A standard was missed",
    cites="000 l.37",
    content=StandardMissed,
    fold=_fold_missed,
    bases=_NOTICE,
    by_service=True,
)

WARNED = Kind(
    name="standard.warned",
    title="A standard is about to be missed",
    cites="000 l.37; 004 §8.1",
    content=StandardWarned,
    fold=_fold_warned,
    bases=_NOTICE,
    by_service=True,
)

LEAD_LEFT = Kind(
    name="lead.left",
    title="The lead professional has left the agency",
    cites="003 principles: clarity about who is lead professional",
    content=LeadLeft,
    fold=_fold_lead_left,
    bases=_NOTICE,
    by_service=True,
)

PROTECTION_FAILED = Kind(
    name="protection.failed",
    title="A child-protection message could not be accepted",
    cites="003 §2.2",
    content=ProtectionFailed,
    fold=_unchanged,
    bases=_NOTICE,
    by_service=True,
)

GLASS_BROKEN = Kind(
    name="story.glass-broken",
    title="Somebody broke the glass to read a story",
    cites="Handrail design: break-glass",
    content=GlassBroken,
    fold=_unchanged,
    bases=_NOTICE,
    by_service=True,
)

KINDS = (MISSED, WARNED, LEAD_LEFT, PROTECTION_FAILED, GLASS_BROKEN)
