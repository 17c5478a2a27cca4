"""Breaking the glass in the story: shown, recorded, told, and refused without a trace of why."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts import jws
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.messages.notices import GLASS_BROKEN
from contracts.protecting import BreakGlassReason
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.seal import Sealed, peek
from services.story.breaking import Broken, Standing, Teller, break_glass, named_person
from services.story.breaking_tables import GLASS_NOTICES
from services.story.reading import Inquiry
from services.story.store import Store
from tests.area import CARE, DUTY, DUTY_MANAGER, FRONT, HEAD, SCHOOL, TEACHER, WORKER, Area
from tests.unit.story_cases import Exchange, Written
from tests.unit.story_reading import inquiry, kept, recorded, told

REASON = BreakGlassReason.MISSING_CHILD


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story."""
    opened = Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def written(store: Store, exchange: Exchange) -> Written:
    """Give a referral of the school to the front door, stored."""
    words = [("views.child", "first"), ("safety.staff", "a dog"), ("identity.address", "4 Elm Row")]
    made = exchange.accept(exchange.referral(words=words))
    await kept(store, told(exchange, made, 5))
    return made


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


def care(child: str, nonce: str = "") -> Inquiry:
    """Ask as a social worker."""
    return replace(inquiry(CARE, child, nonce=nonce), role=Role.SOCIAL_CARE)


async def breaks(
    store: Store,
    area: Area,
    asked: Inquiry,
    reason: BreakGlassReason = REASON,
    *,
    involved: tuple[str, ...] = (SCHOOL, FRONT, CARE),
    not_to_know: tuple[str, ...] = (),
) -> Broken:
    """Break the glass as the service does."""
    key = await store.child_key(asked.request.child)
    journey = Journey(asked.request.child, involved=involved, must_not_know=not_to_know)
    teller = Teller("demo.story", lambda: area.services["story"])
    return await store.run(
        partial(
            break_glass,
            inquiry=asked,
            reason=reason,
            standing=Standing(journey, area.directory, teller),
            child_key=key,
            now=datetime.now(UTC),
        )
    )


async def notices(store: Store) -> list[str]:
    """Give the sealed notices that wait."""
    return list(await store.run(lambda c: c.scalars(select(GLASS_NOTICES.c.sealed)).all()))


async def test_it_shows_what_was_sent_to_others_records_it_and_tells_a_named_person(
    store: Store, exchange: Exchange, written: Written
) -> None:
    """Social care reads what went to the front door; its manager gets a sealed notice at once.

    That something stays shut is recorded, and not told.
    """
    broken = await breaks(store, exchange.area, care(written.child))

    shown = orjson.loads(broken.answer.body)
    assert [s["statement"]["value"] for s in shown["statements"]] == ["first", "4 Elm Row"]
    assert shown["withheld"] == 0
    rows = await store.run(recorded("practitioner", "basis", "shown_count", "withheld", "rules"))
    rules = '["read.break-glass","read.stays-shut"]'
    assert rows == [(WORKER, '["break_glass.missing_child"]', 2, 1, rules)]
    (sealed,) = await notices(store)
    event = peek(Sealed(sealed))
    assert not isinstance(event, Refusal)
    assert (event.id, event.kind, event.subject) == (
        broken.notice,
        GLASS_BROKEN.name,
        written.child,
    )
    assert event.data.content == {"practitioner": WORKER, "reason": "missing_child"}
    manager = named_person(exchange.area.directory, WORKER, (), datetime.now(UTC))
    assert [r.practitioner for r in event.data.recipients] == [manager]
    assert manager not in (None, WORKER)
    assert "Elm" not in sealed


async def test_to_protect_a_child_it_shows_all(
    store: Store, exchange: Exchange, written: Written
) -> None:
    """What endangers staff as well."""
    reason = BreakGlassReason.CHILD_PROTECTION
    broken = await breaks(store, exchange.area, care(written.child), reason)

    assert (broken.answer.shown, broken.answer.withheld) == (3, 0)


@pytest.mark.parametrize(
    "how", [{"involved": (SCHOOL, FRONT)}, {"involved": ()}, {"not_to_know": (WORKER,)}]
)
async def test_strangers_and_who_must_not_know_learn_nothing(
    store: Store, exchange: Exchange, written: Written, how: dict[str, Any]
) -> None:
    """They get the answer to what does not exist; nothing is read and nobody is told."""
    with pytest.raises(HandrailError) as caught:
        await breaks(store, exchange.area, care(written.child), **how)

    assert caught.value.code == "story.not-found"
    assert await store.run(recorded("id")) == []
    assert await notices(store) == []


async def test_a_request_breaks_one_glass(
    store: Store, exchange: Exchange, written: Written
) -> None:
    """The same nonce is refused."""
    asked = care(written.child, nonce="n" * 24)
    await breaks(store, exchange.area, asked)

    with pytest.raises(HandrailError, match="read"):
        await breaks(store, exchange.area, asked)
    assert len(await notices(store)) == 1


async def test_without_the_key_to_tell_nothing_is_read(
    store: Store, exchange: Exchange, written: Written
) -> None:
    """No read without its notice: both are written, or neither."""
    del exchange.area.services["story"]

    with pytest.raises(KeyError):
        await breaks(store, exchange.area, care(written.child))
    assert await store.run(recorded("id")) == []


def test_the_one_who_is_told_is_never_the_reader_nor_who_must_not_know() -> None:
    """The line manager; where that person must not know, the duty desk of First Response."""
    directory, now = Area().directory, datetime.now(UTC)

    assert named_person(directory, TEACHER, (), now) == HEAD
    assert named_person(directory, TEACHER, (HEAD,), now) == DUTY
    assert named_person(directory, DUTY, (), now) == DUTY_MANAGER
    assert named_person(directory, DUTY, (DUTY_MANAGER,), now) is None
    assert isinstance(Area().services["story"], jws.PrivateKey)
