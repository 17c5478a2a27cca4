"""The entries of a directory: keys, people, agencies, services, gateways and what is trusted.

Keys are named by their RFC 7638 thumbprint, so that no two holders can share a name. Instants are
aware; months and days are written as in RFC 3339.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts import base64url, jws
from contracts.contact import Contact
from contracts.identifiers import AgencyId, Base64Url, PartnershipId, PractitionerId, ServiceId
from contracts.roles import Capacity, Role
from contracts.rules.packs import EntryId, Length, RulePack
from contracts.values import Instant, ShortText, Value
from contracts.weak_keys import is_weak
from contracts.worktime import Unit

_KEY_BYTES = 32
Month = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
NatsPublic = Annotated[str, StringConstraints(pattern=r"^U[A-Z2-7]{55}$")]
GatewayName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
PublicHalf = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
MAX_TRUSTED_BYTES = 1_000_000
MAX_ROOT_CHANGES = 64


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
        raw = base64url.decode(self.x) or b""
        if not _is_key(self.x) or is_weak(raw) or self.kid != jws.thumbprint(self.x):
            msg = "a key is 32 bytes, not of small order, and named by its thumbprint"
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
    gateway: GatewayName
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

    id: GatewayName
    service_nkey: NatsPublic
    desk_nkey: NatsPublic
    retiring_service: tuple[NatsPublic, ...] = ()
    retiring_desk: tuple[NatsPublic, ...] = ()
    witness: tuple[SigningKey, ...] = ()


class Break(Value):
    """A time in which a guest took no part: from the one instant until before the other.

    What arrived in it, or was sealed in it, counts as nothing, also after the guest came back.
    """

    since: Instant
    until: Instant


class Guest(Value):
    """An agency of another partnership that takes part here, in the role that it has here.

    From `left_at` on, nothing that arrives from it counts; `breaks` are earlier absences.
    """

    agency: AgencyId
    role: Role
    left_at: Instant | None = None
    breaks: Annotated[tuple[Break, ...], Field(max_length=32)] = ()


class Trusted(Value):
    """Another partnership whose named agencies are guests here, behind a gateway of ours.

    `directory` is what its root signed, as text; `root_x` the root key by which it is believed.
    From `ended_at` on, nothing that arrives from there counts. Who counts is `contracts.guests`'s.
    """

    partnership: PartnershipId
    root_x: PublicHalf
    directory: Annotated[str, StringConstraints(max_length=MAX_TRUSTED_BYTES)]
    guests: Annotated[tuple[Guest, ...], Field(min_length=1, max_length=64)]
    gateway: GatewayName
    since: Instant
    ended_at: Instant | None = None


class DirectoryDocument(Value):
    """What the partnership root signs; `version` only grows, times are instants.

    `root_changes` are the changes of the root itself, each signed by the old and by the new one
    (`contracts.roots`); `trusted` are other partnerships.

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
    root_changes: Annotated[tuple[str, ...], Field(max_length=MAX_ROOT_CHANGES)] = ()
    trusted: Annotated[tuple[Trusted, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _names_everything_once(self) -> "DirectoryDocument":
        signers: list[Practitioner | Service] = [*self.practitioners, *self.services]
        ids = [a.id for a in self.agencies] + [signer.id for signer in signers]
        kids = list(self.kids())
        if len(set(ids)) < len(ids) or len(set(kids)) < len(kids):
            msg = "an id or a key stands in the directory twice"
            raise ValueError(msg)
        known = [self.partnership, *(one.partnership for one in self.trusted)]
        if len(set(known)) < len(known):
            msg = "a partnership stands in the directory twice"
            raise ValueError(msg)
        return self

    def kids(self) -> Iterator[str]:
        """Yield the name of every key of people, of services and of witnesses."""
        for person in self.practitioners:
            yield from (key.kid for key in person.keys)
        for service in self.services:
            yield from (key.kid for key in service.keys)
        for gateway in self.gateways:
            yield from (key.kid for key in gateway.witness)
