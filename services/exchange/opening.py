"""From a submission's bytes to a verified message, or every reason why it is none. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.directory import Directory
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.seal import Sealed, open_seal
from contracts.subjects import parse_submission
from contracts.submission import decrypt, read
from services.exchange.lanes import Arrived

IntakeKeys = Mapping[str, X25519PrivateKey]

OUR_FAULT: Final = "exchange.failed"
"""Why something is set aside that could not be decided: that says nothing about its sender."""


@dataclass(frozen=True, slots=True)
class Unopenable:
    """Not a message that could be given to an id: it goes to quarantine, and is answered."""

    reasons: tuple[Refusal, ...]
    sealed: str | None = None


def open_submission(
    arrived: Arrived, directory: Directory, keys: IntakeKeys
) -> Opened | Unopenable:
    """Return the verified message in `arrived`, or why it cannot be opened; never raises."""
    submission = read(arrived.data)
    if isinstance(submission, Refusal):
        return Unopenable((submission,))
    digest = submission.sealed_digest
    encrypted = submission.disclosures
    disclosures = decrypt(encrypted, digest, keys) if encrypted else None
    if isinstance(disclosures, Refusal):
        return Unopenable((disclosures,), digest)
    opened = open_seal(Sealed(submission.seal, disclosures), directory, arrived.stored_at)
    if not isinstance(opened, Opened):
        return Unopenable(opened, digest)
    wrong = _addressed_wrongly(arrived, opened)
    return Unopenable(wrong, digest) if wrong else opened


def is_noise(arrived: Arrived, found: object) -> bool:
    """Tell whether a submission turned out to be no message: nobody has signed it.

    What could not be decided, and what is released from quarantine, is none of these.
    """
    nobodys = isinstance(found, Unopenable) and all(r.code != OUR_FAULT for r in found.reasons)
    return nobodys and arrived.woken is None


def _addressed_wrongly(arrived: Arrived, opened: Opened) -> tuple[Refusal, ...]:
    address = parse_submission(arrived.subject)
    agency, child = address or ("", "")
    found: list[Refusal] = []
    if opened.event.agency != agency:
        found.append(Refusal("message.agency-mismatch"))
    if opened.event.subject != child:
        found.append(Refusal("message.child-mismatch"))
    return tuple(found)
