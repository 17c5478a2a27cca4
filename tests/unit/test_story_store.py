"""The story is stored once, moves on only over what is certain, and is gone when it is erased."""

import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Connection, select

from consent import RULES
from contracts.consents import ConsentHeld
from contracts.errors import HandrailError
from contracts.questions import Category
from contracts.roles import Role
from contracts.statements import digest_of
from services.agency.reading import Asked, ReadRequest
from services.runtime import sql
from services.story.entries import LaneCursor, Told, entries_of, tell
from services.story.erasing import Erasure, erase_child, is_erased
from services.story.keeping import SetAside, keep, positions, set_aside, settle, unkept
from services.story.reading import Answer, Inquiry, read
from services.story.store import Store
from services.story.tables import CURSORS, MESSAGES, READS, SET_ASIDE, STATEMENTS
from tests.area import CARE, DUTY, FRONT, GP, SCHOOL, TEACHER, WORKER
from tests.unit.story_cases import LANE, WORDS, Exchange, Written

ROLES = {SCHOOL: Role.UNIVERSAL, GP: Role.UNIVERSAL, FRONT: Role.FIRST_RESPONSE}
READERS = {SCHOOL: TEACHER, FRONT: DUTY, CARE: WORKER}


@pytest.fixture(params=["sqlite", "postgres"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Name a database of statements, once of each kind, and a key store apart."""
    keys = f"sqlite:///{tmp_path}/db/story-keys.sqlite"
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url").replace("+psycopg", ""), keys
    return f"sqlite:///{tmp_path}/db/story.sqlite", keys


@pytest_asyncio.fixture
async def store(urls: tuple[str, str]) -> AsyncIterator[Store]:
    """Give an empty story."""
    opened = Store(*urls)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def on_disk(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story in files below `tmp_path / "db"`."""
    folder = f"sqlite:///{tmp_path}/db"
    opened = Store(f"{folder}/story.sqlite", f"{folder}/story-keys.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


def told(exchange: Exchange, written: Written, ledger: int) -> Told:
    """Tell the entry at a place of the ledger."""
    (entry,) = entries_of((written.record(ledger),))
    return tell(entry, written.submission, exchange.area.directory, exchange.key_of_month)


async def kept(store: Store, *messages: Told, cursors: tuple[LaneCursor, ...] = ()) -> None:
    """Store messages and cursors as the follower does."""
    keys = await store.child_keys((m.entry.child for m in messages), datetime.now(UTC))
    await store.run(partial(keep, told=messages, keys=keys, cursors=cursors))


def inquiry(agency: str, child: str, message: str | None = None, nonce: str = "") -> Inquiry:
    """Ask as a practitioner of an agency, whose signature somebody else has verified."""
    request = ReadRequest(
        child=child,
        message=message,
        purpose="to decide on the referral",
        at=datetime.now(UTC),
        nonce=nonce or secrets.token_urlsafe(18),
    )
    reader = READERS.get(agency, f"{agency}.anyone")
    return Inquiry(Asked(reader, request), agency, ROLES.get(agency))


async def reads(
    store: Store, asked: Inquiry, consents: tuple[ConsentHeld, ...] = (), **how: datetime
) -> Answer:
    """Read as the service does."""
    key = await store.child_key(asked.request.child)
    now = how.get("now", datetime.now(UTC))
    return await store.run(partial(read, inquiry=asked, consents=consents, child_key=key, now=now))


async def refusal(store: Store, asked: Inquiry) -> tuple[str, str, str]:
    """Fail to read, and give all that the asker is told."""
    with pytest.raises(HandrailError) as caught:
        await reads(store, asked)
    return caught.value.code, caught.value.message, caught.value.remedy


def recorded(*columns: str) -> Callable[[Connection], list[tuple[object, ...]]]:
    """Give what looks up columns of the recorded reads, in order."""
    wanted = select(*(READS.c[name] for name in columns)).order_by(READS.c.id)
    return lambda connection: [tuple(row) for row in connection.execute(wanted)]


def count(connection: Connection) -> tuple[int, int]:
    """Count messages and statements."""
    return tuple(len(connection.execute(select(t)).all()) for t in (MESSAGES, STATEMENTS))  # type: ignore[return-value]


async def test_a_message_is_stored_once_however_often_it_comes(
    store: Store, exchange: Exchange
) -> None:
    """The same entry again, in the same batch's repetition or at another place, adds nothing."""
    written = exchange.accept(exchange.referral())
    first = told(exchange, written, 5)

    await kept(store, first)
    await kept(store, first, told(exchange, written, 9))
    await kept(store, told(exchange, exchange.accept(exchange.referral()), 10), first)

    assert await store.run(count) == (2, 2)
    assert await store.run(partial(unkept, entries=[first.entry])) == ()


async def test_no_row_holds_a_word(store: Store, exchange: Exchange) -> None:
    """What is stored of a statement is its ciphertext, its category and its question's number."""
    one = told(exchange, exchange.accept(exchange.referral()), 5)

    await kept(store, one)
    (row,) = await store.run(lambda c: c.execute(select(STATEMENTS)).all())

    shown = repr([bytes(v) if isinstance(v, memoryview) else v for v in row])
    assert WORDS not in shown
    assert one.statements[0].disclosure not in shown
    assert (row.category, row.question) == ("concern", 27)


async def test_a_lane_moves_only_over_what_is_settled(store: Store) -> None:
    """A cursor counts once everything before it in the ledger is settled, and never goes back."""
    cursors = (LaneCursor(10, LANE, 3), LaneCursor(20, LANE, 8), LaneCursor(21, "OTHER", 2))
    await kept(store, cursors=cursors)

    found = []
    for floor in (9, 10, 15, 20, 21, 20):
        left = await store.run(partial(settle, floor=floor))
        found.append((await store.run(positions), left))
    await kept(store, cursors=(LaneCursor(15, LANE, 5),))  # comes again, late
    await store.run(partial(settle, floor=30))

    assert found == [
        ({}, 3),
        ({LANE: 3}, 2),
        ({LANE: 3}, 2),
        ({LANE: 8}, 1),
        ({LANE: 8, "OTHER": 2}, 0),
        ({LANE: 8, "OTHER": 2}, 0),
    ]
    assert await store.run(positions) == {LANE: 8, "OTHER": 2}
    assert await store.run(lambda c: c.execute(select(CURSORS)).all()) == []


async def test_what_is_set_aside_is_written_once(store: Store) -> None:
    """A record set aside twice is written down once."""
    record = SetAside(4, "journey.X", "d" * 64, "seal.unreadable", datetime.now(UTC))

    await store.run(partial(set_aside, record=record))
    await store.run(partial(set_aside, record=record))

    found = await store.run(lambda c: c.execute(select(SET_ASIDE.c.ledger)).scalars().all())
    assert found == [4]


async def test_a_reader_gets_the_words_in_order_and_the_read_is_recorded(
    store: Store, exchange: Exchange
) -> None:
    """A recipient reads every statement as sealed, with who said it; who read what is written."""
    words = [("views.child", "first"), ("concern.harm", "second")]
    written = exchange.accept(exchange.referral(words=words))
    await kept(store, told(exchange, written, 5))

    answer = await reads(store, inquiry(FRONT, written.child, written.id))

    found = orjson.loads(answer.body)
    shown = found["statements"]
    assert [(s["statement"]["value"], s["message"], s["sender"]) for s in shown] == [
        ("first", written.id, SCHOOL),
        ("second", written.id, SCHOOL),
    ]
    assert {(s["statement"]["said_by"], s["statement"]["recorded_by"]) for s in shown} == {
        ("parent", TEACHER)
    }
    assert [digest_of(s["disclosure"]) for s in shown] == [s["digest"] for s in shown]
    assert found["withheld"] == 0
    columns = ("practitioner", "agency", "purpose", "child", "message", "basis", "shown_count")
    who = (DUTY, FRONT, "to decide on the referral", written.child, written.id)
    assert await store.run(recorded(*columns)) == [(*who, '["statutory_duty"]', 2)]
    (row,) = await store.run(recorded("shown", "rules"))
    assert orjson.loads(str(row[0])) == [s["digest"] for s in shown]
    assert orjson.loads(str(row[1])) == ["statutory.duty"]


async def test_a_withdrawn_consent_withholds_from_the_next_read_on(
    store: Store, exchange: Exchange
) -> None:
    """The consents of the moment decide: statement by statement, and the sender keeps its own."""
    consent = exchange.consent(FRONT, Category.CONCERN, Category.VIEWS)
    basis = {"kind": "consent", "consents": [consent.id]}
    words = [("concern.harm", "shared"), ("health.general", "never shared"), ("views.child", "too")]
    sealed = exchange.referral(words=words, basis=basis, consents=(consent,))
    written = exchange.accept(sealed)
    await kept(store, told(exchange, written, 5))
    held = ConsentHeld(consent=consent)
    withdrawn = ConsentHeld(consent=consent, withdrawn_at=datetime.now(UTC))

    before = await reads(store, inquiry(FRONT, written.child, written.id), (held,))
    after = await reads(store, inquiry(FRONT, written.child, written.id), (withdrawn,))
    own = await reads(store, inquiry(SCHOOL, written.child), (withdrawn,))

    assert [(a.shown, a.withheld) for a in (before, after, own)] == [(2, 1), (0, 3), (3, 0)]
    assert b"never shared" not in before.body
    assert await store.run(recorded("shown_count", "withheld")) == [(2, 1), (0, 3), (3, 0)]
    rules = [set(orjson.loads(str(row[0]))) for row in await store.run(recorded("rules"))]
    assert "consent.withdrawn" in rules[1]
    assert set.union(*rules) <= set(RULES)


async def test_what_an_agency_does_not_know_looks_like_what_does_not_exist(
    store: Store, exchange: Exchange
) -> None:
    """Another's message, another's child and invented references get one answer, unrecorded."""
    written = exchange.accept(exchange.referral())
    elsewhere = exchange.accept(exchange.referral(written.child, to=(GP,)))
    await kept(store, told(exchange, written, 5), told(exchange, elsewhere, 6))
    nobody, nothing = "NOSUCHCHILD000000001", "NOSUCHMESSAGE0000001"

    answers = {
        await refusal(store, inquiry(CARE, written.child, written.id)),
        await refusal(store, inquiry(CARE, written.child)),
        await refusal(store, inquiry(FRONT, written.child, elsewhere.id)),
        await refusal(store, inquiry(FRONT, nobody, written.id)),
        await refusal(store, inquiry(FRONT, nobody)),
        await refusal(store, inquiry(FRONT, written.child, nothing)),
    }

    assert {code for code, _, _ in answers} == {"story.not-found"}
    assert len(answers) == 1
    assert await store.run(recorded("id")) == []
    whole = await reads(store, inquiry(FRONT, written.child))
    assert (whole.shown, whole.withheld) == (1, 0)


async def test_a_request_is_answered_once(store: Store, exchange: Exchange) -> None:
    """The same nonce of the same person is refused, and another person may use it."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))
    asked = inquiry(FRONT, written.child, nonce="n" * 24)

    await reads(store, asked)

    assert (await refusal(store, asked))[0] == "read.replayed"
    await reads(store, inquiry(SCHOOL, written.child, nonce="n" * 24))
    assert len(await store.run(recorded("id"))) == 2


async def test_an_agency_that_has_left_sees_nothing(store: Store, exchange: Exchange) -> None:
    """A reader whose agency the directory no longer holds is shown not even its own words."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))

    gone = replace(inquiry(FRONT, written.child), role=None)

    assert (await reads(store, gone)).shown == 0


async def test_a_damaged_row_is_no_answer_and_no_read(store: Store, exchange: Exchange) -> None:
    """A statement that no longer opens is said to be damaged, and nothing counts as read."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))
    await store.run(
        lambda c: c.execute(STATEMENTS.update().values(ciphertext=secrets.token_bytes(200)))
    )

    assert (await refusal(store, inquiry(FRONT, written.child)))[0] == "story.statement-damaged"
    assert await store.run(recorded("id")) == []


async def test_a_story_too_large_for_one_answer_is_read_by_message(
    store: Store, exchange: Exchange
) -> None:
    """What no answer can carry is refused with what to do, and then read in parts."""
    child = "CHILD000000000000001"
    long = [(q, "x" * 18_000) for q in ("views.child", "concern.harm", "pack.caf")] * 4
    messages = [exchange.accept(exchange.referral(child, words=long), n) for n in (1, 2, 3, 4)]
    await kept(store, *(told(exchange, m, n) for n, m in enumerate(messages, 1)))

    assert (await refusal(store, inquiry(FRONT, child)))[0] == "story.too-large"
    parts = [await reads(store, inquiry(FRONT, child, m.id)) for m in messages]

    assert [p.shown for p in parts] == [12] * 4
    assert len(await store.run(recorded("id"))) == 4


async def test_an_erased_story_is_gone_and_stays_gone(store: Store, exchange: Exchange) -> None:
    """After erasing nothing is read, the ledger read again stores nothing, and others are left."""
    child, other = "CHILD000000000000001", "CHILD000000000000002"
    first = told(exchange, exchange.accept(exchange.referral(child)), 1)
    second = told(exchange, exchange.accept(exchange.referral(other)), 2)
    await kept(store, first, second)
    await reads(store, inquiry(FRONT, child))

    erased = await erase_child(store, child)
    again = await erase_child(store, child)
    await kept(store, first)

    assert (erased, again) == (Erasure(1, 1, key=True), Erasure(0, 0, key=False))
    assert await store.run(count) == (1, 1)
    assert await store.run(partial(unkept, entries=[first.entry, second.entry])) == ()
    assert (await refusal(store, inquiry(FRONT, child)))[0] == "story.not-found"
    assert (await reads(store, inquiry(FRONT, other))).shown == 1
    assert (await store.run(recorded("practitioner", "purpose")))[0] == (DUTY, "")


async def test_what_is_told_after_an_erasure_is_a_new_story(
    store: Store, exchange: Exchange
) -> None:
    """A message accepted later is stored under a new key; what came before does not return."""
    child = "CHILD000000000000001"
    before = told(exchange, exchange.accept(exchange.referral(child)), 1)
    await kept(store, before)
    old_key = await store.child_key(child)
    await erase_child(store, child)

    later = datetime.now(UTC) + timedelta(seconds=1)
    after = told(exchange, exchange.accept(exchange.referral(child), now=later), 2)
    await kept(store, before, after)

    assert (await reads(store, inquiry(FRONT, child))).shown == 1
    assert await store.child_key(child) not in (None, old_key)
    for accepted_at, gone in ((before.entry.decision.now, True), (later, False)):
        assert gone is await store.run(partial(is_erased, child=child, accepted_at=accepted_at))


async def test_erasing_leaves_neither_key_nor_ciphertext_in_any_file(
    on_disk: Store, exchange: Exchange, tmp_path: Path
) -> None:
    """No file of the databases, log files included, holds key or ciphertext of an erased child."""
    children = [f"CHILD{n:015}" for n in range(40)]
    words = [("views.child", f"{WORDS} {n}") for n in range(6)]
    for ledger, child in enumerate(children, 1):
        written = exchange.accept(exchange.referral(child, words=words))
        await kept(on_disk, told(exchange, written, ledger))
    erased, spared = children[::3], children[1]
    secrets_of = {child: await _secrets(on_disk, child) for child in (*erased, spared)}
    assert all(_found(tmp_path, one) for many in secrets_of.values() for one in many)
    assert not _found(tmp_path, WORDS.encode())

    for child in erased:
        await erase_child(on_disk, child)

    left = [one for child in erased for one in secrets_of[child] if _found(tmp_path, one)]
    assert left == []
    assert not _found(tmp_path, WORDS.encode())
    assert all(_found(tmp_path, one) for one in secrets_of[spared])


async def test_an_erasure_that_is_in_the_way_of_a_reader_says_so(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange, tmp_path: Path
) -> None:
    """While another process holds the files the erasure is not called done; repeated, it is."""
    monkeypatch.setattr(sql, "BUSY_TIMEOUT_MS", 100)
    on_disk = Store(f"sqlite:///{tmp_path}/db/story.sqlite", f"sqlite:///{tmp_path}/db/keys.sqlite")
    child = "CHILD000000000000001"
    await kept(on_disk, told(exchange, exchange.accept(exchange.referral(child)), 1))
    key = await on_disk.child_key(child)
    assert key is not None
    reader = sqlite3.connect(tmp_path / "db/keys.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM child_keys").fetchall()

    with pytest.raises(HandrailError) as caught:
        await erase_child(on_disk, child)
    reader.close()
    await erase_child(on_disk, child)
    await on_disk.close()

    assert caught.value.code == "story.erasure-unfinished"
    assert not _found(tmp_path, key)


async def _secrets(store: Store, child: str) -> list[bytes]:
    """Give the child's key, and the wrapped keys and ciphertexts of its statements."""
    key = await store.child_key(child)
    assert key is not None
    theirs = select(STATEMENTS.c.wrapped_key, STATEMENTS.c.ciphertext).where(
        STATEMENTS.c.ledger.in_(select(MESSAGES.c.ledger).where(MESSAGES.c.child == child))
    )
    found = await store.run(lambda c: c.execute(theirs).all())
    return [key, *(part for row in found for part in (row.wrapped_key, row.ciphertext[:100]))]


def _found(folder: Path, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in (folder / "db").iterdir())
