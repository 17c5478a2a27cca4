"""What earlier releases wrote is read by this one: golden streams, set by set."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.holding import read_held
from contracts.journey_json import dump, load
from contracts.kinds import Opened
from contracts.quarantine import read_record
from contracts.records import (
    Cursor,
    Decision,
    Entry,
    Outcome,
    Receipt,
    attested,
    entry_hash,
    lane_attested,
)
from contracts.submission import digest_of_bytes
from contracts.worktime import WorkingCalendar
from services.agency.items import item_of
from services.agency.store import AgencyStore
from services.agency.verifying import Genuine, verify
from services.exchange.lanes import Arrived
from services.exchange.opening import Unopenable, open_submission
from services.exchange.refolding import refold
from services.runtime.sql import engine
from services.story.entries import cursors_of, entries_of, tell
from services.tracker import asking
from services.tracker.following import follow
from services.tracker.rulebook import rulebook
from services.tracker.store import LIVE, prepare
from tests.golden.formats import formats
from tests.golden.reading import GoldenSet, sets

EXCHANGE = "demo.exchange"
ALL = sets()


@pytest.fixture(params=ALL, ids=lambda one: f"set {one.name}")
def golden(request: pytest.FixtureRequest) -> GoldenSet:
    """Give each golden set."""
    made: GoldenSet = request.param
    return made


def test_there_is_a_set_from_before_the_log_and_every_set_is_whole() -> None:
    """Sets are numbered from 1, hold every kind of record, and each begins its streams at 1."""
    assert [one.name for one in ALL] == [str(n) for n in range(1, len(ALL) + 1)]
    kinds = {"journey", "inbox", "receipt", "held", "check", "quarantine", "cursor"}
    for one in ALL:
        assert {r.subject.partition(".")[0] for r in one.ledger} >= kinds
        assert [r.sequence for r in one.ledger] == list(range(1, len(one.ledger) + 1))
    assert ALL[0].below("tree.") == []


def test_a_format_that_changes_needs_a_new_golden_set() -> None:
    """The newest set is of today's formats: whoever changes one records what it looks like then."""
    newest, today = ALL[-1].about["formats"], formats()
    names = newest.keys() | today.keys()
    changed = sorted(name for name in names if newest.get(name) != today.get(name))
    assert changed == [], "see that older sets are still read, then run python -m tests.golden NOTE"


