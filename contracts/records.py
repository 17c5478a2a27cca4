"""What the exchange writes to the ledger, and how a reader proves it (design §5).

A decision stands as exact text in every record that carries it; its hash is a leaf of the Merkle
tree of its group, whose root the exchange signs. Nothing on that path is serialised again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from contracts import base64url, jws
from contracts.directory import Directory, SigningKey
from contracts.event import MAX_AGE
from contracts.identifiers import AgencyId, ChildRef, Digest, MessageId, PractitionerId, ServiceId
from contracts.merkle import leaf_hash, root_from
from contracts.seal import Sealed, public_key
from contracts.submission import Encrypted
from contracts.values import Instant, Value

GROUP_TYP = "handrail-group+jws"
Hash = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class Outcome(StrEnum):
    """What the exchange decided."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    HELD = "held"


class Ground(Value):
    """A reason for refusal as it is answered: code of the closed list and the part it concerns."""

    code: str
    detail: str = ""


class DeliveredTo(Value):
    """An agency a message went to; `shown` is the digest of the digests it may see."""

    agency: AgencyId
    shown: Digest


class Decision(Value):
    """The exchange's answer to one submission, version 1.

    `sealed` is SHA-256 over the sealed text and `submission` over the submission's bytes; `now`
    is the instant by which it was decided; `arrived` when the submission was stored, where that is
    another instant (one that was held or lay in quarantine); `entry` is the number of the journey
    entry it made; `until` is when the time of a held message is up. `packs` name the rule packs in
    force when it arrived, as `id@version`, and then the lengths that the partnership replaced.
    `story_up` tells that the story service answered then: only so is a question refused that was
    answered before.
    """

    v: Literal[1] = 1
    exchange: ServiceId
    outcome: Outcome
    agency: str
    lane: str
    sequence: int
    submission: Digest
    sealed: Digest | None = None
    message: MessageId | None = None
    child: ChildRef | None = None
    kind: str = ""
    basis: str = ""
    rules: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    reasons: tuple[Ground, ...] = ()
    to: tuple[DeliveredTo, ...] = ()
    entry: int = 0
    protection: bool = False
    story_up: bool = False
    until: Instant | None = None
    arrived: Instant | None = None
    now: Instant

    @property
    def opened_at(self) -> datetime:
        """Return the instant as of which the exchange opened the seal: that of its arrival."""
        return self.arrived or self.now


class Group(Value):
    """What the exchange signs once per group: the Merkle root over `size` leaves."""

    v: Literal[1] = 1
    exchange: ServiceId
    root: Hash
    size: int
    at: Instant


class Place(Value):
    """Where a leaf stands in its group's tree."""

    index: int
    path: tuple[Hash, ...]


class LaneLeaf(Value):
    """How far one lane was decided in a group, chained by the root before it on that lane.

    From `waits` on, what is no message is decided later, and a later group begins there again; 0
    where nothing waits.
    """

    v: Literal[1] = 1
    lane: str
    first: int
    last: int
    before: str
    waits: int = 0


class Receipt(Value):
    """The signed answer to a sender: the decision's text, its place, and its lane's."""

    v: Literal[1] = 1
    decision: str
    group: str
    place: Place
    lane: str
    lane_place: Place


class Delivery(Value):
    """What an agency's inbox holds: the seal, the decision, and which digests it may see.

    `disclosures` travel along only for child protection, encrypted to the agency's delivery key.
    `not_to_know` are the agency's own practitioners who must not learn of a referral of this child,
    as the journey stood after the message; None where that is not said. No decision attests it: it
    takes away from what an inbox shows, and a read is decided by the story.
    """

    v: Literal[1] = 1
    seal: str
    decision: str
    group: str
    place: Place
    shown: tuple[str, ...] = ()
    disclosures: Encrypted | None = None
    not_to_know: tuple[PractitionerId, ...] | None = None

    @property
    def sealed(self) -> Sealed:
        """Return the sealed text as it was received, without disclosures."""
        return Sealed(self.seal)


