"""Ledger records and submissions as the exchange leaves them, written by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import base64url, subjects
from contracts.consents import Consent, ConsentHeld, Covers, GivenBy
from contracts.event import Event
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump
from contracts.kinds import iso
from contracts.questions import Category
from contracts.reasons import Refusal
from contracts.records import shown_digest
from contracts.seal import Sealed, peek
from contracts.submission import IntakeKey, digest_of_bytes, raw_public, write
from services.runtime.subscribing import Record
from tests.area import FRONT, SCHOOL, TEACHER, Area

ON_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}
ROOT = base64url.encode(b"r" * 32)
WORDS = "Maisie says the stairs are dark since Uncle Ned moved in"


@dataclass(frozen=True)
class Written:
    """What one accepted message leaves: its submission, its journey entry and its deliveries."""

    sealed: Sealed
    event: Event
    submission: bytes
    lane: str
    sequence: int
    decision: str
    entry: bytes
    deliveries: dict[str, bytes]

    @property
    def id(self) -> str:
        """The message's id."""
        return self.event.id

    @property
    def child(self) -> str:
        """The child's reference."""
        return self.event.subject

    def record(self, ledger: int) -> Record:
        """Give the journey entry as the consumer hands it over."""
        return record(subjects.journey(self.child), self.entry, ledger)


@dataclass
class Exchange:
    """Write what an exchange would, that accepts everything it is given."""

    area: Area = field(default_factory=Area)
    intake: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    journeys: dict[str, Journey] = field(default_factory=dict)

    @property
    def month(self) -> str:
        """The month of the intake key."""
        return f"{self.area.now:%Y-%m}"

    def submission(self, sealed: Sealed) -> bytes:
        """Give the bytes that a sender submits."""
        key = IntakeKey(
            service="demo.exchange",
            month=self.month,
            x=raw_public(self.intake),
            expires_at=self.area.now,
        )
        return write(sealed, key)

    def key_of_month(self, month: str) -> X25519PrivateKey:
        """Give the private intake key, of its one month."""
        assert month == self.month
        return self.intake

    def accept(
        self,
        sealed: Sealed,
        sequence: int = 1,
        *,
        submission: bytes = b"",
        consents: Iterable[ConsentHeld] = (),
        now: datetime | None = None,
        deviating: Mapping[str, object] | None = None,
    ) -> Written:
        """Accept `sealed` as the submission `sequence` of its lane, delivered to all it names.

        The journey afterwards holds `consents`; `deviating` are members of the decision.
        """
        event = peek(sealed)
        assert not isinstance(event, Refusal)
        data = submission or self.submission(sealed)
        at = now or datetime.now(UTC)
        journey = self._next(event.subject, tuple(consents), at)
        to = [r.agency for r in event.data.recipients]
        shown = tuple(e.digest for e in event.data.statements)
        body = {
            "v": 1,
            "exchange": "demo.exchange",
            "outcome": "accepted",
            "agency": event.agency,
            "lane": subjects.submit_stream(event.agency),
            "sequence": sequence,
            "submission": digest_of_bytes(data),
            "sealed": sealed.digest,
            "message": event.id,
            "child": event.subject,
            "kind": event.kind,
            "basis": event.data.basis.kind,
            "to": [{"agency": a, "shown": shown_digest(shown)} for a in to],
            "entry": journey.entries,
            "now": iso(at),
            **(deviating or {}),
        }
        text = orjson.dumps(body).decode()
        entry = {
            "v": 1,
            "seal": sealed.text,
            "decision": text,
            "answered": [],
            "journey": orjson.Fragment(dump(journey)),
            "before": "",
        }
        delivery = {
            "v": 1,
            "seal": sealed.text,
            "decision": text,
            "group": "",
            "place": {"index": 0, "path": []},
            "shown": shown,
        }
        return Written(
            sealed,
            event,
            data,
            str(body["lane"]),
            sequence,
            text,
            orjson.dumps(entry),
            {agency: orjson.dumps(delivery) for agency in to},
        )

    def referral(
        self,
        child: str = "",
        *,
        author: str = TEACHER,
        to: Iterable[str] = (FRONT,),
        words: Iterable[tuple[str, str]] = (("concern.what_happened", WORDS),),
        basis: dict[str, Any] | None = None,
        **data: object,
    ) -> Sealed:
        """Seal a referral with one statement for each question and words."""
        statements = [self.area.statement(question, text, author) for question, text in words]
        content = {"concern": "child_in_need", "source": "2A"}
        return self.area.sealed(
            "referral.submitted",
            child or new_reference(),
            author,
            to,
            statements,
            basis=basis or ON_DUTY,
            content=content,
            **data,
        )

    def consent(self, recipient: str = FRONT, *categories: Category) -> Consent:
        """Give a consent to share with `recipient`, of `categories` or of every one."""
        return Consent(
            id=new_reference(),
            covers=Covers.SHARING,
            given_by=GivenBy.PARENT,
            taken_by=TEACHER,
            given_at=self.area.now,
            recipients=(recipient,),
            categories=categories or tuple(Category),
        )

    def _next(self, child: str, consents: tuple[ConsentHeld, ...], now: datetime) -> Journey:
        before = self.journeys.get(child, Journey(child=child))
        after = replace(before, entries=before.entries + 1, now=iso(now), consents=consents)
        self.journeys[child] = after
        return after


def record(subject: str, data: bytes, ledger: int) -> Record:
    """Give a ledger record as the consumer hands it over."""
    return Record("LEDGER", subject, ledger, datetime.now(UTC), 1, data, {})


def cursor(sequence: int) -> bytes:
    """Give a cursor record's body."""
    return orjson.dumps({"sequence": sequence, "root": ROOT, "at": iso(datetime.now(UTC))})


LANE = subjects.submit_stream(SCHOOL)