def test_journeys_fold_to_what_they_were(golden: GoldenSet) -> None:
    """Every chain holds, and folding the sealed cores again gives the journey that was recorded."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    before: dict[str, str] = defaultdict(str)
    for record in golden.below("journey."):
        entry = Entry.model_validate_json(record.data)
        assert entry.before == before[record.subject]
        before[record.subject] = entry_hash(record.data)
        entries[record.subject].append(entry)
    for name, child in golden.about["children"].items():
        made = entries[f"journey.{child}"]
        held = load(golden.about["journeys"][name])
        assert refold(made) == held == load(made[-1].journey)
        assert load(orjson.loads(dump(held))) == held


def test_receipts_are_proved_and_answer_what_they_answered(golden: GoldenSet) -> None:
    """The exchange's signature, the place in the group and the lane's leaf hold for each."""
    found: dict[str, str] = {}
    for record in golden.below("receipt."):
        receipt = Receipt.model_validate_json(record.data)
        proved = attested(
            receipt.decision, receipt.group, receipt.place, golden.directory, EXCHANGE
        )
        assert proved is not None
        assert lane_attested(receipt, golden.directory, EXCHANGE) is not None
        if proved.decision.message and not record.subject.endswith(".held"):
            found[proved.decision.message] = proved.decision.outcome.value
    final = {m: o for m, o in golden.about["answers"].items() if o != Outcome.HELD.value}
    assert found == final


def test_deliveries_are_genuine_and_stored(golden: GoldenSet, tmp_path: Path) -> None:
    """Every inbox is taken in by its agency, each message once."""

    async def take() -> None:
        store = AgencyStore(f"sqlite:///{tmp_path}/agency.sqlite")
        try:
            for record in golden.below("inbox."):
                agency = ".".join(record.subject.split(".")[1:3])
                made = verify(record.data, agency, golden.directory, EXCHANGE)
                assert isinstance(made, Genuine), made
                item = item_of(
                    made.event,
                    agency,
                    golden.directory,
                    record.stored_at,
                    protection=made.decision.protection,
                )
                sealed = made.delivery.sealed.digest
                text = record.data.decode()
                assert await store.take(agency, record.sequence, item, text, sealed)
                assert not await store.take(agency, record.sequence, item, text, sealed)
        finally:
            await store.close()

    assert golden.below("inbox.")
    asyncio.run(take())


def test_the_story_reads_every_accepted_message(golden: GoldenSet) -> None:
    """Each submission is the one decided, and its statements open with the key of its month."""
    entries = entries_of(golden.ledger)
    lanes = golden.lanes
    told = [
        tell(
            entry,
            lanes[entry.decision.lane, entry.decision.sequence].data,
            golden.directory,
            golden.intake,
        )
        for entry in entries
    ]
    assert len(told) == len(golden.below("journey."))
    values = {str(one.statement.value) for each in told for one in each.statements}
    assert golden.about["words"] in values
    assert {c.lane for c in cursors_of(golden.ledger)} == {lane for lane, _ in lanes}


def test_the_tracker_is_rebuilt_from_it(golden: GoldenSet, tmp_path: Path) -> None:
    """Followed from the start, the ledger gives messages, custody and quarantine as they were."""
    database = engine(f"sqlite:///{tmp_path}/tracker.sqlite")
    prepare(database)
    book = rulebook(golden.directory, WorkingCalendar())
    wanted = ("journey.", "quarantine.", "receipt.")
    records = [one for one in golden.ledger if one.subject.startswith(wanted)]
    child = golden.about["children"]["up_and_down"]
    with database.begin() as connection:
        follow(connection, LIVE, records, book)
        now = records[-1].stored_at
        track = asking.track(connection, child, book.packs, now)
        aside = asking.quarantine(connection)
    database.dispose()
    assert [one["practitioner"] for one in track["custody"]] == golden.about["leads"]
    assert len(track["messages"]) == golden.about["journeys"]["up_and_down"]["entries"]
    assert len(aside) == len({(a["lane"], a["sequence"]) for a in aside}) == 1


def test_what_is_held_set_aside_and_how_far_lanes_are_is_read(golden: GoldenSet) -> None:
    """Held records, quarantine and cursors are of forms that this release knows."""
    assert all(read_held(one.data) is not None for one in golden.below("held."))
    assert all(read_record(one.data) is not None for one in golden.below("quarantine."))
    for record in golden.below("cursor."):
        Cursor.model_validate_json(record.data)


def test_submissions_still_open_as_they_were_decided(golden: GoldenSet) -> None:
    """Whoever must decide one again finds the same message, or the same ground to set it aside."""
    decided: dict[str, Any] = {}
    for record in golden.below("receipt."):
        made = Decision.model_validate_json(Receipt.model_validate_json(record.data).decision)
        decided[made.submission] = made
    keys = {month: golden.intake(month) for month in golden.about["intake"]}
    opened = 0
    for (lane, sequence), record in golden.lanes.items():
        answer = decided.get(digest_of_bytes(record.data))
        if answer is None:  # the exchange's own wake-ups have no receipt of their own
            continue
        arrived = Arrived(lane, sequence, record.subject, record.stored_at, record.data)
        found = open_submission(arrived, golden.directory, keys)
        if answer.message is None:
            assert isinstance(found, Unopenable)
            assert [r.code for r in found.reasons] == [r.code for r in answer.reasons]
        else:
            assert isinstance(found, Opened), found
            assert (found.event.id, found.digest) == (answer.message, answer.sealed)
            opened += 1
    assert opened == len(golden.about["answers"])
