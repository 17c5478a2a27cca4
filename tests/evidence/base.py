"""An honest evidence file: real messages, signed groups, a log with witnesses, and clocks."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import create_engine, select

from contracts import base64url, jws
from contracts.directory import Gateway, SigningKey
from contracts.evidence import Evidence
from contracts.evidence.form import (
    EvidenceAnswer,
    EvidenceEntry,
    EvidenceJourney,
)
from contracts.evidence.said import EvidenceClock, EvidenceClocks, sign_clocks
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.log import (
    LogProof,
    digest_of,
)
from contracts.records import Decision, Entry, Place, entry_hash
from contracts.seal import seal
from contracts.subjects import submit_stream
from services.exchange.attesting import Attestation, LaneStep, Leaves, attest
from services.tracker.clock_rows import Kept, kept_of
from services.tracker.notices import addressees, missed_notice
from services.tracker.store import LIVE, prepare
from tests import messages as m
from tests.area import CARE, DUTY, FRONT, SCHOOL, WORKER, Area
from tests.evidence.logbook import EXCHANGE, GATEWAYS, Logbook
from tests.tracking import LedgerWriter
from tests.unit.test_kinds_linking import linked

__all__ = ["EXCHANGE", "GATEWAYS", "NOW", "Base", "place_in"]

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
_NKEY = "U" + "A" * 55


@dataclass
class Base:
    """A child with two references, a standard that was missed, a refusal, and all that proves it.

    `more` plays on after the story; without `joins` the two references are never joined.
    """

    area: Area = field(default_factory=lambda: Area(NOW))
    witnesses: dict[str, jws.PrivateKey] = field(default_factory=dict)
    child: str = field(default_factory=new_reference)
    retired: str = field(default_factory=new_reference)
    refused: str = ""
    more: Callable[["Base"], object] = lambda _: None
    joins: bool = True

    def __post_init__(self) -> None:
        """Play the story through."""
        self.witnesses = self.witnesses or {n: jws.PrivateKey.generate() for n in GATEWAYS}
        self.area.document = self.area.document.model_copy(
            update={"gateways": tuple(self._gateway(name) for name in GATEWAYS)}
        )
        self.ledger = LedgerWriter(self.area)
        self.log = Logbook(self.area)
        self.attestations: list[Attestation] = []
        self._play()
        self.evidence = self._evidence()

    def again(self, more: Callable[["Base"], object] = lambda _: None, **said: Any) -> "Base":
        """The same partnership with the same keys, in which the story goes otherwise."""
        area = copy(self.area)
        area.now = NOW
        return Base(area, self.witnesses, more=more, **said)

    def _gateway(self, name: str) -> Gateway:
        key = self.witnesses[name]
        since = self.area.now - timedelta(days=30)
        signing = SigningKey(kid=key.kid, x=key.x, valid_from=since)
        return Gateway(id=name, service_nkey=_NKEY, desk_nkey=_NKEY, witness=(signing,))

    def _play(self) -> None:
        ledger, area = self.ledger, self.area
        ledger.accept(m.opened_before(area, self.child))
        ledger.later(hours=1)
        request = ledger.accept(m.step_up(area, self.child))
        ledger.later(days=2)
        self._missed()
        ledger.later(hours=1)
        ledger.accept(m.acknowledged(area, self.child, request))
        ledger.accept(m.step_up_decided(area, self.child, request))
        ledger.accept(m.assessment(area, self.child))
        ledger.later(hours=1)
        ledger.accept(m.assessment(area, self.child, concluded="child_in_need"))
        ledger.led_by(self.child, WORKER, WORKER, (SCHOOL, CARE))
        ledger.accept(m.referral(area, self.retired))
        if self.joins:
            self.join()
        self.more(self)

    def join(self) -> None:
        """Retire the second reference into the first."""
        said = {"content": {"survivor": self.child, "lead": WORKER}}
        first = linked(self.area, self.retired, self.child, **said)
        self.ledger.take(first)
        self.ledger.take(linked(self.area, self.child, self.retired, **said))

    def _missed(self) -> None:
        """Have the tracker tell that the step up was not acknowledged in time."""
        kept = next(k for k in self.clocks(self.child) if k.clock.rule == "acknowledge-request")
        told = addressees(self.area.directory, kept.clock, self.area.now)
        assert told is not None
        event = missed_notice(kept.clock, kept.entry, "demo.tracker", told, self.area.now)
        self.ledger.accept(seal(event, self.area.services["tracker"]))

    def clocks(self, child: str) -> list[Kept]:
        """The clocks of a reference as a tracker that followed the ledger keeps them."""
        database = create_engine("sqlite://")
        prepare(database)
        self.ledger.follow(database)
        with database.begin() as connection:
            chosen = select(LIVE.clocks).where(LIVE.clocks.c.child == child)
            found = [kept_of(row) for row in connection.execute(chosen).mappings()]
        database.dispose()
        return found

    def decided(self, *texts: str) -> Attestation:
        """Attest decisions as one group of their own, and enter it into the log."""
        leaves = Leaves()
        for text in texts:
            leaves.add(text)
        decisions = [Decision.model_validate_json(text) for text in texts]
        lanes = sorted({one.lane for one in decisions})
        numbers = {lane: [d.sequence for d in decisions if d.lane == lane] for lane in lanes}
        steps = [LaneStep(lane, min(numbers[lane]), max(numbers[lane]), "") for lane in lanes]
        key = self.area.services["exchange"]
        made = attest(leaves, steps, EXCHANGE, key, decisions[-1].now)
        self.log.texts.append(made.token)
        self.attestations.append(made)
        return made

    def entry(self, data: bytes, attestation: Attestation, index: int) -> EvidenceEntry:
        """An entry of the file from a ledger record."""
        entry = Entry.model_validate_json(data)
        return EvidenceEntry(
            seal=entry.seal,
            decision=entry.decision,
            group=digest_of(attestation.token),
            place=place_in(attestation, index),
            digest=entry_hash(data),
        )

    def answer(self, decision: str, attestation: Attestation, index: int) -> EvidenceAnswer:
        """A receipt of the file."""
        made = Decision.model_validate_json(decision)
        lane, lane_index = attestation.lanes[made.lane]
        return EvidenceAnswer(
            decision=decision,
            group=digest_of(attestation.token),
            place=place_in(attestation, index),
            lane=lane,
            lane_place=place_in(attestation, lane_index),
        )

    def refusal(self, **changes: Any) -> str:
        """The text of a decision that refuses a message about the child."""
        made = self.area.sealed("message.acknowledged", self.child, DUTY, [FRONT], answers="A" * 20)
        self.refused = self.area.open(made).event.id
        body = {
            "v": 1,
            "exchange": EXCHANGE,
            "outcome": "refused",
            "agency": FRONT,
            "lane": submit_stream(FRONT),
            "sequence": 99,
            "submission": made.digest,
            "sealed": made.digest,
            "message": self.refused,
            "child": self.child,
            "kind": "message.acknowledged",
            "basis": "notice",
            "reasons": [{"code": "message.unknown-answered", "detail": ""}],
            "now": iso(self.area.now),
            **changes,
        }
        return orjson.dumps(body).decode()

    def log_proof(self, groups: Sequence[str]) -> LogProof:
        """Prove that groups stand in the log, with one witness at an earlier head."""
        for _ in range(3):
            self.log.texts.append(_other_group(len(self.log.texts)))
        whole, size = self.log.head(), len(self.log.texts)
        earlier = size - 4
        old = self.log.head(earlier)
        return LogProof(
            head=whole,
            included=tuple(self.log.included(group) for group in groups),
            witnesses=(
                self.log.witnessed("schools", whole, size, self.witnesses["schools"]),
                self.log.witnessed("social-care", old, earlier, self.witnesses["social-care"]),
            ),
        )

    def _evidence(self) -> Evidence:
        journeys = {self.child: list[EvidenceEntry](), self.retired: list[EvidenceEntry]()}
        answers: list[EvidenceAnswer] = []
        for first in range(0, len(self.ledger.records), 2):
            pair = self.ledger.records[first : first + 2]
            texts = [Entry.model_validate_json(one.data).decision for one in pair]
            made = self.decided(*texts)
            for index, (one, text) in enumerate(zip(pair, texts, strict=True)):
                entries = journeys[Decision.model_validate_json(text).child or ""]
                before = entries[-1].digest if entries else ""
                entry = self.entry(one.data, made, index)
                entries.append(entry.model_copy(update={"before": before}))
                answers.append(self.answer(text, made, index))
        refusal = self.refusal()
        answers.append(self.answer(refusal, self.decided(refusal), 0))
        groups = tuple(one.token for one in self.attestations)
        return Evidence(
            made_at=self.area.now,
            partnership="demo",
            exchange=EXCHANGE,
            child=self.child,
            root=self.area.root.x,
            directory=self.area.signed.decode(),
            journeys=tuple(EvidenceJourney(child=c, entries=tuple(e)) for c, e in journeys.items()),
            answers=tuple(answers),
            clocks=tuple(self._said(child) for child in journeys),
            groups=groups,
            log=self.log_proof(groups),
        )

    def _said(self, child: str) -> str:
        """What the tracker signs of the clocks of a reference."""
        clocks = tuple(
            EvidenceClock(clock=one.clock, missed_notice=one.missed, warned_notice=one.warned)
            for one in self.clocks(child)
        )
        said = EvidenceClocks(
            tracker="demo.tracker",
            child=child,
            at=self.area.now,
            closing_time=time(17),
            clocks=clocks,
        )
        return sign_clocks(said, self.area.services["tracker"])


def place_in(attestation: Attestation, index: int) -> Place:
    """Where the leaf at `index` stands in a group's tree."""
    path = tuple(base64url.encode(step) for step in attestation.tree.path(index))
    return Place(index=index, path=path)


def _other_group(number: int) -> str:
    """The text of a group that is in the log, and of which the file says nothing."""
    return f"group {number}"
