"""The measured message: 4 kB, 12 statements, one signature, one recipient."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import jws
from contracts.consents import StatutoryBasis, StatutoryProvision
from contracts.directory import (
    Agency,
    Directory,
    DirectoryDocument,
    Practitioner,
    Service,
    SigningKey,
)
from contracts.event import Data, Event, Recipient, Signer, source_of
from contracts.identifiers import new_reference
from contracts.questions import questions
from contracts.roles import Capacity, Role
from contracts.seal import Disclosures, Sealed, seal
from contracts.statements import Statement, seal_statements
from contracts.submission import IntakeKey, raw_public, write

SCHOOL, FRONT = "bench.school", "bench.first-response"
EXCHANGE = "bench.exchange"
STATEMENTS = 12
_SAID = "as the family says"
_IN_NEED = {
    "basis": StatutoryBasis(provision=StatutoryProvision.CHILDREN_ACT_1989_S17),
    "content": {"concern": "child_in_need", "source": "2A"},
}
_PROTECTION = {
    "basis": {"kind": "child_protection", "call": "01632 960001"},
    "content": {"concern": "child_protection"},
}


@dataclass(frozen=True, slots=True)
class One:
    """A submission: its subject, its bytes and the sealed text inside."""

    id: str
    child: str
    subject: str
    data: bytes
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class Like:
    """Who submits a message, and whether it is child protection; then it goes to that lane."""

    school: str = SCHOOL
    protection: bool = False


class Workload:
    """A partnership of schools and a front door, and sealed referrals from the ones to the other.

    `schools` are the ids of the schools; one practitioner writes for each with a key
    of their own.
    """

    def __init__(self, statements: int = STATEMENTS, schools: tuple[str, ...] = (SCHOOL,)) -> None:
        """Make fresh keys; each message has as many `statements`."""
        self._count = statements
        self.schools = schools
        self._authors = {school: jws.PrivateKey.generate() for school in schools}
        self.author, self.exchange = self._authors[schools[0]], jws.PrivateKey.generate()
        self.intake = X25519PrivateKey.generate()
        self.now = datetime.now(UTC)
        self.directory = Directory(self._document())

    @property
    def month(self) -> str:
        """The month of the intake key."""
        return f"{self.now:%Y-%m}"

    def _document(self) -> DirectoryDocument:
        since = self.now - timedelta(days=30)

        def public(key: jws.PrivateKey) -> SigningKey:
            return SigningKey(kid=key.kid, x=key.x, valid_from=since)

        return DirectoryDocument(
            partnership="bench",
            version=1,
            issued_at=self.now,
            expires_at=self.now + timedelta(days=30),
            agencies=(
                *(
                    Agency(id=school, name="School", role=Role.UNIVERSAL, gateway="schools")
                    for school in self.schools
                ),
                Agency(id=FRONT, name="Front", role=Role.FIRST_RESPONSE, gateway="front-door"),
            ),
            practitioners=tuple(
                Practitioner(id=f"{school}.author", name="Author", keys=(public(key),))
                for school, key in self._authors.items()
            ),
            services=(Service(id=EXCHANGE, keys=(public(self.exchange),)),),
        )

    def make(self, count: int, like: Like = Like()) -> list[One]:
        """Return `count` referrals of as many children, sealed and written."""
        return [self._one(like) for _ in range(count)]

    def _statements(self, author: str) -> list[Statement]:
        keys = ["concern.what_happened", *[k for k in questions() if k.startswith("identity.")]]
        keys += [k for k in questions() if k.startswith("family.")]
        keys = list(dict.fromkeys((*keys, *questions())))
        return [
            Statement(
                question=key,
                value=min(questions()[key].allowed, default=_SAID),
                said_by="parent",
                recorded_by=author,
                recorded_at=self.now,
            )
            for key in keys[: self._count]
        ]

    def _one(self, like: Like) -> One:
        author = f"{like.school}.author"
        made, child = seal_statements(self._statements(author)), new_reference()
        event = Event(
            id=new_reference(),
            source=source_of(like.school),
            type="handrail.referral.submitted",
            subject=child,
            time=self.now,
            data=Data.model_validate(
                {
                    "author": Signer(id=author, capacity=Capacity.PRACTITIONER),
                    "recipients": (Recipient(agency=FRONT),),
                    **(_PROTECTION if like.protection else _IN_NEED),
                    "statements": made.elements,
                    "bound": made.bound,
                }
            ),
        )
        sealed = seal(event, self._authors[like.school], Disclosures(made.salt, made.disclosures))
        key = IntakeKey(
            service=EXCHANGE, month=self.month, x=raw_public(self.intake), expires_at=self.now
        )
        lane = "urgent" if like.protection else "submit"
        return One(event.id, child, f"{lane}.{like.school}.{child}", write(sealed, key), sealed)
