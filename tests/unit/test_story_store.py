"""The story is stored once and moves on only over what is certain."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from services.story.entries import LaneCursor
from services.story.keeping import SetAside, positions, set_aside, settle, unkept
from services.story.store import Store
from services.story.tables import CURSORS, SET_ASIDE, STATEMENTS
from tests.unit.story_cases import LANE, WORDS, Exchange
from tests.unit.story_reading import count, kept, told


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
