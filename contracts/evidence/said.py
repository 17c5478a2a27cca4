"""What the tracker says of clocks, signed by it, so that nobody else can say it in its name."""

from datetime import date, time
from typing import Annotated, Final, Literal

import orjson
from pydantic import Field

from contracts import jws
from contracts.clocks import Clock
from contracts.directory import Directory, SigningKey
from contracts.identifiers import ChildRef, MessageId, ServiceId
from contracts.log import open_signed
from contracts.values import Instant, Value

CLOCKS_TYP: Final = "handrail-clocks+jws"
MOST_CLOCKS: Final = 10_000
MOST_SAID: Final = 2 * 1024 * 1024
"""Characters of one signed answer, which the server lets through as 1 MiB at most."""


class EvidenceClock(Value):
    """A clock as the tracker keeps it, and the notices it sealed about it."""

    clock: Clock
    missed_notice: MessageId | None = None
    warned_notice: MessageId | None = None


class EvidenceClocks(Value):
    """What the service `tracker` says at `at` of the clocks of a reference, all of them.

    With a `message`, of all that it started. `closing_time` and `closing_days` are the operator's
    own calendar, beside the common one.
    """

    v: Literal[1] = 1
    tracker: ServiceId
    child: ChildRef
    message: MessageId | None = None
    at: Instant
    closing_time: time
    closing_days: Annotated[tuple[date, ...], Field(max_length=1_000)] = ()
    clocks: Annotated[tuple[EvidenceClock, ...], Field(max_length=MOST_CLOCKS)] = ()


def sign_clocks(said: EvidenceClocks, key: jws.Signer) -> str:
    """Return what the tracker says, signed by its directory key."""
    payload = orjson.dumps(said.model_dump(mode="json"))
    return jws.sign(payload, key, CLOCKS_TYP).decode("ascii")


def open_clocks(token: str, directory: Directory) -> EvidenceClocks | None:
    """Return what `token` says when a key of the partnership's tracker, valid then, signed it."""
    tracker = f"{directory.document.partnership}.tracker"

    def key_of(kid: str) -> SigningKey | None:
        found = directory.holder(kid)
        return found.key if found is not None and found.holder == tracker else None

    said = open_signed(token, CLOCKS_TYP, key_of, EvidenceClocks, MOST_SAID)
    return said if said is not None and said.tracker == tracker else None
