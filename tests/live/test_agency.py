"""An agency's inbox on a real server, with the accounts and permissions that a gateway has."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from contracts import subjects
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from services.first_response import app as first_response
from services.universal import app as universal
from tests.area import DUTY, DUTY_MANAGER, FRONT, GP, SCHOOL, TEACHER
from tests.deliveries import boxed, delivery, digests, receipt
from tests.live.agencies import (
    WITHIN_S,
    WORDS,
    World,
    answers,
    child_of,
    joined_by,
    read_request,
    told,
    world_of,
)
from tests.live.brokers import has_read
from tests.live.conftest import ServerFactory
from tests.messages import acknowledged, referral, step_up_decided

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a server with two gateways, a ledger, and an exchange that gives out the directory."""
    async with world_of(server_factory, tmp_path) as made:
        yield made


async def test_a_genuine_delivery_is_listed_without_a_word_of_it(world: World) -> None:
    """A delivery reaches the desk's list with sender, kind and child, is settled, and no more."""
    sealed = told(world)
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT, protects=True)
        (line,) = await world.messages(FRONT, 1)
        about = await world.ask(FRONT, "delivery", {"message": message})
        await world.settled(FRONT)

    assert (line["message"], line["from"], line["state"]) == (message, SCHOOL, "delivered")
    assert (line["child"], line["protection"]) == (child_of(sealed), True)
    assert about["author"] == {"id": TEACHER, "capacity": "practitioner"}
    assert (about["sealed"], about["shown"]) == (sealed.digest, 1)
    assert WORDS not in json.dumps([line, about])


async def test_forgeries_are_set_aside_and_what_follows_is_served(world: World) -> None:
    """Nothing forged is ever listed, each is told by its reason, and the next one still arrives."""
    area, sealed = world.area, referral(world.area, new_reference())
    at = len(sealed.text) // 2
    changed = sealed.text[:at] + ("B" if sealed.text[at] == "A" else "A") + sealed.text[at + 1 :]
    forged = {
        delivery(area, sealed, FRONT, key=area.keys[TEACHER]): "delivery.not-attested",
        delivery(area, sealed, SCHOOL): "delivery.other-agency",
        delivery(area, sealed, FRONT, seal=changed): "delivery.other-seal",
        delivery(area, sealed, FRONT, to={FRONT: ()}): "delivery.shown-mismatch",
        b"not a delivery": "delivery.unreadable",
    }
    async with world.serving(first_response):
        expected = {await world.deliver(FRONT, data): code for data, code in forged.items()}
        genuine = await world.send(referral(area, new_reference()), FRONT)
        reasons = await world.reasons(FRONT, len(forged))
        (line,) = await world.messages(FRONT, 1)
        inbox = await world.ask(FRONT, "inbox")
        await world.settled(FRONT)

    assert reasons == expected
    assert line["message"] == genuine
    assert inbox["quarantined"] == len(forged)


async def test_a_redelivery_and_a_new_start_change_nothing(world: World) -> None:
    """The same record again, before and after a restart, leaves one line with its state."""
    sealed = referral(world.area, new_reference())
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT)
        await world.messages(FRONT, 1)
        await world.send(sealed, FRONT)
        await world.settled(FRONT)
        taken = receipt(world.area, acknowledged(world.area, child_of(sealed), message))
        note = {"message": message, "state": "acknowledged", "receipt": taken}
        await world.ask(FRONT, "note", note)
    await world.send(sealed, FRONT)
    other = await world.send(referral(world.area, new_reference()), FRONT)
    async with world.serving(first_response):
        lines = await world.messages(FRONT, 2)
        await world.settled(FRONT)

    assert {one["message"]: one["state"] for one in lines} == {
        message: "acknowledged",
        other: "delivered",
    }


async def test_two_agencies_of_one_gateway_have_an_inbox_each(world: World) -> None:
    """One connection serves both, and neither sees what was delivered to the other."""
    decided = step_up_decided(world.area, new_reference(), new_reference())
    async with world.serving(universal):
        for_school = await world.send(decided, SCHOOL)
        for_surgery = await world.send(told(world), GP)
        (school,) = await world.messages(SCHOOL, 1)
        (surgery,) = await world.messages(GP, 1)
        (outcome,) = (await world.ask(SCHOOL, "desk"))["messages"]
        with pytest.raises(HandrailError, match=r"delivery\.unknown"):
            await world.ask(SCHOOL, "delivery", {"message": for_surgery})

    assert (school["message"], surgery["message"]) == (for_school, for_surgery)
    assert outcome["kind"] == "stepup.decided"


