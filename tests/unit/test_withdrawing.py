"""What a withdrawal does to the story and to an agency's inbox, whichever comes first."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.roles import Role
from contracts.seal import Sealed
from services.agency.asking import waits
from services.agency.items import Item, State
from services.agency.store import AgencyStore
from services.agency.withdrawing import must_be_open, withdraws
from services.story.reading import read
from services.story.store import Store
from tests import messages_real_life as r
from tests.area import CARE, DOCTOR, DUTY, FRONT, GP, SCHOOL
from tests.unit.story_cases import WORDS, Exchange, Written
from tests.unit.story_reading import inquiry, kept, reads, recorded, refusal, told
from tests.unit.test_agency_inbox import AREA, item, take


@pytest_asyncio.fixture
async def story(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story."""
    made = Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")
    yield made
    await made.close()


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgencyStore]:
    """Give an agency's empty store."""
    made = AgencyStore(f"sqlite:///{tmp_path}/agency.sqlite")
    yield made
    await made.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


def accepted(exchange: Exchange, sealed: Sealed, sequence: int) -> Written:
    """Accept a message as the submission `sequence` of its lane."""
    return exchange.accept(sealed, sequence)


async def test_a_withdrawn_message_is_read_neither_by_its_readers_nor_by_its_sender(
    story: Store, exchange: Exchange
) -> None:
    """Who had read it is told that it was withdrawn, and no further read is recorded."""
    written = accepted(exchange, exchange.referral(), 1)
    await kept(story, told(exchange, written, 5))
    assert WORDS in (await reads(story, inquiry(FRONT, written.child, written.id))).body.decode()

    back = r.withdrawn(exchange.area, written.child, written.id, "wrong_child")
    await kept(story, told(exchange, accepted(exchange, back, 2), 6))

    for agency in (FRONT, SCHOOL):
        code, *texts = await refusal(story, inquiry(agency, written.child, written.id))
        assert code == "story.withdrawn"
        assert WORDS not in str(texts)
    whole = orjson.loads((await reads(story, inquiry(FRONT, written.child))).body)
    assert whole == {"statements": [], "withheld": 0}
    assert await story.run(recorded("shown_count")) == [(1,), (0,)]


async def test_a_withdrawal_holds_before_the_message_itself_is_stored(
    story: Store, exchange: Exchange
) -> None:
    """Records may be stored out of order, and what was withdrawn is shut all the same."""
    written = accepted(exchange, exchange.referral(), 1)
    back = r.withdrawn(exchange.area, written.child, written.id)
    await kept(story, told(exchange, accepted(exchange, back, 2), 6))
    await kept(story, told(exchange, written, 5))
    code, *_ = await refusal(story, inquiry(FRONT, written.child, written.id))
    assert code == "story.withdrawn"


async def test_a_withdrawal_counts_as_soon_as_the_journey_has_it(
    story: Store, exchange: Exchange
) -> None:
    """Nothing is shown in the moment before the withdrawal has been stored."""
    written = accepted(exchange, exchange.referral(), 1)
    await kept(story, told(exchange, written, 5))
    journey = Journey(child=written.child, withdrawn=(written.id,))
    key = await story.child_key(written.child)
    asked = inquiry(FRONT, written.child, written.id)
    work = partial(read, inquiry=asked, journey=journey, child_key=key, now=datetime.now(UTC))
    with pytest.raises(HandrailError, match=r"story\.withdrawn"):
        await story.run(work)


async def test_anothers_message_of_the_same_id_stays_readable(
    story: Store, exchange: Exchange
) -> None:
    """Nobody hides another agency's message by withdrawing one of their own."""
    written = accepted(exchange, exchange.referral(), 1)
    same = exchange.referral(written.child, author=DOCTOR, id=written.id)
    back = r.withdrawn(exchange.area, written.child, written.id, by=DOCTOR)
    await kept(story, told(exchange, written, 5))
    await kept(story, told(exchange, accepted(exchange, same, 1), 6))
    await kept(story, told(exchange, accepted(exchange, back, 2), 7))
    found = await reads(story, inquiry(SCHOOL, written.child, written.id))
    assert WORDS in found.body.decode()
    code, *_ = await refusal(story, inquiry(GP, written.child, written.id))
    assert code == "story.withdrawn"


