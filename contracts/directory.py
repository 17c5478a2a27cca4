"""The directory: who takes part in a partnership, signed by its root key (design §1, §4).

A directory names agencies, practitioners, services, gateways and their keys with their times of
validity. Keys are named by their RFC 7638 thumbprint, so that no two holders can share a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from contracts import base64url, jws
from contracts.contact import Contact
from contracts.errors import HandrailError
from contracts.identifiers import (
    AgencyId,
    Base64Url,
    HolderId,
    PartnershipId,
    PractitionerId,
    ServiceId,
    agency_of,
)
from contracts.managers import line_managers
from contracts.roles import Capacity, Role
from contracts.rules.packs import EntryId, Length, RulePack
from contracts.values import Instant, ShortText, Value
from contracts.worktime import Unit

TYP = "handrail-directory+jws"
GRACE = timedelta(days=7)
_KEY_BYTES = 32
Month = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
NatsPublic = Annotated[str, StringConstraints(pattern=r"^U[A-Z2-7]{55}$")]


class SigningKey(Value):
    """A public Ed25519 key; `x` as in RFC 8037, times are instants.

    `retired_at`: signs nothing sealed later. `compromised_at`: signs nothing that arrives later.
    """

    kid: Base64Url
    x: Base64Url
    valid_from: Instant
    valid_to: Instant | None = None
    retired_at: Instant | None = None
    compromised_at: Instant | None = None

    @model_validator(mode="after")
    def _named_by_its_thumbprint(self) -> "SigningKey":
        if not _is_key(self.x) or self.kid != jws.thumbprint(self.x):
            msg = "a key is 32 bytes and named by its thumbprint"
            raise ValueError(msg)
        return self


class DeliveryKey(Value):
    """The public X25519 key for an agency's child-protection deliveries of a month."""

    month: Month
    x: Base64Url

    @model_validator(mode="after")
    def _has_the_length_of_a_key(self) -> "DeliveryKey":
        if not _is_key(self.x):
            msg = "a key is 32 bytes"
            raise ValueError(msg)
        return self


def _is_key(x: str) -> bool:
    return len(base64url.decode(x) or b"") == _KEY_BYTES


class Closure(Value):
    """Days on which an agency is closed, first and last included (local dates)."""

    first: date
    last: date


class Cover(Value):
    """Who stands in for a practitioner, from the one instant until before the other."""

    by: PractitionerId
    since: Instant
    until: Instant


class RuleOverride(Value):
    """A length that holds here in place of a rule pack's, and why."""

    table: Literal["clocks", "guards", "tells"]
    id: EntryId
    length: Length
    unit: Unit | None = None
    reason: Annotated[str, StringConstraints(pattern=r"\w\w", min_length=1, max_length=1000)]


class RulesInForce(Value):
    """Which rule packs hold from an instant on, in the order they are combined.

    `packs` are names of packs that come with Handrail and `signed` their content on the day of
    signing, so that no file edited and no release installed later changes a rule. `own` are the
    partnership's, combined after them and in place of one of the same id; `overrides` replace
    single lengths.
    """

    since: Instant
    packs: tuple[ShortText, ...]
    signed: tuple[RulePack, ...] = ()
    own: tuple[RulePack, ...] = ()
    overrides: tuple[RuleOverride, ...] = ()


class Agency(Value):
    """An organisation that takes part; `source_code` is its DfE referral source code.

    `closures` are its own beside the common calendar, `always_open` that it works on every day of
    the year. `safeguarding_lead` acts as line manager of whoever has none (ADR 0015).
    `contact` is how families reach it.
    """

    id: AgencyId
    name: ShortText
    role: Role
    gateway: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
    duty_desk: PractitionerId | None = None
    safeguarding_lead: PractitionerId | None = None
    source_code: Annotated[str, Field(pattern=r"^[0-9]{1,2}[A-F]?$")] | None = None
    delivery_keys: tuple[DeliveryKey, ...] = ()
    closures: Annotated[tuple[Closure, ...], Field(max_length=64)] = ()
    always_open: bool = False
    contact: Contact | None = None
    left_at: Instant | None = None


class Practitioner(Value):
    """A named person in an agency, with capacities there, who stands in, and signing keys.

    `contact` is how families reach the person at work.
    """

    id: PractitionerId
    name: ShortText
    capacities: tuple[Capacity, ...] = ()
    line_manager: PractitionerId | None = None
    deputy: PractitionerId | None = None
    cover: Annotated[tuple[Cover, ...], Field(max_length=32)] = ()
    keys: tuple[SigningKey, ...] = ()
    contact: Contact | None = None
    left_at: Instant | None = None

    def covered_by(self, at: datetime) -> str | None:
        """Return who covers this person at the instant `at`, or None where nobody does."""
        return next((one.by for one in self.cover if one.since <= at < one.until), None)


class Service(Value):
    """A service of the partnership and the keys with which it attests or signs notices."""

    id: ServiceId
    keys: tuple[SigningKey, ...]


