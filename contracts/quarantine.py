"""Releasing what lies in quarantine: the order to decide it again, and what came of that.

Neither holds free text: why is a word of a closed set, and a reference leads to the operator's own
papers. The bytes stay where they lie; what is judged again is judged as of its first arrival.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from contracts.identifiers import Digest
from contracts.records import Ground, Quarantined
from contracts.releases import FINAL, ReleaseOutcome, ReleaseReason
from contracts.values import Instant, Value

__all__ = [
    "FINAL",
    "OPERATOR",
    "PLACE",
    "ReleaseOrder",
    "ReleaseOutcome",
    "ReleaseReason",
    "Released",
    "read_order",
    "read_record",
]

PLACE = r"^[A-Za-z0-9_-]{1,160}$"
OPERATOR = "operator"
"""Who releases where no practitioner is named."""


class ReleaseOrder(Value):
    """What the exchange submits to its own lane so that `sequence` of `lane` is decided again.

    `digest` is SHA-256 over the bytes meant; `by` is a practitioner's id or `operator`, as the
    operator said it.
    """

    v: Literal[1] = 1
    release: Literal["quarantine"] = "quarantine"
    lane: Annotated[str, Field(pattern=PLACE)]
    sequence: Annotated[int, Field(ge=1)]
    digest: Digest
    because: ReleaseReason
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,40}$")] = ""
    by: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,100}$")] = OPERATOR


class Released(Value):
    """That something in quarantine was released, version 1, under the subject of its quarantine.

    `order` is the place of the order in the exchange's own lane, 0 where there was none; `at` is
    the instant by which it was decided.
    """

    v: Literal[1] = 1
    state: Literal["released"] = "released"
    lane: str
    sequence: int
    digest: Digest
    because: ReleaseReason
    reference: str = ""
    by: str
    outcome: ReleaseOutcome
    reasons: tuple[Ground, ...] = ()
    order: int = 0
    at: Instant


_RECORD: TypeAdapter[Released | Quarantined] = TypeAdapter(Released | Quarantined)


def read_record(data: bytes) -> Released | Quarantined | None:
    """Return what a record under `quarantine.` says, or None for bytes of another form."""
    try:
        return _RECORD.validate_json(data)
    except ValidationError:
        return None


def read_order(data: bytes) -> ReleaseOrder | None:
    """Return the order in a submission's bytes, or None when they are none."""
    try:
        return ReleaseOrder.model_validate_json(data)
    except ValidationError:
        return None
