"""The blinded index in the story's database: made out of what is stored, and gone with it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from contracts.matching import Sought, identity_of, keys_of
from services.runtime.sql import write_position
from services.story import index
from services.story.entries import Told, entries_of, tell
from services.story.index_tables import DUE, MARKS, PAIRS
from services.story.indexing import Indexing
from services.story.keeping import keep
from services.story.store import Store
from tests.area import FRONT, TEACHER
from tests.unit.story_cases import Exchange, Written

ONE, OTHER = "ONE00000000000000000", "OTHER000000000000000"
NHS = "943 476 5919"
WHO = (("identity.name", "Zofia Kowalska"), ("identity.born_on", "2015-03-04"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in files."""
    return Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")


class Play:
    """Messages stored as the follower stores them."""

    def __init__(self, store: Store) -> None:
        self.store, self.exchange, self.indexing = store, Exchange(), Indexing(store)
        self._ledger = 0

    def told(self, written: Written) -> Told:
        """Read one accepted message."""
        self._ledger += 1
        (entry,) = entries_of((written.record(self._ledger),))
        exchange = self.exchange
        return tell(entry, written.submission, exchange.area.directory, exchange.key_of_month)

    async def keep(self, child: str, words: Any, kind: str = "", **content: str) -> Written:
        """Store a message about a child; the index is not touched yet."""
        exchange = self.exchange
        if kind:
            sealed = exchange.area.sealed(kind, child, TEACHER, (FRONT,), content=content)
        else:
            sealed = exchange.referral(child, words=words)
        written = exchange.accept(sealed)
        told = self.told(written)
        keys = await self.store.child_keys([child], datetime.now(UTC))
        await self.store.run(partial(keep, told=[told], keys=keys, cursors=()))
        return written

    async def found(self, **said: Any) -> set[str]:
        """The children that share a digest with what is sought."""
        await self.indexing.work()
        key = await self.store.matching_key(datetime.now(UTC))
        asked = keys_of(identity_of(Sought(**said)), key)
        return set(await self.store.run(partial(index.candidates, asked=asked)))

    async def rows(self, table: Any) -> list[Any]:
        """The rows of a table."""
        return list(await self.store.run(lambda c: c.execute(select(table)).all()))


@pytest.fixture
def play(store: Store) -> Play:
    """A play on an empty store."""
    return Play(store)


async def test_marks_follow_what_is_stored_even_after_a_crash(play: Play) -> None:
    """What makes a child due stands in the same transaction, so another process marks it."""
    await play.keep(ONE, WHO)
    assert [row.child for row in await play.rows(DUE)] == [ONE]
    assert await play.rows(MARKS) == []
    play.indexing = Indexing(play.store)
    assert await play.found(name="KOWALSKA, ZOFIA", born_on="04/03/2015") == {ONE}
    assert await play.rows(DUE) == []


async def test_a_message_without_identity_marks_nobody(play: Play) -> None:
    """Words that identify nobody leave the index alone."""
    await play.keep(ONE, (("views.child", "Zofia Kowalska, 943 476 5919"),))
    assert await play.rows(DUE) == []
    assert await play.found(nhs_number=NHS) == set()


async def test_a_withdrawn_message_identifies_nobody_any_more(play: Play) -> None:
    """A number sent about the wrong child is gone from the index with its withdrawal."""
    wrong = await play.keep(ONE, (("identity.nhs_number", NHS),))
    assert await play.found(nhs_number=NHS) == {ONE}
    await play.keep(
        ONE,
        (),
        "message.withdrawn",
        message=wrong.id,
        error="wrong_child",
    )
    assert await play.found(nhs_number=NHS) == set()


async def test_pairs_come_with_likeness_and_go_with_correction(play: Play) -> None:
    """A pair that was found to be two children is looked at again once more agrees."""
    await play.keep(ONE, WHO)
    await play.keep(OTHER, WHO)
    await play.indexing.work()
    (pair,) = await play.rows(PAIRS)
    assert ({pair.one, pair.other}, pair.likeness) == ({ONE, OTHER}, 1)

    await play.store.run(lambda c: c.execute(PAIRS.update().values(different_at="2026")))
    await play.keep(ONE, (("views.child", "x"), *WHO))
    await play.indexing.work()
    assert [row.different_at for row in await play.rows(PAIRS)] == ["2026"]

    for child in (ONE, OTHER):
        await play.keep(child, (("identity.nhs_number", NHS),))
    await play.indexing.work()
    assert [(row.likeness, row.different_at) for row in await play.rows(PAIRS)] == [(2, None)]


async def test_forgetting_a_child_leaves_no_mark_and_no_pair(play: Play) -> None:
    """What is left of a story is marked anew; nothing of what went is found."""
    await play.keep(ONE, (*WHO, ("identity.nhs_number", NHS)))
    await play.keep(OTHER, WHO)
    await play.indexing.work()
    await play.store.destroy_key(ONE)
    await play.store.run(partial(index.forget, child=ONE))
    assert {row.child for row in await play.rows(MARKS)} == {OTHER}
    assert await play.found(nhs_number=NHS) == set()
    assert await play.rows(PAIRS) == []


async def test_another_matching_key_marks_everybody_anew(play: Play) -> None:
    """Marks under a key that is lost are of no use, and are made again at the next start."""
    await play.indexing.prepare()
    await play.keep(ONE, WHO)
    await play.indexing.work()
    before = {row.digest for row in await play.rows(MARKS)}
    await play.indexing.prepare()
    assert await play.rows(DUE) == []

    change: Callable[[Any], object] = partial(write_position, name="marks", sequence=2**40)
    await play.store.run(change)
    await play.indexing.prepare()
    assert [row.child for row in await play.rows(DUE)] == [ONE]
    await play.indexing.work()
    assert {row.digest for row in await play.rows(MARKS)} == before
