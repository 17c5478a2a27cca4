"""A message's statements lie together once more, and no guarantee of the story is lost by it."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Row, select

from contracts.consents import ConsentHeld
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.questions import Category
from services.story import packing
from services.story.erasing import carry_out
from services.story.locking import new_child_key
from services.story.orders import Order
from services.story.packing import Outline, opened, pack, packs_of
from services.story.recent import Opened
from services.story.store import Store
from services.story.tables import MESSAGES, PACKS, STATEMENTS
from tests.area import FRONT, SCHOOL
from tests.unit.story_cases import Exchange
from tests.unit.story_reading import inquiry, kept, reads, refusal, told

CHILD = "CHILD000000000000001"
THREE = [("concern.harm", "shared"), ("health.general", "held back"), ("views.child", 'ü "too"')]


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story."""
    folder = f"sqlite:///{tmp_path}/db"
    made = Store(f"{folder}/story.sqlite", f"{folder}/story-keys.sqlite")
    yield made
    await made.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


async def packs(store: Store) -> dict[int, Row[Any]]:
    """Give what lies in the table, by the place of the message."""
    rows = await store.run(lambda c: c.execute(select(PACKS)).all())
    return {row.ledger: row for row in rows}


async def change(store: Store, **values: object) -> None:
    """Change every pack."""
    await store.run(lambda c: c.execute(PACKS.update().values(**values)))


def _order(ledger: int, digests: tuple[str, ...] = ()) -> Order:
    at = datetime.now(UTC)
    return Order(ledger, CHILD, new_reference(), SCHOOL, "request", at, digests=digests)


def _first(row: Row[Any]) -> str:
    _version, _places, digests, *_ = orjson.loads(row.listed)
    return str(digests[0])


async def referred(store: Store, exchange: Exchange, ledger: int, **how: Any) -> str:
    """Store a referral with three statements, and give its id."""
    written = exchange.accept(exchange.referral(CHILD, words=THREE, **how))
    await kept(store, told(exchange, written, ledger))
    return written.id


async def test_a_story_reads_the_same_with_packs_and_without(
    store: Store, exchange: Exchange
) -> None:
    """An answer is the same byte by byte, and a message that had no pack has one from then on."""
    for ledger in (3, 5):
        await referred(store, exchange, ledger)
    together = await reads(store, inquiry(FRONT, CHILD))
    await store.run(lambda c: c.execute(PACKS.delete()))

    alone = await reads(store, inquiry(FRONT, CHILD))

    assert together.body == alone.body
    assert orjson.loads(alone.body)["statements"][2]["statement"]["value"] == 'ü "too"'
    assert set(await packs(store)) == {3, 5}
    await store.run(
        lambda c: c.execute(STATEMENTS.update().values(ciphertext=b"", wrapped_key=b""))
    )
    assert (await reads(store, inquiry(FRONT, CHILD))).body == together.body


async def test_a_story_kept_before_there_were_packs_is_read(
    exchange: Exchange, tmp_path: Path
) -> None:
    """A database without the table gets it when it is opened, and loses nothing."""
    urls = f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/story-keys.sqlite"
    before = Store(*urls)
    await referred(before, exchange, 3)
    await before.run(PACKS.drop)
    await before.close()

    after = Store(*urls)
    answer = await reads(after, inquiry(FRONT, CHILD))

    assert (answer.shown, answer.withheld, set(await packs(after))) == (3, 0, {3})
    await after.close()


async def test_of_a_message_shown_in_part_nothing_else_is_decrypted(
    store: Store, exchange: Exchange
) -> None:
    """Where something is withheld each statement is opened for itself; the pack is left alone."""
    consent = exchange.consent(FRONT, Category.CONCERN, Category.VIEWS)
    basis = {"kind": "consent", "consents": [consent.id]}
    await referred(store, exchange, 3, basis=basis, consents=(consent,))
    await change(store, ciphertext=secrets.token_bytes(900))

    answer = await reads(store, inquiry(FRONT, CHILD), (ConsentHeld(consent=consent),))

    assert (answer.shown, answer.withheld) == (2, 1)
    assert b"held back" not in answer.body
    assert (await refusal(store, inquiry(SCHOOL, CHILD)))[0] == "story.statement-damaged"


@pytest.mark.parametrize("part", ["ciphertext", "listed"])
async def test_a_damaged_pack_is_no_answer(store: Store, exchange: Exchange, part: str) -> None:
    """What was changed in the table, be it only a digest in the list, does not open."""
    await referred(store, exchange, 3)
    found = (await packs(store))[3]
    version, places, digests, *rest = orjson.loads(found.listed)
    listed = orjson.dumps([version, places, [*digests[:-1], digests[0]], *rest]).decode()
    changed = {"ciphertext": secrets.token_bytes(900), "listed": listed}

    await change(store, **{part: changed[part]})

    assert (await refusal(store, inquiry(FRONT, CHILD)))[0] == "story.statement-damaged"