async def test_a_redirected_copy_is_withdrawn_with_its_original(
    story: Store, exchange: Exchange
) -> None:
    """What was passed on with its words is taken back together with them."""
    written = accepted(exchange, exchange.referral(), 1)
    copy = r.redirected(exchange.area, written.child, written.id, SCHOOL, told=(GP,), by=DUTY)
    passed = accepted(exchange, copy, 1)
    await kept(story, told(exchange, written, 5), told(exchange, passed, 6))
    assert (await reads(story, inquiry(GP, written.child, passed.id))).shown == 1
    back = r.withdrawn(exchange.area, written.child, written.id)
    await kept(story, told(exchange, accepted(exchange, back, 2), 7))
    code, *_ = await refusal(story, inquiry(GP, written.child, passed.id))
    assert code == "story.withdrawn"


@pytest.mark.parametrize("first", ["message", "withdrawal"])
async def test_an_inbox_marks_what_was_withdrawn(store: AgencyStore, first: str) -> None:
    """The line says so whichever came first, it has left the desk, and it opens no more."""
    made = item()
    if first == "message":
        await take(store, made, 1)
        await store.move(FRONT, made.message, State.DECIDED)
    await store.withdraw(FRONT, SCHOOL, made.message)
    if first == "withdrawal":
        await take(store, made, 1)
    held = (await store.held(FRONT, made.message)).item
    assert held.state is State.WITHDRAWN
    assert await store.items(FRONT, history=False) == ()
    assert len(await store.items(FRONT, history=True)) == 1
    with pytest.raises(HandrailError, match=r"delivery\.withdrawn"):
        must_be_open(held)
    await store.move(FRONT, made.message, State.OPENED)
    assert (await store.held(FRONT, made.message)).item.state is State.WITHDRAWN


async def test_an_inbox_marks_its_senders_message_only(store: AgencyStore) -> None:
    """Another agency's word takes nothing back, nor does a word to another agency."""
    made = item()
    await take(store, made, 1)
    await store.withdraw(FRONT, GP, made.message)
    await store.withdraw(CARE, SCHOOL, made.message)
    held = (await store.held(FRONT, made.message)).item
    assert held.state is State.DELIVERED
    must_be_open(held)


@pytest.mark.parametrize("first", ["message", "withdrawal"])
async def test_an_inbox_marks_the_redirected_copy(store: AgencyStore, first: str) -> None:
    """The agency to which a request was passed on sees that it was withdrawn."""
    original = new_reference()
    made = item("request.redirected", sender=FRONT, answers=original)
    other = item("message.acknowledged", sender=FRONT, answers=original)
    if first == "message":
        await take(store, made, 1)
    await take(store, other, 2)
    await store.withdraw(FRONT, SCHOOL, original)
    if first == "withdrawal":
        await take(store, made, 1)
    states = {one.message: one.state for one in await store.items(FRONT, history=True)}
    assert states == {made.message: State.WITHDRAWN, other.message: State.DELIVERED}


def test_only_a_withdrawal_withdraws() -> None:
    """Of any other message nothing is read as one."""
    child, message = new_reference(), new_reference()
    back, _ = AREA.event(
        "message.withdrawn",
        child,
        DUTY,
        [SCHOOL],
        content={"message": message, "error": "wrong_child"},
    )
    other, _ = AREA.event("story.added", child, DUTY, [SCHOOL], content={})
    assert (withdraws(back), withdraws(other)) == (message, "")


@pytest.mark.parametrize(
    ("kind", "role", "asks"),
    [
        ("referral.submitted", Role.FIRST_RESPONSE, True),
        ("referral.submitted", Role.UNIVERSAL, False),
        ("stepdown.requested", Role.CAF_TEAM, True),
        ("stepdown.requested", Role.SOCIAL_CARE, False),
        ("agency-check.requested", Role.UNIVERSAL, True),
        ("request.redirected", Role.SOCIAL_CARE, True),
        ("request.redirected", Role.UNIVERSAL, False),
        ("message.withdrawn", Role.UNIVERSAL, False),
    ],
)
def test_a_desk_is_asked_what_its_role_may_answer(kind: str, role: Role, *, asks: bool) -> None:
    """A request waits where it can be answered, until it is decided or withdrawn."""
    made: Item = item(kind)
    assert waits(made, role) is asks
    for over in (State.DECIDED, State.WITHDRAWN):
        assert not waits(replace(made, state=over), role)
