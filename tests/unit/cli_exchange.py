"""An exchange behind a hand-written client: it opens, decides and attests, without a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nats.aio.client import Client
from nats.errors import NoRespondersError

from contracts import base64url, jws, subjects, submission
from contracts.journey import Journey
from contracts.kinds import Opened, iso
from contracts.merkle import Tree, leaf_hash
from contracts.records import GROUP_TYP, shown_digest
from contracts.seal import Sealed, open_seal
from contracts.submission import INTAKE_TYP, Submission, digest_of_bytes, raw_public
from services.cli.desk import Desk
from services.cli.messages import current_directory
from services.exchange.decision import Held, Refused, decide
from services.runtime.partnership import Partnership

MONTH = "2026-11"
GET = f"HUB.API.DIRECT.GET.{subjects.LEDGER}."


@dataclass
class Answer:
    """What a request is answered with."""

    data: bytes
    headers: dict[str, str] | None = None


@dataclass
class Exchange:
    """Decide what is published and keep the receipts, as the ledger would.

    `away` answers no question, `lost` publications are not acknowledged though they may have been
    `stored`, `silent` decides nothing, `hold` holds what may still come for an hour, `key` attests
    in place of the exchange's own.
    """

    partnership: Partnership
    lost: int = 0
    stored_when_lost: bool = False
    silent: bool = False
    hold: bool = False
    away: bool = False
    key: jws.PrivateKey | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    journeys: dict[str, Journey] = field(default_factory=dict)
    _intake: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    def jetstream(self, **_: object) -> "Exchange":
        """Return what publishes."""
        return self

    async def request(self, subject: str, _data: bytes, **_: object) -> Answer:
        """Answer a request as server and exchange would."""
        if subject == subjects.INTAKE_KEY and self.away:
            raise NoRespondersError
        if subject == subjects.INTAKE_KEY:
            return Answer(self._intake_key())
        record = self.records.get(subject.removeprefix(GET))
        return Answer(b"", {"Status": "404"}) if record is None else Answer(record)

    async def publish(self, subject: str, data: bytes, **_: object) -> None:
        """Store a submission and decide it, or lose it."""
        self.published.append((subject, data))
        if self.lost:
            self.lost -= 1
            if self.stored_when_lost:
                self._decide(data)
            raise TimeoutError
        if not self.silent:
            self._decide(data)

    def _signer(self) -> jws.Signer:
        return self.key or self.partnership.service_key("exchange")

    def _intake_key(self) -> bytes:
        said = {
            "service": self.partnership.exchange,
            "month": MONTH,
            "x": raw_public(self._intake),
            "expires_at": "2099-01-01T00:00:00Z",
        }
        return jws.sign(orjson.dumps(said), self._signer(), INTAKE_TYP)

    def _decide(self, data: bytes) -> None:
        directory = current_directory(self.partnership)
        now = datetime.now(UTC)
        sent = submission.read(data)
        assert isinstance(sent, Submission)
        beside = None
        if sent.disclosures is not None:
            plain = submission.decrypt(sent.disclosures, sent.sealed_digest, {MONTH: self._intake})
            assert not hasattr(plain, "code")
            beside = plain
        sealed = Sealed(sent.seal, beside)
        opened = open_seal(sealed, directory, now)
        assert isinstance(opened, Opened), opened
        event = opened.event
        subject = subjects.receipt(event.agency, event.id)
        body: dict[str, Any] = {
            "v": 1,
            "exchange": self.partnership.exchange,
            "agency": event.agency,
            "lane": "SUBMIT_x",
            "sequence": len(self.published),
            "submission": digest_of_bytes(data),
            "sealed": sealed.digest,
            "message": event.id,
            "child": event.subject,
            "kind": event.kind,
            "basis": event.data.basis.kind,
            "now": iso(now),
        }
        if subject in self.records:
            if (
                orjson.loads(orjson.loads(self.records[subject])["decision"])["sealed"]
                == sealed.digest
            ):
                return
            subject = subjects.receipt_bytes(event.agency, digest_of_bytes(data))
            body |= {"outcome": "refused", "reasons": [{"code": "message.id-reused"}]}
        else:
            body |= self._verdict(opened, now)
        if body["outcome"] == "held":
            subject = subjects.receipt_held(event.agency, event.id)
        self.records[subject] = self._receipt(orjson.dumps(body).decode(), iso(now))

    def _verdict(self, opened: Opened, now: datetime) -> dict[str, Any]:
        child, directory = opened.event.subject, current_directory(self.partnership)
        until = now + timedelta(hours=1) if self.hold else None
        verdict = decide(opened, directory, self.journeys.get(child), now, hold_until=until)
        if isinstance(verdict, Held):
            reasons = [{"code": r.code, "detail": r.detail} for r in verdict.waits_for]
            return {"outcome": "held", "reasons": reasons, "until": iso(verdict.until)}
        if isinstance(verdict, Refused):
            reasons = [{"code": r.code, "detail": r.detail} for r in verdict.reasons]
            return {"outcome": "refused", "reasons": reasons}
        self.journeys[child] = verdict.journey
        to = [{"agency": d.agency, "shown": shown_digest(d.shown)} for d in verdict.deliveries]
        return {"outcome": "accepted", "to": to, "rules": list(verdict.rules), "entry": 1}

    def _receipt(self, decision: str, at: str) -> bytes:
        lane = '{"v":1,"lane":"SUBMIT_x","first":1,"last":1,"before":""}'
        tree = Tree([leaf_hash(decision.encode()), leaf_hash(lane.encode())])
        group = {
            "v": 1,
            "exchange": self.partnership.exchange,
            "root": base64url.encode(tree.root),
            "size": 2,
            "at": at,
        }
        places = [
            {"index": i, "path": [base64url.encode(step) for step in tree.path(i)]} for i in (0, 1)
        ]
        signed = jws.sign(orjson.dumps(group), self._signer(), GROUP_TYP).decode()
        return orjson.dumps(
            {
                "v": 1,
                "decision": decision,
                "group": signed,
                "place": places[0],
                "lane": lane,
                "lane_place": places[1],
            }
        )

    @property
    def client(self) -> Client:
        """Return itself in the place of a connection."""
        return cast("Client", self)

    @asynccontextmanager
    async def desk(self, partnership: Partnership, agency: str) -> AsyncIterator[Desk]:
        """Take the place of `services.cli.desk.desk`."""
        yield Desk(partnership, current_directory(partnership), self.client, agency)
