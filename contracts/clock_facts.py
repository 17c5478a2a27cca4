"""What clocks are told: the facts of a message, and what somebody says about one clock.

Values only; nothing of a family's words is among them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from contracts.clocks import happened_at
from contracts.event import Signer
from contracts.identifiers import AgencyId, ChildRef, MessageId, PractitionerId
from contracts.roles import Level
from contracts.rules.packs import KindName
from contracts.values import Instant, Value

_EARLIEST = datetime(1901, 1, 1, tzinfo=UTC)
"""Nothing that a clock runs from is reported for before; every calendar reaches this far back."""


class Party(Value):
    """An agency, and the person there where one is meant."""

    agency: AgencyId
    practitioner: PractitionerId | None = None


class MessageFacts(Value):
    """What clocks need to know of an accepted message; never a word of a family.

    `receiver` is who was addressed, `sender` who wrote it, `lead` who leads after it, `holders` the
    agencies that assess the child or hold the case. `received_at` is when it arrived, `occurred_at`
    when what it reports took place. `codes` are the codes and instants of its content by field,
    its `basis`, and `consent_review_at` where a consent that it brings is to be reviewed. `level`
    is the child's level of help after it, `answered` the day on which each question has been
    answered last, by its key. `replayed` marks history told afterwards: it starts no clock and
    stops none.
    """

    message: MessageId
    kind: KindName
    child: ChildRef
    receiver: Party
    sender: Party | None = None
    lead: Party | None = None
    holders: tuple[AgencyId, ...] = ()
    received_at: Instant
    occurred_at: Instant | None = None
    codes: Mapping[str, str | tuple[str, ...]] = {}
    answers: MessageId | None = None
    level: Level | None = None
    answered: Mapping[str, str] = {}
    replayed: bool = False

    @property
    def happened_at(self) -> datetime:
        """Return when it took place, never later than it arrived; UTC."""
        at = happened_at(self.occurred_at, self.received_at).astimezone(UTC)
        return max(at, _EARLIEST)


class Asked(Value):
    """A message about one clock: who signed it, when it arrived and the reason it gives."""

    message: MessageId
    signers: tuple[Signer, ...]
    at: Instant
    because: str = ""
