"""Joined references on a real server: forms, page, copy, erasure and documents take in both."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from contracts.attachments import describe, encrypt
from contracts.consents import ConsentHeld, MayNotSee
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.questions import Category
from contracts.seal import Sealed
from contracts.statements import Statement
from services.agency.attachments import ATTACH, FETCH, Head, Piece, sign_fetch, write_piece
from services.agency.filling import sign_form_request
from services.agency.personal import AccessRequest, ErasureRequest, FamilyRequest, sign_personal
from tests.area import CARE, DUTY, DUTY_MANAGER, FRONT, SCHOOL, TEACHER
from tests.live.conftest import ServerFactory
from tests.live.story_world import World, until, words, world_on
from tests.unit.story_cases import ON_DUTY, Written

pytestmark = pytest.mark.live
HOUSEHOLD, GP, VIEWS = "family.household", "health.gp", "views.child"
MINUTES = b"%PDF-1.7 minutes of the meeting"


class Pair(NamedTuple):
    """A world in which one reference was retired into another, and its first message."""

    world: World
    retired: str
    survivor: str
    first: Written

    async def ask(self, verb: str, who: str, data: bytes) -> dict[str, Any]:
        """Ask the story through the gateway of who asks."""
        return await self.world.forward(who.rpartition(".")[0], data, verb)

    async def personally(self, verb: str, who: str, form: Any, **said: Any) -> dict[str, Any]:
        """Ask about the survivor as `who`."""
        key, now = self.world.exchange.area.keys[who], datetime.now(UTC)
        child = said.pop("child", self.survivor)
        return await self.ask(verb, who, sign_personal(key, form, child, "to help", now, **said))

    async def form(self, what: Any) -> dict[str, Any]:
        """Ask about a form as the duty worker."""
        key, now = self.world.exchange.area.keys[DUTY], datetime.now(UTC)
        request = sign_form_request(key, what, "step-up", self.survivor, "to fill in", now)
        return await self.ask(what, DUTY, request)


def added(world: World, child: str, *said: Statement, to: tuple[str, ...] = (FRONT,)) -> Sealed:
    """Add to the story as the school's teacher."""
    return world.exchange.area.sealed("story.added", child, TEACHER, to, said, basis=ON_DUTY)


async def stored(world: World, count: int) -> None:
    """Wait until so many statements are stored."""

    async def there() -> bool:
        return bool((await world.admin("status"))["statements"] == count)

    await until(there)


async def joined(world: World, **kept_back: Any) -> Pair:
    """Tell of a child under two references and join them; the retired one keeps these back."""
    retired, survivor, area = new_reference(), new_reference(), world.exchange.area
    attachment = describe(MINUTES)
    head = Head(child=retired, object=attachment.object, size=attachment.size, number=0)
    await world.forward(SCHOOL, write_piece(Piece(head, encrypt(attachment, MINUTES, 0))), ATTACH)
    document = Statement(
        question="meeting.minutes",
        said_by="teacher",
        recorded_by=TEACHER,
        recorded_at=area.now,
        attachment=attachment,
    )
    said = (area.statement(HOUSEHOLD, "two brothers"), document)
    first = await world.tell(added(world, retired, *said, to=(FRONT, CARE)))
    await world.tell(added(world, survivor, area.statement(GP, "Mill Lane")))
    await linked(world, retired, survivor, **kept_back)
    await stored(world, 3)
    return Pair(world, retired, survivor, first)


