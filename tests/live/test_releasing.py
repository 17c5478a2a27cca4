"""Releasing from quarantine on a real nats-server: decided anew, once, and always told."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.quarantine import Released, read_record
from contracts.records import Outcome, Quarantined
from contracts.seal import Sealed, peek
from contracts.subjects import (
    inbox_consumer,
    quarantine,
    receipt,
    receipt_bytes,
    submit,
    submit_stream,
    urgent,
    urgent_stream,
)
from contracts.submission import digest_of_bytes
from services.exchange import quarantine_desk
from services.exchange.ledger import Ledger
from services.exchange.quarantine_desk import QuarantineDesk
from services.exchange.trimming import _oldest_quarantined
from tests import messages as m
from tests.area import FRONT, SCHOOL, TEACHER
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = pytest.mark.live

LANE = submit_stream(SCHOOL)


@dataclass
class World:
    """An exchange with both workers, and a directory that a test may replace."""

    exchange: Exchange
    directory: Directory
    desk: QuarantineDesk
    others: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def listed(self) -> dict[str, dict[str, Any]]:
        """What is in quarantine, by item."""
        told = orjson.loads(await self.desk.listing(b""))
        return {one["item"]: one for one in told["items"]}

    async def release(self, *items: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
        """Release what was listed; give what came of each."""
        wanted = [{name: one[name] for name in ("lane", "sequence", "digest")} for one in items]
        body = {"items": wanted, "because": "directory-corrected", "reference": "IT-17", **how}
        return orjson.loads(await self.desk.release(orjson.dumps(body)))["results"]  # type: ignore[no-any-return]

    async def set_aside(self, data: bytes, *, as_urgent: bool = False) -> dict[str, Any]:
        """Submit bytes for the school, and give the item that quarantine then holds."""
        make = urgent if as_urgent else submit
        lane = urgent_stream(SCHOOL) if as_urgent else LANE
        sent = await self.exchange.js.publish(make(SCHOOL, new_reference()), data)
        return await self.item(f"{lane}:{sent.seq}")

    async def item(self, name: str) -> dict[str, Any]:
        """Wait until quarantine holds an item."""
        async with asyncio.timeout(DEADLINE_S):
            while (found := (await self.listed()).get(name)) is None:
                await asyncio.sleep(0.02)
        return found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for every decision, however busy the machine is."""
    monkeypatch.setattr(quarantine_desk, "_DECIDED_WITHIN_S", DEADLINE_S)


@pytest_asyncio.fixture
async def world(nats_url: str) -> AsyncIterator[World]:
    """A world whose directory does not know the teacher yet."""
    async with exchange_at(nats_url) as exchange:
        desk = QuarantineDesk(exchange.client, exchange.js, "demo.exchange")
        made = World(exchange, without(exchange, TEACHER), desk)
        async with (
            working(exchange.worker(directory=lambda: made.directory)),
            working(exchange.worker(directory=lambda: made.directory, as_urgent=True)),
        ):
            yield made


def without(exchange: Exchange, person: str) -> Directory:
    """The directory before a person was added."""
    area, whole = exchange.area, exchange.area.document
    people = tuple(p for p in whole.practitioners if p.id != person)
    agencies = tuple(
        a.model_copy(update={"duty_desk": None}) if a.duty_desk == person else a
        for a in whole.agencies
    )
    area.document = whole.model_copy(update={"practitioners": people, "agencies": agencies})
    lacking, area.document = area.directory, whole
    return lacking


