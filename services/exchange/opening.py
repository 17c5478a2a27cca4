"""From a submission's bytes to a verified message, or every reason why it is none. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import strict_json
from contracts.directory import Directory
from contracts.event import Event
from contracts.kinds import Opened
from contracts.messages.referral import Concern
from contracts.reasons import Refusal
from contracts.seal import Sealed, is_signed, open_seal, peek
from contracts.subjects import parse_submission
from contracts.submission import Submission, decrypt, read
from services.exchange.lanes import Arrived
from services.exchange.urgency import raises_protection

IntakeKeys = Mapping[str, X25519PrivateKey]

OUR_FAULT: Final = "exchange.failed"
"""Why something is set aside that could not be decided: that says nothing about its sender."""


@dataclass(frozen=True, slots=True)
class Unopenable:
    """Not a message that could be given to an id: it goes to quarantine, and is answered.

    `signed` tells that somebody of the directory signed it all the same, and `protection` that it
    raises a child-protection concern. `damaged` is the child whose journey cannot be read, where
    that is why.
    """

    reasons: tuple[Refusal, ...]
    sealed: str | None = None
    signed: bool = False
    protection: bool = False
    damaged: str = ""

    @property
    def ours(self) -> bool:
        """Tell whether it is a fault of the exchange, which says nothing about its sender."""
        return any(reason.code == OUR_FAULT for reason in self.reasons)


def open_submission(
    arrived: Arrived, directory: Directory, keys: IntakeKeys
) -> Opened | Unopenable:
    """Return the verified message in `arrived`, or why it cannot be opened; never raises."""
    submission, at = read(arrived.data), arrived.stored_at
    if isinstance(submission, Refusal):
        text = _text_in(arrived.data)
        return _unopenable((submission,), text, None, signed=is_signed(text, directory, at))
    text, digest = submission.seal, submission.sealed_digest
    opened = _opened(submission, directory, keys, at)
    if not isinstance(opened, Opened):
        return _unopenable(opened, text, digest, signed=is_signed(text, directory, at))
    wrong = _addressed_wrongly(arrived, opened)
    return to_quarantine(opened, wrong) if wrong else opened


def to_quarantine(message: Opened, reasons: tuple[Refusal, ...], damaged: str = "") -> Unopenable:
    """Return a message that did open as one that goes to quarantine all the same, for `reasons`.

    `damaged` is the child whose journey cannot be read, where that is why.
    """
    urgent = raises_protection(message)
    return Unopenable(reasons, message.digest, signed=True, protection=urgent, damaged=damaged)


def failed_before(arrived: Arrived, directory: Directory) -> Unopenable:
    """Return a submission that the exchange failed to decide before as one for quarantine."""
    reasons, text = (Refusal(OUR_FAULT),), _text_in(arrived.data)
    try:
        signed = is_signed(text, directory, arrived.stored_at)
        return _unopenable(reasons, text, None, signed=signed)
    except Exception:  # noqa: BLE001 - it failed for a reason nobody knows, and must not again
        return Unopenable(reasons)


def is_noise(arrived: Arrived, found: object) -> bool:
    """Tell whether a submission turned out to be no message: nobody of the directory signed it.

    What could not be decided, and what is released from quarantine, is none of these.
    """
    nobodys = isinstance(found, Unopenable) and not found.signed and not found.ours
    return nobodys and arrived.woken is None


def _opened(
    submission: Submission, directory: Directory, keys: IntakeKeys, at: datetime
) -> Opened | tuple[Refusal, ...]:
    encrypted = submission.disclosures
    disclosures = decrypt(encrypted, submission.sealed_digest, keys) if encrypted else None
    if isinstance(disclosures, Refusal):
        return (disclosures,)
    return open_seal(Sealed(submission.seal, disclosures), directory, at)


def _unopenable(
    reasons: tuple[Refusal, ...], text: str, digest: str | None, *, signed: bool
) -> Unopenable:
    """Return what cannot be opened; only of what somebody signed is read what it is about."""
    said = peek(Sealed(text)) if signed else None
    urgent = (
        isinstance(said, Event) and said.data.content.get("concern") == Concern.CHILD_PROTECTION
    )
    return Unopenable(reasons, digest, signed=signed, protection=urgent)


def _text_in(data: bytes) -> str:
    """Return the sealed text in bytes that are no submission as a whole, or nothing."""
    value = strict_json.load(data)
    text = value.get("seal") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _addressed_wrongly(arrived: Arrived, opened: Opened) -> tuple[Refusal, ...]:
    address = parse_submission(arrived.subject)
    agency, child = address or ("", "")
    found: list[Refusal] = []
    if opened.event.agency != agency:
        found.append(Refusal("message.agency-mismatch"))
    if opened.event.subject != child:
        found.append(Refusal("message.child-mismatch"))
    return tuple(found)
