"""What the tracker hands out for an evidence file: all of it, in pages, and nothing invented."""

from datetime import time
from typing import Any

import orjson
import pytest

from contracts import subjects
from contracts.errors import HandrailError
from contracts.evidence.said import open_clocks
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.records import Decision, Entry, entry_hash
from services.runtime.subscribing import ask
from services.tracker import proofs
from tests import messages as m
from tests.area import DOCTOR, FRONT, GP, SCHOOL
from tests.live import tracking_world
from tests.live.tracking_world import World, running

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
database_url = tracking_world.database_url
each_world = tracking_world.each_world

REFUSED_FOR = "message.unknown-answered"


def receipt(decision: str) -> dict[str, Any]:
    """A receipt's record; the tracker hands out what it holds, and vouches for none of it."""
    place = {"index": 0, "path": []}
    return {
        "v": 1,
        "decision": decision,
        "group": "a group",
        "place": place,
        "lane": "a lane",
        "lane_place": place,
    }


def refused(world: World, child: str, agency: str = FRONT, message: str = "") -> str:
    """Write that the exchange refused a message about `child`; return the message."""
    message = message or new_reference()
    decision = {
        "exchange": "demo.exchange",
        "outcome": "refused",
        "agency": agency,
        "lane": subjects.submit_stream(agency),
        "sequence": len(world.ledger.records) + 1,
        "submission": "0" * 64,
        "sealed": "1" * 64,
        "message": message,
        "child": child,
        "kind": "message.acknowledged",
        "reasons": [{"code": REFUSED_FOR}],
        "now": iso(world.ledger.area.now),
    }
    body = receipt(orjson.dumps(decision).decode())
    world.ledger.add(subjects.receipt(agency, message), body)
    return message


def answered(world: World) -> None:
    """Write the receipt of every message that was accepted."""
    for record in list(world.ledger.records):
        if record.subject.startswith("journey."):
            decision = Entry.model_validate_json(record.data).decision
            made = Decision.model_validate_json(decision)
            world.ledger.add(subjects.receipt(made.agency, made.message or ""), receipt(decision))


async def pages(world: World, what: str, place: str, **body: Any) -> list[dict[str, Any]]:
    """Ask on until there is no more."""
    found: list[dict[str, Any]] = []
    after: Any = body.pop(place)
    while True:
        question = orjson.dumps({**body, place: after})
        told = orjson.loads(await ask(world.operator, f"tracker.proof.{what}", question))
        found.append(told)
        after = told["next"]
        if after is None:
            return found


async def test_messages_come_with_their_answers_in_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put together the pages are every record of the journey, each with the receipt that it got."""
    monkeypatch.setattr(proofs, "MOST_BYTES", 6_000)
    child = world.ledger.stepped_up()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    answered(world)
    await world.publish()
    async with running(world):
        told = await pages(world, "entries", "first", child=child, first=1)

    records = [r.data for r in world.ledger.records if r.subject == subjects.journey(child)]
    entries = [one for page in told for one in page["entries"]]
    assert len(told) > 2
    assert [one["digest"] for one in entries] == [entry_hash(data) for data in records]
    for page in told:
        texts = {one["decision"] for one in page["entries"]}
        assert {one["decision"] for one in page["answers"]} == texts


async def test_an_answer_that_is_no_longer_kept_is_left_out(world: World) -> None:
    """A message whose receipt has gone from the ledger is handed out without it."""
    child = new_reference()
    world.ledger.accept(m.referral(world.ledger.area, child))
    await world.publish()
    async with running(world):
        (told,) = await pages(world, "entries", "first", child=child, first=1)

    assert (len(told["entries"]), told["answers"]) == (1, [])


async def test_refusals_about_a_child_are_found_among_all(
    each_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others were refused, in however many pages: this child's, and no other's."""
    world = each_world
    monkeypatch.setattr(proofs, "MOST_REFUSALS", 2)
    child = new_reference()
    wanted = {refused(world, child, agency) for agency in (FRONT, SCHOOL, FRONT)}
    for _ in range(4):
        refused(world, new_reference())
    await world.publish()
    async with running(world):
        await world.caught_up()
        told = await pages(world, "refusals", "after", child=child, after=None)
        monkeypatch.setattr(proofs, "MOST_BYTES", 10)
        one_by_one = await pages(world, "refusals", "after", child=child, after=None)

    for found in (told, one_by_one):
        decisions = [orjson.loads(one["decision"]) for page in found for one in page["answers"]]
        assert {made["message"] for made in decisions} == wanted
        assert len(decisions) == len(wanted)