def message_id(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


async def test_a_message_refused_for_an_unknown_person_is_accepted_once_when_released(
    world: World,
) -> None:
    """When the directory knows the author, a release delivers the message once, as it arrived."""
    exchange, child = world.exchange, new_reference()
    sealed = m.referral(exchange.area, child)
    refused = await exchange.decided(sealed)
    assert [r.code for r in refused.reasons] == ["seal.unknown-key"]
    item = await world.item(f"{LANE}:1")
    assert (item["state"], item["seen"], item["releases"]) == ("in quarantine", 1, [])
    world.directory = exchange.area.directory
    (result,) = await world.release(item, by=TEACHER)
    assert (result["item"], result["outcome"]) == (f"{LANE}:1", "accepted")
    decision = await exchange.final(sealed)
    assert decision.outcome is Outcome.ACCEPTED
    assert (decision.lane, decision.sequence) == (LANE, 1)
    assert (await exchange.delivery(FRONT, message_id(sealed)))["seal"] == sealed.text
    assert len(await exchange.all(f"inbox.{FRONT}.>")) == 1
    told = (await world.listed())[f"{LANE}:1"]
    assert told["state"] == "released"
    (done,) = told["releases"]
    assert (done["by"], done["because"], done["reference"]) == (
        TEACHER,
        "directory-corrected",
        "IT-17",
    )
    assert done["outcome"] == "accepted"


async def test_a_second_release_changes_nothing_and_tells_of_the_first(world: World) -> None:
    """Releasing twice, one after the other or at once, decides once and delivers once."""
    exchange, child = world.exchange, new_reference()
    sealed = m.referral(exchange.area, child)
    await exchange.decided(sealed)
    item = await world.item(f"{LANE}:1")
    world.directory = exchange.area.directory
    first, second = (
        result
        for results in await asyncio.gather(world.release(item), world.release(item))
        for result in results
    )
    assert "accepted" in {first["outcome"], second["outcome"]}
    (again,) = await world.release(item)
    assert again["released_before"]
    assert len(await exchange.all(f"journey.{child}")) == 1
    assert len(await exchange.all(f"inbox.{FRONT}.>")) == 1
    assert len(await exchange.all(f"receipt.{SCHOOL}.{message_id(sealed)}")) == 1


async def test_garbage_stays_refused_and_is_shown_as_released_before(world: World) -> None:
    """What is no message is in quarantine again after a release, with the reason both times."""
    item = await world.set_aside(b"\x00 no message " + os.urandom(8))
    (result,) = await world.release(item, because="sender-asked", reference="")
    assert result["outcome"] == "quarantined"
    assert result["reasons"] == item["reasons"]
    told = (await world.listed())[item["item"]]
    assert told["state"] == "in quarantine again"
    assert [one["outcome"] for one in told["releases"]] == ["quarantined"]
    assert told["seen"] == 1
    assert told["digest"] == item["digest"]
    (twice,) = await world.release(item)
    assert twice["outcome"] == "quarantined"
    assert len((await world.listed())[item["item"]]["releases"]) == 2


async def test_a_released_message_that_breaks_a_rule_is_refused_for_good(world: World) -> None:
    """It leaves quarantine with a receipt that gives the reasons, and is never held."""
    exchange = world.exchange
    sealed = m.step_up(exchange.area, new_reference())
    await exchange.decided(sealed)
    item = await world.item(f"{LANE}:1")
    world.directory = exchange.area.directory
    (result,) = await world.release(item)
    assert result["outcome"] == "refused"
    assert "message.unknown-child" in {r["code"] for r in result["reasons"]}
    assert (await exchange.final(sealed)).outcome is Outcome.REFUSED
    assert (await world.listed())[item["item"]]["state"] == "released"


async def test_child_protection_is_released_and_delivered_and_alerts_anew_when_refused(
    world: World,
) -> None:
    """From the child-protection lane too; what stays refused there alerts people once more."""
    exchange, child = world.exchange, new_reference()
    garbage = await world.set_aside(b"urgent and unreadable", as_urgent=True)
    alerts = await exchange.all(f"inbox.{FRONT}.>")
    (stays,) = await world.release(garbage)
    assert stays["outcome"] == "quarantined"
    after = await exchange.all(f"inbox.{FRONT}.>")
    assert len({subject for subject, _ in after}) == len(alerts) + 1
    sealed = m.protection(exchange.area, child)
    await exchange.decided(sealed, as_urgent=True)
    item = await world.item(f"{urgent_stream(SCHOOL)}:2")
    world.directory = exchange.area.directory
    (result,) = await world.release(item)
    assert result["outcome"] == "accepted"
    delivered = await exchange.delivery(FRONT, message_id(sealed))
    assert delivered["seal"] == sealed.text


async def test_what_its_sender_sent_again_meanwhile_is_not_delivered_twice(world: World) -> None:
    """A release of what was accepted from a second sending finds its receipt, and that is all."""
    exchange = world.exchange
    sealed = m.referral(exchange.area, new_reference())
    data = await exchange.send(sealed)
    item = await world.item(f"{LANE}:1")
    world.directory = exchange.area.directory
    await exchange.send(sealed)
    await exchange.final(sealed)
    (result,) = await world.release(item)
    assert result["outcome"] == "repeated"
    assert len(await exchange.all(f"inbox.{FRONT}.>")) == 1
    refused = await exchange.last(receipt_bytes(SCHOOL, digest_of_bytes(data)))
    assert refused is not None
    assert await exchange.last(receipt(SCHOOL, message_id(sealed))) is not None


async def test_what_is_gone_from_its_lane_is_told_as_gone(world: World) -> None:
    """Bytes that were trimmed cannot be decided; the list and the release both say so."""
    item = await world.set_aside(b"soon gone")
    await world.set_aside(b"behind it")
    await world.exchange.js.purge_stream(LANE, seq=item["sequence"] + 1)
    assert (await world.listed())[item["item"]]["state"] == "gone"
    (result,) = await world.release(item)
    assert result["outcome"] == "gone"


async def test_neither_list_nor_record_holds_a_byte_of_what_was_sent(world: World) -> None:
    """Garbage made of a name leaves a digest and codes, in the list and in the ledger."""
    item = await world.set_aside(b"Alex Example, 4 Mill Lane")
    await world.release(item)
    held = await world.exchange.all("quarantine.>")
    assert [type(read_record(data)) for _, data in held] == [Quarantined, Quarantined, Released]
    assert {subject for subject, _ in held} == {quarantine(SCHOOL, item["digest"])}
    assert b"Example" not in await world.desk.listing(b"") + b"".join(data for _, data in held)


@pytest.mark.parametrize(
    "changes",
    [
        {"because": "because I say so"},
        {"reference": "what the mother said"},
        {"by": "Jo Marsh"},
        {"items": []},
        {"items": [{"lane": "LEDGER.x", "sequence": 1, "digest": "0" * 64}]},
    ],
)
async def test_free_text_is_no_reason_to_release(world: World, changes: dict[str, Any]) -> None:
    """Why, by whom and which are of closed forms, so that no text of anybody reaches the ledger."""
    body = {"items": [], "because": "sender-asked"} | changes
    with pytest.raises(HandrailError) as caught:
        await world.desk.release(orjson.dumps(body))
    assert caught.value.code == "quarantine.bad-request"


async def test_a_digest_that_does_not_fit_releases_nothing(world: World) -> None:
    """An item is named by its place and its digest; with another digest it is unknown."""
    item = await world.set_aside(b"one of many")
    (result,) = await world.release({**item, "digest": "0" * 64})
    assert result["outcome"] == "unknown"
    assert (await world.listed())[item["item"]]["releases"] == []


async def test_a_delivery_goes_into_its_inbox_again_with_the_same_bytes(world: World) -> None:
    """What an agency's service set aside comes once more; a second release tells of the first."""
    exchange = world.exchange
    world.directory = exchange.area.directory
    sealed = m.referral(exchange.area, new_reference())
    await exchange.decided(sealed)
    ((subject, data),) = await exchange.all(f"inbox.{FRONT}.>")
    at = (await exchange.js.get_last_msg("LEDGER", subject)).seq
    local = {"lane": inbox_consumer(FRONT), "sequence": at, "digest": digest_of_bytes(data)}
    (result,) = await world.release(local, because="fault-mended")
    assert result["outcome"] == "delivered_again"
    assert result["message"] == message_id(sealed)
    assert await exchange.all(f"inbox.{FRONT}.>") == [(subject, data), (subject, data)]
    (again,) = await world.release(local)
    assert again["released_before"]
    (elsewhere,) = await world.release({**local, "lane": inbox_consumer(SCHOOL)})
    assert elsewhere["outcome"] == "gone"
    assert len(await exchange.all("inbox.>")) == 2


async def test_what_was_released_and_accepted_is_kept_for_the_story(world: World) -> None:
    """Its lane is not trimmed beyond it until the story has had thirty days more to read it."""
    exchange = world.exchange
    await exchange.decided(m.referral(exchange.area, new_reference()))
    item = await world.item(f"{LANE}:1")
    world.directory = exchange.area.directory
    await world.release(item)
    later = datetime.now(UTC) + timedelta(days=29)
    ledger = Ledger(exchange.client, exchange.js)
    assert (await _oldest_quarantined(ledger, later))[LANE] == 1
    assert LANE not in await _oldest_quarantined(ledger, later + timedelta(days=2))