async def linked(world: World, retired: str, survivor: str, **kept_back: Any) -> None:
    """Write both journeys as a join leaves them."""
    journeys = world.exchange.journeys
    before = journeys.get(survivor, Journey(child=survivor))
    journeys[retired] = replace(journeys[retired], linked_into=survivor, **kept_back)
    journeys[survivor] = replace(before, linked=(retired,))
    for child in (retired, survivor):
        await world.tell(world.exchange.referral(child, words=()))


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which the story service runs."""
    async with world_on(server_factory, tmp_path / "state") as made, made.service():
        yield made


@pytest_asyncio.fixture
async def pair(world: World) -> Pair:
    """Give two joined references, the retired one with a document."""
    return await joined(world)


async def code(asked: Any) -> str:
    """Await a refusal, and give its code."""
    with pytest.raises(HandrailError) as caught:
        await asked
    return caught.value.code


async def test_a_form_is_filled_in_from_every_joined_reference(pair: Pair) -> None:
    """What was told under the retired reference is not asked again, and says where it was told."""
    filled = await pair.form("prefill")
    answers = {s["question"]: s for s in filled["document"]["statements"] if s.get("value")}
    assert {q: s["value"] for q, s in answers.items()} == {
        HOUSEHOLD: "two brothers",
        GP: "Mill Lane",
    }
    assert filled["document"]["child"] == pair.survivor
    assert answers[HOUSEHOLD]["carried_from"] == pair.first.id
    missing = {one["question"] for one in (await pair.form("missing"))["missing"]}
    assert missing.isdisjoint({HOUSEHOLD, GP})
    assert (await pair.world.admin("status"))["reads"] == 4


async def test_the_familys_page_is_about_every_joined_reference(pair: Pair) -> None:
    """Who holds and who has seen what was told under the retired reference is on the one page."""
    await pair.world.read(CARE, pair.retired)
    page = await pair.personally("family", DUTY, FamilyRequest)
    assert {one["agency"] for one in page["holders"]} == {SCHOOL, FRONT, CARE}
    assert [(one["agency"], one["count"]) for one in page["reads"]] == [(CARE, 2)]
    alone = await pair.personally("family", DUTY, FamilyRequest, child=pair.retired)
    assert len(alone["reads"]) == 1


async def test_a_copy_of_everything_holds_every_joined_reference(pair: Pair) -> None:
    """Statements and messages of both are in the copy, each opened with its own key."""
    made = await pair.personally("access", DUTY_MANAGER, AccessRequest)
    told = {one["message"] for one in made["statements"]}
    assert len(made["statements"]) == 3
    assert len(told) == 2
    assert pair.first.id in told
    assert told <= {one["message"] for one in made["messages"]}
    assert made["child"] == pair.survivor
    after = await pair.personally("access", DUTY_MANAGER, AccessRequest, after=2)
    assert [one["digest"] for one in after["statements"]] == [made["statements"][2]["digest"]]
    again = await pair.personally("access", DUTY_MANAGER, AccessRequest)
    # Of each time the survivor's read and the retired one's; what is said by one parent or the
    # other, and who lives at home, is kept back.
    assert [one["shown"] for one in again["reads"]] == [0, 1, 0, 1, 0, 1]


async def test_an_erasure_of_everything_names_the_other_references(pair: Pair) -> None:
    """What it does not cover is said by reference, from either side; a part of it names none."""
    plan = await pair.personally("erasable", TEACHER, ErasureRequest)
    assert (plan["count"], plan["also"]) == (1, [pair.retired])
    other = await pair.personally("erasable", TEACHER, ErasureRequest, child=pair.retired)
    assert (other["count"], other["also"]) == (2, [pair.survivor])
    part = await pair.personally(
        "erasable", TEACHER, ErasureRequest, child=pair.retired, message=pair.first.id
    )
    assert part["also"] == []


async def test_where_everything_lies_under_the_other_reference_that_is_said(world: World) -> None:
    """Nothing to erase under the survivor is not nothing held about the child."""
    retired, survivor = new_reference(), new_reference()
    first = await world.tell(added(world, retired, world.exchange.area.statement(GP, "Mill Lane")))
    await linked(world, retired, survivor)
    await stored(world, 1)
    pair = Pair(world, retired, survivor, first)

    async def said() -> bool:
        return await code(pair.personally("erasable", TEACHER, ErasureRequest)) != "story.not-found"

    await until(said)
    refused = await code(pair.personally("erasable", TEACHER, ErasureRequest))
    assert refused == "erasure.elsewhere"


async def test_a_document_of_the_retired_reference_opens_under_the_survivor(pair: Pair) -> None:
    """What the whole story shows it also gives out, and only to who may see the statement."""
    whole = await pair.world.read(FRONT, pair.survivor)
    (shown,) = [one for one in whole["statements"] if one["statement"].get("attachment")]
    assert (shown["message"], shown["document"]) == (pair.first.id, "stored")

    async def fetch(child: str, who: str = DUTY) -> dict[str, Any]:
        key, now = pair.world.exchange.area.keys[who], datetime.now(UTC)
        asked = sign_fetch(key, child, pair.first.id, shown["digest"], "to look", now)
        return await pair.ask(FETCH, who, asked)

    assert (await fetch(pair.survivor))["ticket"]
    assert (await fetch(pair.retired))["ticket"]
    assert await code(fetch(new_reference())) == "story.not-found"


async def test_who_must_not_learn_under_one_reference_reads_under_none(world: World) -> None:
    """A person kept out of the retired reference gets the answer of a child unknown under both."""
    pair = await joined(world, must_not_know=(DUTY,))
    for child in (pair.survivor, pair.retired):
        assert await code(world.read(FRONT, child)) == "story.not-found"
    assert await code(pair.form("prefill")) == "story.not-found"
    assert await code(pair.personally("family", DUTY, FamilyRequest)) == "story.not-found"
    assert (await pair.personally("access", DUTY_MANAGER, AccessRequest))["statements"]


async def test_what_may_not_be_seen_under_one_reference_is_read_under_none(world: World) -> None:
    """Who may not see something by a consent of the retired reference does not see the survivor's.

    The consent itself is not carried over: nothing is shown by it.
    """
    exchange, retired, survivor = world.exchange, new_reference(), new_reference()
    shared = exchange.consent(FRONT)
    hidden = MayNotSee(agencies=(FRONT,), categories=(Category.HEALTH,))
    keeping = exchange.consent(CARE).model_copy(update={"may_not_see": (hidden,)})
    basis = {"kind": "consent", "consents": [shared.id]}
    health = exchange.area.statement(GP, "Mill Lane")
    views = exchange.area.statement(VIEWS, "I like maths")
    for child, said in ((retired, ()), (survivor, (health, views))):
        sealed = exchange.area.sealed(
            "story.added", child, TEACHER, (FRONT,), said, basis=basis if said else ON_DUTY
        )
        await world.tell(sealed)
    await stored(world, 2)
    journeys = exchange.journeys
    journeys[retired] = replace(journeys[retired], linked_into=survivor)
    journeys[survivor] = replace(journeys[survivor], linked=(retired,))
    for child, consent in ((survivor, shared), (retired, keeping)):
        held = [ConsentHeld(consent=consent)]
        await world.tell(exchange.referral(child, words=()), held)
    assert words(await world.read(FRONT, survivor)) == ["I like maths"]
