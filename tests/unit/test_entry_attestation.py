"""Journey entries attest their own decisions, for they stay when receipts have expired."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from contracts.evidence import Code, Evidence, dump, read
from contracts.identifiers import new_reference
from contracts.log import digest_of
from contracts.records import Entry, Receipt, attested, entry_hash
from contracts.seal import Sealed
from contracts.subjects import journey, submit, submit_stream
from services.cli.evidence_assembling import Gathered, assemble
from services.exchange.attesting import LaneStep
from services.exchange.deciding import Decided
from services.exchange.decision import Accepted, decide
from services.exchange.drafts import Draft
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known, Ledger
from services.exchange.writing import Writer
from tests import messages as m
from tests.area import CAF, Area

EXCHANGE = "demo.exchange"
WITHOUT = ("group", "place")
"""What entries of earlier releases lack."""


@dataclass
class Journey:
    """A child's messages, written as the exchange writes them, two to a group."""

    area: Area = field(default_factory=Area)
    child: str = field(default_factory=new_reference)
    drafts: list[Draft] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Decide four messages."""
        self.ledger = Ledger(Client(), JetStreamContext(Client()))
        self.ledger.hold(self.child, Known(None))
        self.ledger.know(journey(self.child), 0)
        request = m.step_up(self.area, self.child)
        asked = self.area.open(request).event.id
        self.write(m.opened_before(self.area, self.child), request)
        self.write(
            m.acknowledged(self.area, self.child, asked),
            m.step_up_decided(self.area, self.child, asked),
        )

    def write(self, *messages: Sealed) -> None:
        """Decide messages as one group, which must all be accepted, and write it."""
        now, lane = self.area.now, submit_stream(CAF)
        group: list[Decided] = []
        for number, sealed in enumerate(messages, 1):
            opened = self.area.open(sealed, now)
            known = self.ledger.journey(self.child)
            verdict = decide(opened, self.area.directory, known.journey, now)
            assert isinstance(verdict, Accepted), verdict
            self.ledger.hold(self.child, Known(verdict.journey, known.entry_hash))
            subject = submit(CAF, self.child)
            arrived = Arrived(lane, number, subject, now, opened.digest.encode())
            group.append(Decided(arrived, opened, verdict, now))
        writer = Writer(EXCHANGE, self.area.services["exchange"], self.area.directory)
        step = LaneStep(lane, 1, len(messages), "")
        drafts, _ = writer.write(group, [step], self.ledger)
        self.drafts += drafts

    def below(self, head: str) -> list[bytes]:
        """The records whose subjects begin with `head`, in order."""
        return [one.data for one in self.drafts if one.subject.startswith(head)]

    def handed_out(self, *, entries_without: bool = False, receipts: bool = True) -> Gathered:
        """What the tracker hands out of it."""
        made, before = [], ""
        for data in self.below("journey."):
            body = orjson.loads(data)
            own = {} if entries_without else {name: body[name] for name in WITHOUT}
            digest = entry_hash(data)
            said = {"seal": body["seal"], "decision": body["decision"], "digest": digest}
            made.append({**said, "before": before, **own})
            before = digest
        answers = [
            Receipt.model_validate_json(data).model_dump(mode="json", exclude={"v"})
            for data in self.below("receipt.")
        ]
        return Gathered(self.child, None, {self.child: made}, answers if receipts else [])

    def evidence(self, gathered: Gathered) -> Evidence:
        """The file that is put together from it."""
        signed = self.area.signed.decode()
        return assemble(gathered, None, self.area.directory, signed, self.area.now)


@pytest.fixture(scope="module")
def made() -> Journey:
    """Give a journey of two groups."""
    return Journey()


def _proved(entry: Entry, area: Area) -> bool:
    assert entry.group is not None
    assert entry.place is not None
    found = attested(entry.decision, entry.group, entry.place, area.directory, EXCHANGE)
    return found is not None and found.decision.entry > 0


def test_every_entry_proves_its_own_decision(made: Journey) -> None:
    """An entry's decision stands at its place in its group, which is that of its receipt."""
    entries = [Entry.model_validate_json(data) for data in made.below("journey.")]
    receipts = [Receipt.model_validate_json(data) for data in made.below("receipt.")]

    assert len(entries) == 4
    assert all(_proved(entry, made.area) for entry in entries)
    assert [(e.group, e.place) for e in entries] == [(r.group, r.place) for r in receipts]
    assert len({entry.group for entry in entries}) == 2
    assert [e.group for e in entries[1::2]] == [t.decode() for t in made.below("tree.group")]


def test_the_chain_of_records_reaches_over_the_attestation(made: Journey) -> None:
    """Each entry names the hash of the whole record before it, so none can be attested anew."""
    records = made.below("journey.")
    for before, after in pairwise(records):
        stripped = {k: v for k, v in orjson.loads(before).items() if k not in WITHOUT}
        assert orjson.loads(after)["before"] == entry_hash(before)
        assert orjson.loads(after)["before"] != entry_hash(orjson.dumps(stripped))


def test_entries_of_earlier_releases_are_read(made: Journey) -> None:
    """An entry without an attestation is an entry, and says that it has none."""
    body = orjson.loads(made.below("journey.")[0])
    old = Entry.model_validate_json(
        orjson.dumps({k: v for k, v in body.items() if k not in WITHOUT})
    )
    assert (old.group, old.place) == (None, None)
    assert old.seal == body["seal"]


@pytest.mark.parametrize(("without", "receipts"), [(False, True), (False, False), (True, True)])
def test_evidence_takes_either_attestation(made: Journey, without: bool, receipts: bool) -> None:
    """Entries without receipts hold, and so do old entries whose receipts are still kept."""
    told = made.handed_out(entries_without=without, receipts=receipts)
    report = read(dump(made.evidence(told)), made.area.root.x)

    assert report.holds, report.findings
    assert [one.number for one in report.taken] == [1, 2, 3, 4]


def test_old_entries_without_receipts_are_told(made: Journey) -> None:
    """What neither the entry nor a receipt attests is not taken to be decided."""
    told = made.handed_out(entries_without=True, receipts=False)
    report = read(dump(made.evidence(told)), made.area.root.x)

    assert report.codes == {Code.NO_ATTESTATION}
    assert report.taken == ()


def test_an_entry_is_judged_by_its_own_attestation(made: Journey) -> None:
    """Where entry and receipt differ the entry's is taken, which the ledger keeps for good."""
    told = made.handed_out()
    other: dict[str, Any] = told.journeys[made.child][3]
    told.journeys[made.child][0]["group"] = other["group"]
    evidence = made.evidence(told)

    assert evidence.journeys[0].entries[0].group == digest_of(other["group"])
    assert read(dump(evidence), made.area.root.x).codes == {Code.NOT_ATTESTED}