async def test_opening_is_the_story_services_to_decide(world: World) -> None:
    """The practitioner's own bytes are forwarded, the answer comes back, the state moves on."""
    sealed = told(world)
    world.story_answer = b'{"statements":[],"withheld":1}'
    await world.answer_stories()
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT)
        await world.messages(FRONT, 1)
        request = read_request(world, message, child_of(sealed))
        answer = await world.ask(FRONT, "open", request)
        with pytest.raises(HandrailError, match=r"read\.replayed"):
            await world.ask(FRONT, "open", request)
        about = await world.ask(FRONT, "delivery", {"message": message})

    assert answer == {"statements": [], "withheld": 1}
    assert set(world.story_asked) == {f"story.{FRONT}.read"}
    assert about["state"] == "opened"
    assert [(one["practitioner"], one["source"]) for one in about["openings"]] == [(DUTY, "story")]


async def test_child_protection_opens_while_the_story_service_is_away(world: World) -> None:
    """With nobody to ask, the agency's own key opens what was attested, and it is noted."""
    sealed = told(world)
    box = boxed(world.area, sealed, FRONT)
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT, protects=True, box=box)
        await world.messages(FRONT, 1)
        answer = await world.ask(FRONT, "open", read_request(world, message, child_of(sealed)))
        about = await world.ask(FRONT, "delivery", {"message": message})

    (opened,) = answer["statements"]
    assert (opened["statement"]["value"], opened["digest"]) == (WORDS, digests(sealed)[0])
    assert (opened["message"], opened["sender"]) == (message, SCHOOL)
    assert [one["source"] for one in about["openings"]] == ["delivery"]
    assert about["state"] == "opened"


async def test_who_must_not_know_opens_nothing_past_the_story_service(world: World) -> None:
    """Their own list has no line of it; a colleague opens it, so that the child is protected."""
    sealed = told(world)
    notice = acknowledged(world.area, new_reference(), "R" * 20, TEACHER, FRONT)
    box = boxed(world.area, sealed, FRONT)
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT, protects=True, box=box, not_to_know=[DUTY])
        await world.messages(FRONT, 1)
        with pytest.raises(HandrailError, match=r"delivery\.unknown"):
            await world.ask(FRONT, "open", read_request(world, message, child_of(sealed), DUTY))
        assert (await world.ask(FRONT, "inbox", {"practitioner": DUTY}))["messages"] == []
        assert await world.state(FRONT, message) == "delivered"
        request = read_request(world, message, child_of(sealed), DUTY_MANAGER)
        assert (await world.ask(FRONT, "open", request))["statements"]

        silent = await world.send(notice, FRONT, not_to_know=[DUTY])
        await world.messages(FRONT, 2)
        with pytest.raises(HandrailError, match=r"delivery\.unknown"):
            await world.ask(FRONT, "open", read_request(world, silent, child_of(notice), DUTY))


async def test_nothing_else_opens_past_the_story_service(world: World) -> None:
    """Not another matter while it is away, not against its no, not for another agency's person."""
    plain, grave = referral(world.area, new_reference()), told(world)
    box = boxed(world.area, grave, FRONT)
    async with world.serving(first_response):
        other = await world.send(plain, FRONT, box=boxed(world.area, plain, FRONT))
        message = await world.send(grave, FRONT, protects=True, box=box)
        await world.messages(FRONT, 2)
        with pytest.raises(HandrailError, match=r"service\.unreachable"):
            await world.ask(FRONT, "open", read_request(world, other, child_of(plain)))
        with pytest.raises(HandrailError, match=r"read\.not-practitioner"):
            await world.ask(FRONT, "open", read_request(world, message, child_of(grave), TEACHER))
        with pytest.raises(HandrailError, match=r"read\.child-mismatch"):
            await world.ask(FRONT, "open", read_request(world, message, child_of(plain)))
        world.story_answer = HandrailError("consent.withdrawn", "not shared", "ask the family")
        await world.answer_stories()
        with pytest.raises(HandrailError, match=r"consent\.withdrawn"):
            await world.ask(FRONT, "open", read_request(world, message, child_of(grave)))
        assert await world.state(FRONT, message) == "delivered"


