"""Stored attachments: bounded for each agency, written once, and gone with their statements."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.attachments import CHUNK, Attachment, chunks_of, describe, encrypt, stored_size
from contracts.errors import HandrailError
from contracts.statements import Statement
from services.agency.attachments import ChunkWanted, Head, Piece
from services.story import attached, objects
from services.story.attachment_tables import ATTACHED
from services.story.erasing import erase_child, recover
from services.story.store import Store
from services.story.tables import STATEMENTS
from tests.area import FRONT, GP, SCHOOL, TEACHER
from tests.unit.story_cases import ON_DUTY, Exchange
from tests.unit.story_reading import kept, told

CHILD, OTHER = "CHILD000000000000001", "CHILD000000000000002"
CONTENT = b"%PDF-1.7 " + b"x" * (2 * CHUNK)


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story, its attachments in a database of each kind."""
    folder = f"sqlite:///{tmp_path}/db"
    urls = [f"{folder}/{name}.sqlite" for name in ("story", "story-keys", "story-attachments")]
    if request.param == "postgres":
        urls[2] = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    opened = Store(*urls)
    yield opened
    await opened.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


async def put(
    store: Store,
    made: Attachment,
    number: int,
    now: datetime,
    *,
    agency: str = SCHOOL,
    child: str = CHILD,
    most: int = objects.MOST_BYTES,
    data: bytes = b"",
) -> int:
    """Upload one chunk."""
    head = Head(child=child, object=made.object, size=made.size, number=number)
    piece = Piece(head, data or encrypt(made, CONTENT, number))
    return await store.run_objects(
        partial(objects.put, agency=agency, piece=piece, now=now, most=most)
    )


async def uploaded(store: Store, made: Attachment, now: datetime, child: str = CHILD) -> None:
    """Upload the whole."""
    for number in range(chunks_of(made.size)):
        await put(store, made, number, now, child=child)


async def there(store: Store, *made: Attachment) -> set[str]:
    """Name those that are wholly stored."""
    names = [one.object for one in made]
    return await store.run_objects(partial(objects.whole, objects=names))


async def said(store: Store, exchange: Exchange, ledger: int, made: Attachment, child: str) -> None:
    """Have a message about a child accepted whose one statement has the attachment."""
    statement = Statement(
        question="meeting.minutes",
        said_by="chair",
        recorded_by=TEACHER,
        recorded_at=exchange.area.now,
        attachment=made,
    )
    content = {"concern": "child_in_need", "source": "2A"}
    sealed = exchange.area.sealed(
        "referral.submitted", child, TEACHER, (FRONT,), [statement], basis=ON_DUTY, content=content
    )
    await kept(store, told(exchange, exchange.accept(sealed, ledger), ledger))


def code(caught: pytest.ExceptionInfo[HandrailError]) -> str:
    """Say which refusal it was."""
    return caught.value.code


async def test_an_upload_may_be_repeated_and_never_changed(
    store: Store, exchange: Exchange
) -> None:
    """The same bytes again do nothing; other bytes, another agency or child are refused."""
    made, now = describe(CONTENT), exchange.area.now
    left = [await put(store, made, number, now) for number in (2, 0, 0)]
    assert left == [2, 1, 1]
    assert await there(store, made) == set()
    assert await put(store, made, 1, now) == 0
    assert await there(store, made) == {made.object}

    forged = bytes(CHUNK + 16)
    for change in ({"data": forged}, {"agency": GP}, {"child": OTHER}):
        with pytest.raises(HandrailError) as caught:
            await put(store, made, 0, now, **change)
        assert code(caught) == "attachment.other"
    assert await store.run_objects(partial(objects.whole, objects=[made.object], child=OTHER)) == (
        set()
    )