class Gateway(Value):
    """A process that connects for agencies: one NATS account, an identity for each user.

    The `retiring` identities of its service and its desk are those that may still connect beside
    the new ones. With the `witness` keys its service signs tree heads of the log, and nothing else.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
    service_nkey: NatsPublic
    desk_nkey: NatsPublic
    retiring_service: tuple[NatsPublic, ...] = ()
    retiring_desk: tuple[NatsPublic, ...] = ()
    witness: tuple[SigningKey, ...] = ()


class DirectoryDocument(Value):
    """What the partnership root signs; `version` only grows, times are instants.

    `rule_packs` hold until the first of `rule_changes`; no name means the usual ones (`USUAL`).
    """

    partnership: PartnershipId
    version: Annotated[int, Field(ge=1)]
    issued_at: Instant
    expires_at: Instant
    demonstration: bool = False
    rule_packs: tuple[ShortText, ...] = ()
    rule_changes: tuple[RulesInForce, ...] = ()
    agencies: tuple[Agency, ...] = ()
    practitioners: tuple[Practitioner, ...] = ()
    services: tuple[Service, ...] = ()
    gateways: tuple[Gateway, ...] = ()

    @model_validator(mode="after")
    def _names_everything_once(self) -> "DirectoryDocument":
        signers: list[Practitioner | Service] = [*self.practitioners, *self.services]
        ids = [a.id for a in self.agencies] + [signer.id for signer in signers]
        kids = [key.kid for signer in signers for key in signer.keys]
        if len(set(ids)) < len(ids) or len(set(kids)) < len(kids):
            msg = "an id or a key stands in the directory twice"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is: a practitioner's or a service's id, and the key."""

    holder: HolderId
    key: SigningKey
    is_service: bool


class Directory:
    """Look-ups over a verified directory document."""

    def __init__(self, document: DirectoryDocument) -> None:
        """Index `document`; give a document that `open_directory` verified."""
        self.document = document
        self.agencies: Mapping[str, Agency] = {a.id: a for a in document.agencies}
        self.practitioners: Mapping[str, Practitioner] = {p.id: p for p in document.practitioners}
        self.services: Mapping[str, Service] = {s.id: s for s in document.services}
        self._keys: dict[str, KeyHolder] = {}
        self._people: dict[str, list[Practitioner]] = {}
        for person in document.practitioners:
            self._people.setdefault(agency_of(person.id), []).append(person)
            for key in person.keys:
                self._keys[key.kid] = KeyHolder(person.id, key, is_service=False)
        for service in document.services:
            for key in service.keys:
                self._keys[key.kid] = KeyHolder(service.id, key, is_service=True)

    def holder(self, kid: str) -> KeyHolder | None:
        """Return who holds the key `kid`, or None."""
        return self._keys.get(kid)

    def agency(self, agency: str, at: datetime) -> Agency | None:
        """Return an agency that takes part at the instant `at`, or None."""
        found = self.agencies.get(agency)
        return None if found is None or _gone(found.left_at, at) else found

    def practitioner(self, practitioner: str, at: datetime) -> Practitioner | None:
        """Return a practitioner who has not left at the instant `at`, or None."""
        found = self.practitioners.get(practitioner)
        return None if found is None or _gone(found.left_at, at) else found

    def people(self, agency: str, at: datetime) -> tuple[Practitioner, ...]:
        """Return who works in `agency` at the instant `at`, in the directory's order."""
        return tuple(p for p in self._people.get(agency, ()) if not _gone(p.left_at, at))

    def line_managers(self, practitioner: str, at: datetime) -> frozenset[str]:
        """Return who may act as the person's line manager then, as ids (003 §2.3)."""
        return line_managers(self, practitioner, at)

    def by_role(self, role: Role) -> tuple[Agency, ...]:
        """Return the agencies of a role, in the directory's order."""
        return tuple(a for a in self.document.agencies if a.role is role)

    def must_be_fresh(self, now: datetime, grace: timedelta = GRACE) -> None:
        """Raise `directory.expired` when the directory is past its expiry and a grace of days."""
        if now > self.document.expires_at + grace:
            raise HandrailError(
                "directory.expired",
                "the partnership's directory has expired",
                "have the partnership root sign a new directory and start again",
            )


def _gone(left_at: datetime | None, at: datetime) -> bool:
    return left_at is not None and left_at <= at


def sign_directory(document: DirectoryDocument, root: jws.PrivateKey) -> bytes:
    """Return the directory as JWS General JSON, signed by the partnership root."""
    payload = document.model_dump_json(exclude_defaults=True).encode()
    return jws.sign(payload, root, TYP)


def open_directory(data: bytes, root_x: str, *, newest_seen: int = 0) -> Directory:
    """Return the directory in `data`, verified against the root's public key `root_x`.

    Raises `directory.untrusted` for any other signature or form, `directory.older` when its
    version is below `newest_seen`: a broker cannot bring an old key back.
    """
    untrusted = HandrailError(
        "directory.untrusted",
        "the directory is not signed by the partnership root",
        "fetch the directory from the partnership again and compare the root key",
    )
    parsed = jws.parse(data, TYP)
    if isinstance(parsed, jws.Unacceptable):
        raise untrusted
    root = jws.PublicKey(root_x)
    if [s.kid for s in parsed.signatures] != [root.kid]:
        raise untrusted
    payload = jws.verify(parsed, {root.kid: root})
    if payload is None:
        raise untrusted
    try:
        document = DirectoryDocument.model_validate_json(payload)
    except ValidationError:
        raise untrusted from None
    if document.version < newest_seen:
        raise HandrailError(
            "directory.older",
            "the directory is older than one that was seen before",
            "fetch the newest directory from the partnership",
        )
    return Directory(document)
