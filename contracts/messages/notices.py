"""Notices that a service of the partnership seals: about the process, without statements."""

from typing import Annotated

from pydantic import Field

from contracts.consents import BasisKind
from contracts.identifiers import MessageId, PractitionerId
from contracts.journey import Journey
from contracts.kinds import Kind, Step
from contracts.values import Instant, Value


class StandardMissed(Value):
    """A clock ran out; the named manager must see that the reason is recorded (000 l.37).

    `clock` names the rule, `started_by` the message that started it, `due_at` the instant.
    """

    clock: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,60}$")]
    started_by: MessageId
    due_at: Instant
    manager: PractitionerId


class ProtectionFailed(Value):
    """Something arrived in a child-protection lane that could not be accepted.

    `sender` is the agency of the lane; `reasons` are codes of the closed list; no content.
    """

    sender: Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,65}$")]
    reasons: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{2,60}$")], ...]


def _unchanged(journey: Journey, _step: Step) -> Journey:
    return journey


MISSED = Kind(
    name="standard.missed",
    title="A standard was missed",
    cites="000 l.37",
    content=StandardMissed,
    fold=_unchanged,
    bases=frozenset({BasisKind.NOTICE}),
    by_service=True,
)

PROTECTION_FAILED = Kind(
    name="protection.failed",
    title="A child-protection message could not be accepted",
    cites="003 §2.2",
    content=ProtectionFailed,
    fold=_unchanged,
    bases=frozenset({BasisKind.NOTICE}),
    by_service=True,
)

KINDS = (MISSED, PROTECTION_FAILED)