async def test_an_agency_fills_its_own_room_and_nobody_elses(
    store: Store, exchange: Exchange
) -> None:
    """What one agency may store is bounded, counted from the first chunk, and its own alone."""
    one, two, now = describe(CONTENT), describe(CONTENT), exchange.area.now
    most = 2 * stored_size(len(CONTENT)) - 1
    await put(store, one, 0, now, most=most)

    with pytest.raises(HandrailError) as caught:
        await put(store, two, 0, now, most=most)
    assert code(caught) == "attachment.no-room"
    assert await put(store, one, 1, now, most=most) == 1
    assert await put(store, two, 0, now, agency=GP, most=most) == 2


async def test_a_ticket_is_one_agencys_for_one_object_and_some_minutes(
    store: Store, exchange: Exchange
) -> None:
    """Nobody else may use it, not for another object, and not later; none for what is not whole."""
    made, other, now = describe(CONTENT), describe(CONTENT), exchange.area.now
    await uploaded(store, made, now)
    await put(store, other, 0, now)
    give = partial(objects.ticket, agency=FRONT, child=CHILD, now=now)
    ticket = await store.run_objects(partial(give, found=made.object))
    for wrong in ({"found": other.object}, {"found": made.object, "child": OTHER}):
        with pytest.raises(HandrailError) as caught:
            await store.run_objects(partial(give, **wrong))
        assert code(caught) == "attachment.missing"

    async def chunk(agency: str, number: int, at: datetime, by: str = ticket) -> bytes:
        wanted = ChunkWanted(ticket=by, number=number)
        return await store.run_objects(partial(objects.chunk, agency=agency, wanted=wanted, now=at))

    assert await chunk(FRONT, 1, now + objects.GOOD_FOR) == encrypt(made, CONTENT, 1)
    for asked in (
        chunk(GP, 1, now),
        chunk(FRONT, 3, now),
        chunk(FRONT, 1, now + objects.GOOD_FOR + timedelta(seconds=1)),
        chunk(FRONT, 1, now, "A" * 43),
    ):
        with pytest.raises(HandrailError) as caught:
            await asked
        assert code(caught) == "attachment.no-ticket"


async def test_an_object_goes_with_the_last_statement_that_names_it(
    store: Store, exchange: Exchange
) -> None:
    """Erasing a child's story takes its documents; another child's, and one carried on, stay."""
    made, unnamed, carried = describe(CONTENT), describe(CONTENT), describe(CONTENT)
    now = exchange.area.now
    await uploaded(store, made, now)
    await uploaded(store, unnamed, now)
    await uploaded(store, carried, now)
    await said(store, exchange, 1, made, CHILD)
    await said(store, exchange, 2, carried, CHILD)
    await said(store, exchange, 3, carried, OTHER)

    await erase_child(store, CHILD)

    assert await there(store, made, unnamed, carried) == {carried.object}
    await erase_child(store, OTHER)
    assert await there(store, carried) == set()
    assert await store.run(lambda c: c.execute(select(ATTACHED)).all()) == []


async def test_what_a_killed_process_left_is_removed_at_the_next_start(
    store: Store, exchange: Exchange
) -> None:
    """A statement gone without its document: the document follows when the service starts."""
    made, now = describe(CONTENT), exchange.area.now
    await uploaded(store, made, now)
    await said(store, exchange, 1, made, CHILD)
    await store.run(lambda c: c.execute(STATEMENTS.delete()))

    await recover(store)

    assert await there(store, made) == set()


async def test_an_upload_that_no_message_names_is_swept_in_the_end(
    store: Store, exchange: Exchange
) -> None:
    """It waits for longer than a seal is good, and then its room is free again."""
    waiting, named, now = describe(CONTENT), describe(CONTENT), exchange.area.now
    await uploaded(store, waiting, now)
    await uploaded(store, named, now)
    await said(store, exchange, 1, named, CHILD)

    assert await attached.sweep(store, now + attached.KEEP_UNNAMED - timedelta(seconds=1)) == 0
    assert await attached.sweep(store, now + attached.KEEP_UNNAMED) == 1
    assert await there(store, waiting, named) == {named.object}
