"""What a file proves by itself: a sealed message or a receipt, against a signed directory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from contracts import base64url, sealed_file
from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.kinds import Opened
from contracts.records import Receipt, attested, lane_attested
from contracts.seal import Sealed, open_seal, refused
from services.cli.messages import event_of
from services.cli.output import now, plain, when

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: facts by name, statements if any, and why it does not hold."""

    what: str
    facts: dict[str, str]
    statements: tuple[dict[str, Any], ...] = ()
    refusals: tuple[HandrailError, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the proof for machines."""
        return {
            "holds": not self.refusals,
            "what": self.what,
            **self.facts,
            "statements": list(self.statements),
            "reasons": [
                {"code": e.code, "message": e.message, "remedy": e.remedy} for e in self.refusals
            ],
            "notes": list(self.remarks),
        }


def prove(data: bytes, directory: bytes, root_x: str, at: datetime | None) -> Proof:
    """Return what the bytes of a file prove; `at` (UTC) is when keys and age are judged.

    Raises HandrailError `verify.bad-root`, `directory.*` for a directory not to be trusted, and
    `verify.unknown-file` for a file that is neither a sealed message nor a receipt.
    """
    check_root(root_x)
    trusted = open_directory(directory, root_x)
    instant = None if at is None else at.replace(tzinfo=at.tzinfo or UTC)
    if sealed_file.looks_sealed(data):
        return _sealed(sealed_file.read(data), trusted, instant)
    try:
        receipt = Receipt.model_validate_json(data)
    except ValidationError:
        raise HandrailError(
            "verify.unknown-file",
            "the file is neither a sealed message, nor a receipt, nor evidence",
            "give a file that `handrail seal`, `handrail send --receipt` or `handrail evidence` "
            "has written",
        ) from None
    return _receipt(receipt, trusted)


def check_root(root_x: str) -> None:
    """Raise HandrailError `verify.bad-root` for what cannot be the public half of a root key."""
    if len(base64url.decode(root_x) or b"") != _KEY_BYTES:
        raise HandrailError(
            "verify.bad-root",
            "that is not the public half of a root key",
            "give the 43 characters that the partnership has made known",
        )


def _sealed(sealed: Sealed, directory: Directory, at: datetime | None) -> Proof:
    event = event_of(sealed)
    facts = {
        "message": event.id,
        "child": event.subject,
        "kind": event.kind,
        "from": event.agency,
        "sealed": when(event.time),
        "signed by": ", ".join(f"{s.id} ({s.capacity.value})" for s in event.signers),
        "digest": sealed.digest,
    }
    opened = open_seal(sealed, directory, at or event.time)
    if not isinstance(opened, Opened):
        reasons = tuple(refused(r.code, plain(r.detail)) for r in opened)
        return Proof("sealed message", facts, refusals=reasons)
    statements = tuple(
        s.statement.model_dump(mode="json", exclude_none=True) for s in opened.statements
    )
    return Proof("sealed message", facts, statements, remarks=_today(sealed, directory))


def _today(sealed: Sealed, directory: Directory) -> tuple[str, ...]:
    """Return why the exchange would not take the message today, though its seal holds."""
    opened = open_seal(sealed, directory, now())
    if isinstance(opened, Opened):
        return ()
    return tuple(f"sent today it would be refused: {r.code}, {r.reason.message}" for r in opened)


def _receipt(receipt: Receipt, directory: Directory) -> Proof:
    exchange = f"{directory.document.partnership}.exchange"
    proof = attested(receipt.decision, receipt.group, receipt.place, directory, exchange)
    lane = lane_attested(receipt, directory, exchange)
    if proof is None or lane is None:
        reason = HandrailError(
            "receipt.untrusted",
            "the receipt is not attested by the partnership's exchange",
            "compare the file with the one that was kept, and the directory with the partnership's",
        )
        return Proof("receipt", {}, refusals=(reason,))
    made = proof.decision
    facts = {
        "outcome": made.outcome.value,
        "message": made.message or "",
        "child": made.child or "",
        "kind": made.kind,
        "from": made.agency,
        "decided": when(made.now),
        "basis": made.basis,
        "went to": ", ".join(to.agency for to in made.to),
        "reasons": ", ".join(ground.code for ground in made.reasons),
        "sealed digest": made.sealed or "",
        "attested": f"{when(proof.group.at)} by {proof.group.exchange}",
        "lane": f"{lane.lane} from {lane.first} to {lane.last}",
    }
    return Proof("receipt", {name: value for name, value in facts.items() if value})