async def test_a_pack_opens_for_its_child_and_by_its_digests_only(
    store: Store, exchange: Exchange
) -> None:
    """Neither another child's reference nor another text under a right key gets through."""
    await referred(store, exchange, 3)
    key = await store.child_key(CHILD)
    (one,) = (await store.run(lambda c: packs_of(c, CHILD, key, [3]))).values()
    assert b"shared" in opened(one, CHILD)
    other = Opened(one.outlines[0].digest, "b3RoZXI", b"{}").as_json(new_reference(), SCHOOL)
    row = pack(3, one.outlines[:1], [orjson.dumps(other)], CHILD, key or b"")
    await change(store, **row)
    (forged,) = (await store.run(lambda c: packs_of(c, CHILD, key, [3]))).values()

    for bad, child in ((one, "CHILD000000000000002"), (forged, CHILD)):
        with pytest.raises(HandrailError) as caught:
            opened(bad, child)
        assert caught.value.code == "story.statement-damaged"


async def test_a_pack_of_another_key_is_as_good_as_none(store: Store, exchange: Exchange) -> None:
    """Once the child's key is another one, what is left of a pack is not used for anything."""
    await referred(store, exchange, 3)
    outlines = [Outline(3, 0, "d" * 43, "views", 1, True)]
    piece = orjson.dumps(Opened("d" * 43, "b3RoZXI", b"{}").as_json(new_reference(), SCHOOL))
    row = pack(3, outlines, [piece], CHILD, new_child_key())
    await store.run(lambda c: packing.put(c, [row]))

    assert (await reads(store, inquiry(FRONT, CHILD))).shown == 3


async def test_erasing_a_statement_takes_the_pack_that_holds_it(
    store: Store, exchange: Exchange
) -> None:
    """A message that lost a statement loses its pack; others are bound to the new key."""
    await referred(store, exchange, 3)
    second = await referred(store, exchange, 5)
    before, old = await packs(store), await store.child_key(CHILD)
    gone = _first(before[3])

    await carry_out(store, _order(7, digests=(gone,)))

    after, key = await packs(store), await store.child_key(CHILD)
    assert set(after) == {5}
    assert (await store.run(lambda c: packs_of(c, CHILD, old, [5]))) == {}
    assert (await store.run(lambda c: packs_of(c, CHILD, key, [5]))).keys() == {5}
    whole = await reads(store, inquiry(FRONT, CHILD))
    assert (whole.shown, gone.encode() in whole.body) == (5, False)
    assert (await reads(store, inquiry(FRONT, CHILD, second))).shown == 3
    await carry_out(store, _order(9))
    assert await packs(store) == {}
    assert await store.run(lambda c: c.execute(select(MESSAGES)).all()) == []


async def test_a_message_that_lost_a_statement_is_read_whole_and_then_in_part(
    store: Store, exchange: Exchange
) -> None:
    """After an erasure the remade pack tells each statement's own place: no other is opened."""
    consent = exchange.consent(FRONT, Category.CONCERN, Category.VIEWS)
    basis = {"kind": "consent", "consents": [consent.id]}
    await referred(store, exchange, 3, basis=basis, consents=(consent,))
    await carry_out(store, _order(7, digests=(_first((await packs(store))[3]),)))
    whole = await reads(store, inquiry(SCHOOL, CHILD))
    assert (whole.shown, whole.withheld, set(await packs(store))) == (2, 0, {3})

    part = await reads(store, inquiry(FRONT, CHILD), (ConsentHeld(consent=consent),))

    assert (part.shown, part.withheld) == (1, 1)
    assert b"held back" not in part.body


async def test_a_pack_of_another_version_is_as_good_as_none(
    store: Store, exchange: Exchange
) -> None:
    """A pack listed in an earlier form is not used for anything, and is made anew."""
    await referred(store, exchange, 3)
    _version, _places, *earlier = orjson.loads((await packs(store))[3].listed)
    await change(store, listed=orjson.dumps(earlier).decode())

    assert (await reads(store, inquiry(FRONT, CHILD))).shown == 3

    key = await store.child_key(CHILD)
    assert (await store.run(lambda c: packs_of(c, CHILD, key, [3]))).keys() == {3}


async def test_a_pack_opens_for_its_message_only(store: Store, exchange: Exchange) -> None:
    """Laid in the place of another message of the same child it does not open."""
    await referred(store, exchange, 3)
    await referred(store, exchange, 5)
    row = dict((await packs(store))[3]._mapping)

    await store.run(lambda c: packing.put(c, [{**row, "ledger": 5}]))

    assert (await refusal(store, inquiry(FRONT, CHILD)))[0] == "story.statement-damaged"
