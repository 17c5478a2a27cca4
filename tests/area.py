"""A small partnership for tests: people with keys, and messages sealed as they would seal them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import jws
from contracts.directory import (
    Agency,
    DeliveryKey,
    Directory,
    DirectoryDocument,
    Practitioner,
    Service,
    SigningKey,
    open_directory,
    sign_directory,
)
from contracts.event import Data, Event, Recipient, Signer, source_of
from contracts.identifiers import agency_of, new_reference
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.seal import Disclosures, Sealed, countersign, open_seal, seal
from contracts.statements import Statement, seal_statements
from contracts.submission import raw_public

SCHOOL = "demo.hilltop-school"
GP = "demo.mill-lane-surgery"
CAF = "demo.caf-team"
FRONT = "demo.first-response"
CARE = "demo.social-care"

HEAD = f"{SCHOOL}.head"
TEACHER = f"{SCHOOL}.teacher"
DOCTOR = f"{GP}.doctor"
CAF_WORKER = f"{CAF}.worker"
CAF_MANAGER = f"{CAF}.manager"
DUTY = f"{FRONT}.duty"
DUTY_MANAGER = f"{FRONT}.manager"
WORKER = f"{CARE}.worker"
MANAGER = f"{CARE}.manager"

_ROLES = {
    SCHOOL: Role.UNIVERSAL,
    GP: Role.UNIVERSAL,
    CAF: Role.CAF_TEAM,
    FRONT: Role.FIRST_RESPONSE,
    CARE: Role.SOCIAL_CARE,
}
_GATEWAYS = {SCHOOL: "schools", GP: "health", CAF: "caf", FRONT: "front-door", CARE: "social-care"}
_PEOPLE: dict[str, tuple[tuple[Capacity, ...], str | None]] = {
    HEAD: ((Capacity.LINE_MANAGER,), None),
    TEACHER: ((), HEAD),
    DOCTOR: ((), None),
    CAF_WORKER: ((Capacity.CAF_WORKER,), CAF_MANAGER),
    CAF_MANAGER: ((Capacity.TEAM_MANAGER,), None),
    DUTY: ((Capacity.DUTY_WORKER, Capacity.SOCIAL_WORKER), DUTY_MANAGER),
    DUTY_MANAGER: ((Capacity.TEAM_MANAGER,), None),
    WORKER: ((Capacity.SOCIAL_WORKER,), MANAGER),
    MANAGER: ((Capacity.TEAM_MANAGER,), None),
}
_DESKS = {SCHOOL: TEACHER, GP: DOCTOR, CAF: CAF_WORKER, FRONT: DUTY, CARE: WORKER}
PACK = ("pack.referral_form", "pack.caf", "pack.tac_delivery_plan", "pack.last_tac_meeting")


class Area:
    """A partnership `demo` with one agency of every role and a GP, all keys at hand."""

    def __init__(self, now: datetime | None = None, version: int = 1) -> None:
        self.now = now or datetime.now(UTC)
        self.root = jws.PrivateKey.generate()
        self.keys = {person: jws.PrivateKey.generate() for person in _PEOPLE}
        names = ("exchange", "tracker", "story")
        self.services = {name: jws.PrivateKey.generate() for name in names}
        self.delivery = {agency: X25519PrivateKey.generate() for agency in _ROLES}
        self.document = self._document(version)

    @property
    def directory(self) -> Directory:
        """The directory, signed by the root and opened again."""
        return open_directory(self.signed, self.root.x)

    @property
    def signed(self) -> bytes:
        """The directory as the root signed it."""
        return sign_directory(self.document, self.root)

    def _document(self, version: int) -> DirectoryDocument:
        since = self.now - timedelta(days=365)
        month = f"{self.now:%Y-%m}"
        return DirectoryDocument(
            partnership="demo",
            version=version,
            issued_at=self.now,
            expires_at=self.now + timedelta(days=365),
            agencies=tuple(
                Agency(
                    id=agency,
                    name=agency,
                    role=role,
                    gateway=_GATEWAYS[agency],
                    duty_desk=_DESKS[agency],
                    delivery_keys=(DeliveryKey(month=month, x=raw_public(self.delivery[agency])),),
                )
                for agency, role in _ROLES.items()
            ),
            practitioners=tuple(
                Practitioner(
                    id=person,
                    name=person,
                    capacities=capacities,
                    line_manager=manager,
                    keys=(self._public(self.keys[person], since),),
                )
                for person, (capacities, manager) in _PEOPLE.items()
            ),
            services=tuple(
                Service(id=f"demo.{name}", keys=(self._public(key, since),))
                for name, key in self.services.items()
            ),
        )

    def _public(self, key: jws.PrivateKey, since: datetime) -> SigningKey:
        return SigningKey(kid=key.kid, x=key.x, valid_from=since)

    def statement(self, question: str, value: Any = "as told", by: str = TEACHER) -> Statement:
        """A statement recorded now by `by`."""
        return Statement(
            question=question, value=value, said_by="parent", recorded_by=by, recorded_at=self.now
        )

    def event(
        self,
        kind: str,
        child: str,
        author: str,
        to: Iterable[str] = (),
        statements: Iterable[Statement] = (),
        **data: Any,
    ) -> tuple[Event, Disclosures | None]:
        """An event of `kind` by `author`; `data` are members of the event's data.

        `id`, `time`, `capacity` and `source` may be given to deviate from what is usual.
        """
        made = seal_statements(tuple(statements))
        event_id, at = data.pop("id", new_reference()), data.pop("time", self.now)
        capacity = data.pop("capacity", Capacity.PRACTITIONER)
        source = data.pop("source", source_of(agency_of(author)))
        basis = data.pop("basis", {"kind": "notice"})
        content = orjson.loads(orjson.dumps(data.pop("content", {})))
        body = {
            "content": content,
            "author": Signer(id=author, capacity=capacity),
            "recipients": tuple(Recipient(agency=agency) for agency in to),
            "basis": basis,
            **data,
        }
        if made.elements:
            body |= {"statements": made.elements, "bound": made.bound}
        event = Event(
            id=event_id,
            source=source,
            type=f"handrail.{kind}",
            subject=child,
            time=at,
            data=Data.model_validate(body),
        )
        disclosures = Disclosures(made.salt, made.disclosures) if made.elements else None
        return event, disclosures

    def sealed(self, kind: str, child: str, author: str, *args: Any, **data: Any) -> Sealed:
        """A message sealed by its author and by every countersigner that it names."""
        event, disclosures = self.event(kind, child, author, *args, **data)
        key = self.keys.get(author) or self.services[author.rsplit(".", maxsplit=1)[-1]]
        made = seal(event, key, disclosures)
        for signer in event.data.countersigners:
            made = countersign(made, self.keys[signer.id])
        return made

    def open(self, sealed: Sealed, arrived: datetime | None = None) -> Opened:
        """The opened message; fails the test when it cannot be opened."""
        opened = open_seal(sealed, self.directory, arrived or self.now)
        assert isinstance(opened, Opened), opened
        return opened

    def codes(self, sealed: Sealed, arrived: datetime | None = None) -> set[str]:
        """The codes for which the seal is refused, empty when it opens."""
        opened = open_seal(sealed, self.directory, arrived or self.now)
        return set() if isinstance(opened, Opened) else codes(opened)


def codes(reasons: Iterable[Refusal]) -> set[str]:
    """The codes of refusals."""
    return {reason.code for reason in reasons}
