"""What the exchange writes down about a held message: who waits, for what, until when (design §5).

Never its content: only where the submission lies, its digests, and codes of the closed list.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from contracts.identifiers import Digest, MessageId
from contracts.records import Ground
from contracts.values import Instant, Value


class HeldRecord(Value):
    """A message that is held, version 1; its subject names the child and the message.

    The submission lies in `lane` at `sequence`, where it arrived at `arrived_at`; `submission` is
    SHA-256 over its bytes, `sealed` over the sealed text. `until` is when its time is up.
    """

    v: Literal[1] = 1
    state: Literal["held"] = "held"
    agency: str
    lane: str
    sequence: int
    submission: Digest
    sealed: Digest
    arrived_at: Instant
    until: Instant
    waits_for: tuple[Ground, ...]


class HeldDone(Value):
    """That a held message has its final receipt, version 1; it takes the held record's place.

    `lane` and `sequence` are those of the submission. `woken` is the sequence of the wake-up in
    the exchange's own lane: whoever has read that lane so far has seen all that came of it.
    """

    v: Literal[1] = 1
    state: Literal["done"] = "done"
    lane: str
    sequence: int
    woken: int
    at: Instant


class WakeUp(Value):
    """What the exchange submits to its own lane so that `message` is decided again, version 1.

    The submission's subject names the child. It says nothing and proves nothing: deciding again
    gives the same answer however often it is asked for.
    """

    v: Literal[1] = 1
    wake: MessageId


_HELD: TypeAdapter[HeldRecord | HeldDone] = TypeAdapter(
    Annotated[HeldRecord | HeldDone, Field(discriminator="state")]
)


def read_held(data: bytes) -> HeldRecord | HeldDone | None:
    """Return what a record under `held.` says, or None for bytes of another form."""
    try:
        return _HELD.validate_json(data)
    except ValidationError:
        return None


def read_wake_up(data: bytes) -> WakeUp | None:
    """Return the wake-up in a submission's bytes, or None when they are none."""
    try:
        return WakeUp.model_validate_json(data)
    except ValidationError:
        return None