async def test_the_agencys_own_answers_move_its_inbox(world: World) -> None:
    """Acknowledged and decided follow from attested receipts, and from nothing else."""
    sealed = referral(world.area, new_reference())
    async with world.serving(first_response):
        message = await world.send(sealed, FRONT)
        await world.messages(FRONT, 1)
        taken = acknowledged(world.area, child_of(sealed), message)
        for state, made in (
            ("acknowledged", receipt(world.area, taken)),
            ("decided", receipt(world.area, taken, kind="referral.decided")),
        ):
            await world.ask(FRONT, "note", {"message": message, "state": state, "receipt": made})
            assert await world.state(FRONT, message) == state
        forged = receipt(world.area, taken, world.area.keys[DUTY])
        with pytest.raises(HandrailError, match=r"note\.not-attested"):
            await world.ask(
                FRONT, "note", {"message": message, "state": "decided", "receipt": forged}
            )
        for body in ({"message": message}, {"message": "x"}, b"[[", {"state": "delivered"}):
            with pytest.raises(HandrailError, match=r"request\.invalid"):
                await world.ask(FRONT, "note", body)


async def test_an_alert_comes_first_and_opens_without_a_story(world: World) -> None:
    """The exchange's alert stands above all else, for the duty desk, and has nothing to read."""
    alert = world.area.sealed(
        "protection.failed",
        new_reference(),
        "demo.exchange",
        [FRONT],
        capacity=Capacity.SERVICE,
        content={"sender": SCHOOL, "reasons": ["seal.unreadable"]},
    )
    history = referral(
        world.area, new_reference(), history={"occurred_on": "2020-01-01", "source": "cin"}
    )
    async with world.serving(first_response):
        first = await world.send(alert, FRONT, protects=True)
        second = await world.send(referral(world.area, new_reference()), FRONT)
        third = await world.send(history, FRONT)
        lines = await world.messages(FRONT, 3)
        desk = (await world.ask(FRONT, "desk"))["messages"]
        opened = await world.ask(FRONT, "open", read_request(world, first, child_of(alert)))

    assert [one["message"] for one in lines] == [first, second, third]
    assert (lines[0]["alert"], lines[0]["for"]) == (True, DUTY)
    assert [one["history"] for one in lines] == [False, False, True]
    assert [one["message"] for one in desk] == [first, second]
    assert opened == {"statements": [], "withheld": 0}


async def test_a_key_added_a_moment_ago_is_known(world: World) -> None:
    """What somebody sealed whom the service's directory did not name yet is genuine."""
    async with world.serving(first_response):
        world.area = joined_by(world.area)
        message = await world.send(referral(world.area, new_reference()), FRONT)
        (line,) = await world.messages(FRONT, 1)

    assert line["message"] == message


async def test_an_unknown_key_waits_for_an_exchange_that_is_away(world: World) -> None:
    """While nobody can say whether a key is new, the delivery is neither shown nor set aside."""
    stream = world.clients["exchange"].jetstream()
    assert world.directory is not None
    async with world.serving(first_response):
        await world.directory.unsubscribe()
        await has_read(world.clients["exchange"])
        world.area = joined_by(world.area)
        message = await world.send(referral(world.area, new_reference()), FRONT)
        async with asyncio.timeout(WITHIN_S):
            while True:
                info = await stream.consumer_info(subjects.LEDGER, subjects.inbox_consumer(FRONT))
                if info.num_redelivered:
                    break
                await asyncio.sleep(0.02)
        inbox = await world.ask(FRONT, "inbox")
        await world.give_directory()
        (line,) = await world.messages(FRONT, 1)

    assert (inbox["messages"], inbox["quarantined"]) == ([], 0)
    assert line["message"] == message


async def test_an_agency_whose_consumer_comes_later_is_served_then(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """The others of the gateway do not wait for it, and it needs no new start."""
    stop, ready = asyncio.Event(), asyncio.Event()
    async with world_of(server_factory, tmp_path, (SCHOOL, FRONT)) as world:
        task = asyncio.create_task(
            universal.run(world.partnership, stop, ready=ready.set, gateway="schools")
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                while not await answers(world, SCHOOL):
                    await asyncio.sleep(0.05)
            assert not ready.is_set()
            await world.add_consumer(GP)
            async with asyncio.timeout(WITHIN_S):
                await ready.wait()
            await world.send(told(world), GP)
            await world.messages(GP, 1)
        finally:
            stop.set()
            await task


async def test_without_its_identity_a_service_ends_with_a_reason(world: World) -> None:
    """A gateway whose NATS identity is not in the folder cannot be served, and says so."""
    with pytest.raises(HandrailError, match=r"nkey\.missing"):
        await first_response.run(
            world.partnership, asyncio.Event(), ready=lambda: None, gateway="nobody"
        )