class Entry(Value):
    """One journey entry; `journey` is the state after it, `before` the hash of the entry before.

    `group` and `place` attest the decision as they do in a receipt, which the ledger keeps for 400
    days only, while entries stay; both are None in entries that were written without them.

    What was taken from disclosures: `answered`, the numbers of the questions answered; `told`, of
    those that families are asked, number and day on which the newest answer was recorded;
    `asked_again`, the numbers of those that a family had answered before; and how many statements
    there are, `carried` of them carried on from an earlier message. Nobody's inbox or receipt holds
    what was asked again: it would tell that somebody else knows something.
    """

    v: Literal[1] = 1
    seal: str
    decision: str
    group: str | None = None
    place: Place | None = None
    answered: tuple[int, ...] = ()
    told: tuple[tuple[int, str], ...] = ()
    asked_again: tuple[int, ...] = ()
    statements: int = 0
    carried: int = 0
    journey: dict[str, Any]
    before: str = ""

    @property
    def sealed(self) -> Sealed:
        """Return the sealed text as it was received, without disclosures."""
        return Sealed(self.seal)


class Cursor(Value):
    """How far a lane is decided, and the root of the group that decided it."""

    sequence: int
    root: str
    at: Instant


class Quarantined(Value):
    """That something could not be opened: where it lies, its digest and why; never the bytes."""

    lane: str
    sequence: int
    digest: Digest
    reasons: tuple[Ground, ...]
    at: Instant


def entry_hash(data: bytes) -> str:
    """Return SHA-256, in hex, over an entry's bytes: what the next one names as `before`."""
    return hashlib.sha256(data).hexdigest()


def shown_digest(digests: tuple[str, ...]) -> str:
    """Return SHA-256, in hex, over the sorted digests that a recipient may see."""
    return hashlib.sha256(".".join(sorted(digests)).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Attested:
    """A decision whose place in a group signed by the exchange has been verified."""

    decision: Decision
    group: Group


def attested(
    decision: str,
    group: str,
    place: Place,
    directory: Directory,
    exchange: str,
    arrived: datetime | None = None,
) -> Attested | None:
    """Return the decision when `exchange`'s valid key signed the group it stands in, else None.

    `arrived`: as for `signed_group`.
    """
    signed = signed_group(group, directory, exchange, arrived)
    made = None if signed is None else attested_in(decision, place, signed)
    return None if signed is None or made is None else Attested(made, signed)


def attested_in(decision: str, place: Place, group: Group) -> Decision | None:
    """Return the decision in a text that stands at `place` in the signed `group`, else None."""
    if not stands_in(decision, place, group):
        return None
    try:
        made = Decision.model_validate_json(decision)
    except ValidationError:
        return None
    return made if made.exchange == group.exchange else None


def lane_attested(receipt: Receipt, directory: Directory, exchange: str) -> LaneLeaf | None:
    """Return the lane's leaf of a receipt when it stands in the signed group, else None."""
    signed = signed_group(receipt.group, directory, exchange)
    if signed is None or not stands_in(receipt.lane, receipt.lane_place, signed):
        return None
    try:
        return LaneLeaf.model_validate_json(receipt.lane)
    except ValidationError:
        return None


def signed_group(
    text: str, directory: Directory, exchange: str, arrived: datetime | None = None
) -> Group | None:
    """Return the group in a token that a key of `exchange`, valid then, has signed, else None.

    The signer says itself when it signed. Where it is known when the record `arrived` in the
    ledger, a revoked key counts for what arrived before, and a retired one for `MAX_AGE` longer.
    """
    parsed = jws.parse(text, GROUP_TYP)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
        return None
    holder = directory.holder(parsed.signatures[0].kid)
    if holder is None or holder.holder != exchange:
        return None
    payload = jws.verify(parsed, {holder.key.kid: public_key(holder.key.x)})
    if payload is None:
        return None
    try:
        group = Group.model_validate_json(payload)
    except ValidationError:
        return None
    valid = _valid(holder.key, group.at) and _arrived_in_time(holder.key, arrived)
    return group if valid and group.exchange == exchange else None


def _valid(key: SigningKey, at: datetime) -> bool:
    ended = [e for e in (key.valid_to, key.retired_at, key.compromised_at) if e is not None]
    return key.valid_from <= at and all(at < e for e in ended)


def _arrived_in_time(key: SigningKey, arrived: datetime | None) -> bool:
    if arrived is None:
        return True
    if key.compromised_at is not None and arrived >= key.compromised_at:
        return False
    ended = [e for e in (key.valid_to, key.retired_at) if e is not None]
    return all(arrived < e + MAX_AGE for e in ended)


def stands_in(leaf: str, place: Place, group: Group) -> bool:
    """Tell whether a leaf's text stands at `place` in the tree whose root `group` names."""
    path = [base64url.decode(step) or b"" for step in place.path]
    root = root_from(leaf_hash(leaf.encode()), place.index, group.size, path)
    return root is not None and base64url.encode(root) == group.root
