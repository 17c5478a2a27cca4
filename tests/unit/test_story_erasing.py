"""An erased story is gone from every row and every file, and stays gone."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.errors import HandrailError
from services.runtime import sql
from services.story.erasing import Erasure, erase_child, is_erased
from services.story.keeping import unkept
from services.story.store import Store
from services.story.tables import MESSAGES, PACKS, STATEMENTS
from tests.area import DUTY, FRONT
from tests.unit.story_cases import WORDS, Exchange
from tests.unit.story_reading import count, inquiry, kept, reads, recorded, refusal, told


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


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


@pytest_asyncio.fixture
async def on_disk(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story in files below `tmp_path / "db"`."""
    folder = f"sqlite:///{tmp_path}/db"
    opened = Store(f"{folder}/story.sqlite", f"{folder}/story-keys.sqlite")
    yield opened
    await opened.close()


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
    packed = [piece for child in erased for piece in await _packed(on_disk, child)]
    assert any(_found(tmp_path, piece) for piece in packed)

    for child in erased:
        await erase_child(on_disk, child)

    gone = [one for child in erased for one in secrets_of[child]] + packed
    left = [one for one in gone if _found(tmp_path, one)]
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
    """Give the child's key, and the wrapped keys and ciphertexts of its statements and packs."""
    key = await store.child_key(child)
    assert key is not None
    ledgers = select(MESSAGES.c.ledger).where(MESSAGES.c.child == child)
    theirs = select(STATEMENTS.c.wrapped_key, STATEMENTS.c.ciphertext).where(
        STATEMENTS.c.ledger.in_(ledgers)
    )
    found = await store.run(lambda c: c.execute(theirs).all())
    packs = select(PACKS.c.wrapped_key).where(PACKS.c.ledger.in_(ledgers))
    keys = await store.run(lambda c: c.scalars(packs).all())
    return [key, *keys, *(p for row in found for p in (row.wrapped_key, row.ciphertext[:100]))]


async def _packed(store: Store, child: str) -> list[bytes]:
    """Give the ciphertexts of a child's packs in pieces: a large one lies on several pages."""
    ledgers = select(MESSAGES.c.ledger).where(MESSAGES.c.child == child)
    boxes = select(PACKS.c.ciphertext).where(PACKS.c.ledger.in_(ledgers))
    found = await store.run(lambda c: c.scalars(boxes).all())
    return [box[at : at + 32] for box in found for at in range(0, len(box), 512)]


def _found(folder: Path, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in (folder / "db").iterdir())
