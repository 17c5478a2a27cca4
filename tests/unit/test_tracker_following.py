"""What the tracker's tables say after the ledger has been followed, on SQLite and on PostgreSQL."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.runtime.sql import engine
from services.tracker import asking
from services.tracker.store import LIVE, claim_position, prepare
from tests import messages as m
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.tracking import LedgerWriter, rows

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/tracker.sqlite"


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database with the tracker's tables, once of each kind."""
    opened = engine(request.getfixturevalue(request.param).replace("+psycopg", ""))
    prepare(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger() -> LedgerWriter:
    """Give a ledger that begins on a Monday morning."""
    return LedgerWriter(Area(MONDAY))


def tracked(database: Engine, ledger: LedgerWriter, child: str) -> dict[str, Any]:
    """Return what the tracker answers about `child` now."""
    with database.begin() as connection:
        return asking.track(connection, child, ledger.book.packs, ledger.area.now)


def test_custody_has_neither_gap_nor_overlap(database: Engine, ledger: LedgerWriter) -> None:
    """Over a step up and a step down each lead begins at the instant at which the last one ends."""
    child = ledger.stepped_up()
    ledger.stepped_down(child)
    ledger.follow(database)

    chain = tracked(database, ledger, child)["custody"]

    assert [one["practitioner"] for one in chain] == [TEACHER, WORKER, TEACHER]
    assert [one["to"] for one in chain[:-1]] == [one["from"] for one in chain[1:]]
    assert [one["until"] for one in chain[:-1]] == [one["by"] for one in chain[1:]]
    assert chain[-1]["to"] is None
    assert all(one["from"] < (one["to"] or "9999") for one in chain)


def test_the_familys_no_ends_custody(database: Engine, ledger: LedgerWriter) -> None:
    """A case closed without support leaves no lead, and says by which message."""
    child = ledger.stepped_up()
    ledger.later(hours=1)
    closing = ledger.accept(m.closed(ledger.area, child, "declined"))
    ledger.follow(database)

    answer = tracked(database, ledger, child)

    assert answer["journey"]["lead"] is None
    assert [one["until"] for one in answer["custody"]][-1] == closing
    assert all(one["to"] for one in answer["custody"])


def test_the_database_refuses_a_second_lead(database: Engine, ledger: LedgerWriter) -> None:
    """Two open intervals of custody for one child cannot be written at all."""
    child = ledger.stepped_up()
    ledger.follow(database)
    second = {
        "child": child,
        "number": 9,
        "practitioner": DUTY,
        "agency": FRONT,
        "from_at": MONDAY,
        "by_message": new_reference(),
    }

    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(insert(LIVE.custody).values(**second))


def test_redelivery_changes_nothing(database: Engine, ledger: LedgerWriter) -> None:
    """Records seen again, together or alone and in any order, leave every row as it was."""
    child = ledger.stepped_up()
    ledger.quarantine()
    ledger.stepped_down(child)
    ledger.follow(database)
    before = rows(database)

    ledger.follow(database)
    for record in random.Random(7).sample(ledger.records, len(ledger.records)):
        ledger.follow(database, [record])

    assert rows(database) == before
    assert len(before["messages"]) == len(ledger.records) - 1


def test_any_order_of_delivery_ends_in_the_same_rows(
    database: Engine, ledger: LedgerWriter, tmp_path: Path
) -> None:
    """What comes too early is refused whole, and once it comes in turn nothing is different."""
    ledger.stepped_up()
    ledger.stepped_up()
    ledger.quarantine()
    in_order = engine(f"sqlite:///{tmp_path}/in_order.sqlite")
    prepare(in_order)
    ledger.follow(in_order)
    waiting = random.Random(11).sample(ledger.records, len(ledger.records))

    early = 0
    while waiting:
        record = waiting.pop(0)
        try:
            ledger.follow(database, [record])
        except HandrailError as error:
            assert error.code == "entry.early"  # noqa: PT017 - one of many deliveries
            early += 1
            waiting.append(record)

    assert early
    assert rows(database) == rows(in_order)
    in_order.dispose()


def test_a_batch_that_fails_leaves_rows_and_position(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Rows and position are written together or not at all."""
    ledger.stepped_up()
    ledger.follow(database, ledger.records[:2])
    before = rows(database)

    with pytest.raises(HandrailError, match=r"entry\.early"):
        ledger.follow(database, [ledger.records[2], ledger.records[4]])

    assert rows(database) == before
    with database.begin() as connection:
        assert claim_position(connection, LIVE) == ledger.records[1].sequence


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"seal":"x","decision":"{}","journey":{}}', b"\xff" * 20]
)
def test_what_the_exchange_does_not_write_is_refused(
    tmp_path: Path, ledger: LedgerWriter, data: bytes
) -> None:
    """A damaged record is told by one code and is never guessed at."""
    database = engine(f"sqlite:///{tmp_path}/t.sqlite")
    prepare(database)
    ledger.accept(m.referral(ledger.area, new_reference()))
    damaged = replace(ledger.records[0], data=data)

    with pytest.raises(HandrailError, match=r"entry\.unreadable"):
        ledger.follow(database, [damaged])
    database.dispose()


def test_an_entry_of_another_child_is_refused(database: Engine, ledger: LedgerWriter) -> None:
    """The child in the subject is the child in the seal, or the record is not read."""
    ledger.accept(m.referral(ledger.area, new_reference()))
    moved = replace(ledger.records[0], subject=f"journey.{new_reference()}")

    with pytest.raises(HandrailError, match=r"entry\.unreadable"):
        ledger.follow(database, [moved])


def test_track_tells_what_became_of_every_message(database: Engine, ledger: LedgerWriter) -> None:
    """Each message stands in order with its sender and what was answered to it."""
    child = ledger.stepped_up()
    ledger.follow(database)

    answer = tracked(database, ledger, child)

    assert [(one["kind"], one["agency"], one["outcome"]) for one in answer["messages"]] == [
        ("case.opened-before", "demo.caf-team", None),
        ("stepup.requested", SCHOOL, "assess"),
        ("message.acknowledged", FRONT, None),
        ("stepup.decided", FRONT, None),
        ("assessment.started", CARE, None),
        ("assessment.concluded", CARE, None),
        ("lead.proposed", CARE, "accepted"),
        ("lead.accepted", CARE, None),
    ]
    assert answer["journey"]["level"] == "child_in_need"
    assert answer["journey"]["case_open"] is True
    assert answer["journey"]["lead"]["practitioner"] == WORKER
    assert answer["journey"]["entries"] == 8


def test_track_tells_who_was_told_and_who_took_it(database: Engine, ledger: LedgerWriter) -> None:
    """A delivery and the acknowledgement by a person are two facts, at two instants."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.follow(database)
    told = tracked(database, ledger, child)["told"]
    ledger.later(hours=2)
    ledger.accept(m.acknowledged(ledger.area, child, request))
    ledger.follow(database)

    assert told == [
        {
            "message": request,
            "agency": FRONT,
            "delivered_at": "2026-03-02T10:00:01.000Z",
            "acknowledged_at": None,
            "acknowledged_by": None,
        }
    ]
    after = tracked(database, ledger, child)["told"]
    assert after[0] == told[0] | {
        "acknowledged_at": "2026-03-02T12:00:00.000Z",
        "acknowledged_by": DUTY,
    }
    assert [one["agency"] for one in after] == [FRONT, SCHOOL]


def test_an_unknown_child_is_told_so_without_its_reference(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The refusal names no reference."""
    child = new_reference()

    with pytest.raises(HandrailError, match=r"track\.unknown-child") as refused:
        tracked(database, ledger, child)

    assert child not in str(refused.value)


def test_what_was_set_aside_is_listed(database: Engine, ledger: LedgerWriter) -> None:
    """The list names lane, digest and reasons of what could not be opened."""
    ledger.quarantine(SCHOOL)
    ledger.quarantine(CARE, "seal.bad-encoding")
    ledger.follow(database)

    with database.begin() as connection:
        listed = asking.quarantine(connection)

    assert [(one["agency"], one["reasons"][0]["code"]) for one in listed] == [
        (SCHOOL, "seal.unreadable"),
        (CARE, "seal.bad-encoding"),
    ]
    assert [one["sequence"] for one in listed] == [1, 2]


def test_no_statement_reaches_the_tables(database: Engine, ledger: LedgerWriter) -> None:
    """No word that a family said stands in any row."""
    child = new_reference()
    said = "a sentence that nobody else would say"
    statement = ledger.area.statement("concern.what_happened", said)
    ledger.accept(m.referral(ledger.area, child, statements=[statement]))
    ledger.follow(database)

    assert said not in repr(rows(database))


def test_two_messages_of_one_id_are_two_rows(database: Engine, ledger: LedgerWriter) -> None:
    """An id that two children's messages share mixes nothing up."""
    ours, theirs, shared = new_reference(), new_reference(), new_reference()
    ledger.accept(m.referral(ledger.area, ours, id=shared))
    ledger.accept(m.referral(ledger.area, theirs, id=shared))
    ledger.accept(m.acknowledged(ledger.area, theirs, shared))
    ledger.follow(database)

    assert tracked(database, ledger, ours)["messages"][0]["outcome"] is None
    assert tracked(database, ledger, theirs)["messages"][0]["outcome"] == "acknowledged"
    with database.begin() as connection:
        ids = connection.scalars(select(LIVE.clocks.c.id)).all()
    assert len(ids) == 2 * len(set(ids))


def test_a_database_that_does_not_answer_is_told_without_its_address() -> None:
    """The refusal has a code and says neither host, user nor password."""
    nowhere = engine("postgresql://someone:secret@127.0.0.1:1/tracker")

    with pytest.raises(HandrailError, match=r"database\.unreachable") as refused:
        prepare(nowhere)

    assert not any(word in str(refused.value) for word in ("someone", "secret", "127.0.0.1"))
    nowhere.dispose()