async def test_a_message_is_found_by_its_id_alone(world: World) -> None:
    """Accepted with its entry, refused with its answer only, one that nobody sent not at all."""
    child = new_reference()
    world.ledger.accept(m.opened_before(world.ledger.area, child))
    accepted = world.ledger.accept(m.step_up(world.ledger.area, child))
    answered(world)
    turned_away = refused(world, child)
    await world.publish()
    async with running(world):
        told = [
            await world.ask("proof.message", message=message)
            for message in (accepted, turned_away, new_reference())
        ]

    entry = told[0]["entry"]
    assert Decision.model_validate_json(entry["decision"]).message == accepted
    assert [len(one["answers"]) for one in told] == [1, 1, 0]
    assert [one["entry"] is None for one in told] == [False, True, True]


async def test_two_agencies_that_used_one_id_are_told_apart(each_world: World) -> None:
    """Neither can spoil the other's proof: an id alone is ambiguous, with its agency it is not."""
    world, area = each_world, each_world.ledger.area
    message = world.ledger.accept(m.referral(area, new_reference()))
    world.ledger.accept(m.referral(area, new_reference(), author=DOCTOR, id=message))
    answered(world)
    await world.publish()
    async with running(world):
        await world.caught_up()
        with pytest.raises(HandrailError) as raised:
            await world.ask("proof.message", message=message)
        told = {
            agency: await world.ask("proof.message", message=message, agency=agency)
            for agency in (SCHOOL, GP, FRONT)
        }

    assert raised.value.code == "track.several-agencies"
    assert f"{GP}, {SCHOOL}" in str(raised.value) or f"{SCHOOL}, {GP}" in str(raised.value)
    assert told[FRONT] == {"entry": None, "answers": []}
    for agency in (SCHOOL, GP):
        (answer,) = told[agency]["answers"]
        assert answer["decision"] == told[agency]["entry"]["decision"]
        assert Decision.model_validate_json(answer["decision"]).agency == agency


async def test_an_id_is_ambiguous_though_one_of_the_answers_is_no_longer_kept(
    world: World,
) -> None:
    """Where a receipt has expired the tables still know whose the id was: no other is taken."""
    child = new_reference()
    message = world.ledger.accept(m.referral(world.ledger.area, child))
    refused(world, new_reference(), FRONT, message)
    await world.publish()
    async with running(world):
        await world.caught_up()
        with pytest.raises(HandrailError, match=r"track\.several-agencies"):
            await world.ask("proof.message", message=message)
        told = await world.ask("proof.message", message=message, agency=SCHOOL)

    assert told["answers"] == []
    assert Decision.model_validate_json(told["entry"]["decision"]).child == child


async def test_clocks_come_with_the_calendar_by_which_they_are_counted(world: World) -> None:
    """Every clock of the child stands there as the tracker keeps it, signed by the tracker."""
    child = world.ledger.stepped_up()
    await world.publish()
    async with running(world):
        await world.caught_up()
        told = await world.ask("proof.clocks", child=child)
        track = await world.ask("track", child=child)
        message = track["clocks"][0]["message"]
        of_message = await world.ask("proof.clocks", child=child, message=message)

    said = open_clocks(told["signed"], world.ledger.area.directory)
    part = open_clocks(of_message["signed"], world.ledger.area.directory)
    assert said is not None
    assert (said.tracker, said.child, said.message) == ("demo.tracker", child, None)
    assert (said.closing_time, said.closing_days) == (time(17), ())
    assert {one.clock.id for one in said.clocks} == {c["id"] for c in track["clocks"]}
    assert said.clocks
    assert part is not None
    assert part.message == message
    assert {one.clock.id for one in part.clocks} == {
        c["id"] for c in track["clocks"] if c["message"] == message
    }


@pytest.mark.parametrize("verb", ["entries", "message", "refusals", "clocks"])
@pytest.mark.parametrize("body", [b"", b"[[", b'{"child":"%"}', b'{"message":1}'])
async def test_a_question_of_another_form_is_told_so(world: World, verb: str, body: bytes) -> None:
    """Whatever is asked, the answer is a code of ours with a remedy."""
    async with running(world):
        with pytest.raises(HandrailError) as raised:
            await ask(world.operator, f"tracker.proof.{verb}", body)

    assert raised.value.code == "track.invalid"
    assert raised.value.remedy
