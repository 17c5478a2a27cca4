"""The story on a real server: read on a fresh decision, by whom it was told to and nobody else."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from contracts import subjects
from contracts.consents import ConsentHeld
from contracts.directory import sign_directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.agency.reading import sign_request
from services.runtime import log
from services.story import handlers
from services.story.app import open_store
from services.story.erasing import erase_child
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.live.conftest import ServerFactory
from tests.live.story_world import World, positions, refused, until, words, world_on
from tests.unit.story_cases import LANE, WORDS

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no service runs yet."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def test_an_accepted_message_is_read_by_whom_it_was_sent_to(world: World) -> None:
    """Words accepted before and after the service started are read through gateways, in order."""
    child = new_reference()
    both = [("concern.what_happened", WORDS), ("views.child", "I like school")]
    first = await world.tell(world.exchange.referral(child, words=both))

    async with world.service():
        found = await world.read(FRONT, child, first.id)
        second = await world.tell(
            world.exchange.referral(child, author=DUTY, to=(SCHOOL,), words=both[1:])
        )
        await positions(world, {LANE: 1, subjects.submit_stream(FRONT): 1})
        whole = await world.read(SCHOOL, child)
        assert (await world.admin("status"))["reads"] == 2

    assert words(found) == [WORDS, "I like school"]
    assert found["withheld"] == 0
    told = found["statements"][0]
    assert (told["message"], told["sender"]) == (first.id, SCHOOL)
    assert (told["statement"]["said_by"], told["statement"]["recorded_by"]) == ("parent", TEACHER)
    assert words(whole) == [WORDS, "I like school", "I like school"]
    assert [s["message"] for s in whole["statements"]] == [first.id, first.id, second.id]


async def test_a_withdrawal_counts_from_the_next_read(world: World) -> None:
    """Consent is decided on the journey as it stands when the message is opened, each time."""
    child, consent = new_reference(), world.exchange.consent(FRONT)
    basis = {"kind": "consent", "consents": [consent.id]}
    sealed = world.exchange.referral(child, basis=basis, consents=(consent,))
    written = await world.tell(sealed, [ConsentHeld(consent=consent)])

    async with world.service():
        before = await world.read(FRONT, child, written.id)
        gone = ConsentHeld(consent=consent, withdrawn_at=datetime.now(UTC))
        await world.tell(world.exchange.referral(child, to=(CARE,), words=()), [gone])
        after = await world.read(FRONT, child, written.id)

    assert (words(before), before["withheld"]) == ([WORDS], 0)
    assert (words(after), after["withheld"]) == ([], 1)


async def test_nobody_learns_of_what_is_not_theirs(world: World) -> None:
    """An agency that was sent nothing gets the answer that an invented reference gets."""
    child = new_reference()
    written = await world.tell(world.exchange.referral(child))

    async with world.service():
        await positions(world, {LANE: 1})
        answers = {
            await refused(world, CARE, world.request(WORKER, *about))
            for about in (
                (child, written.id),
                (child, None),
                (child, new_reference()),
                (new_reference(), written.id),
                (new_reference(), None),
            )
        }

        assert {code for code, _, _ in answers} == {"story.not-found"}
        assert len(answers) == 1
        assert (await world.admin("status"))["reads"] == 0


async def test_only_a_fresh_request_of_ones_own_practitioner_is_answered(world: World) -> None:
    """Another agency's person, a repetition, an old or forged request and junk are refused."""
    child = new_reference()
    written = await world.tell(world.exchange.referral(child))
    keys, now = world.exchange.area.keys, datetime.now(UTC)
    good = world.request(DUTY, child, written.id)
    old = sign_request(keys[DUTY], child, None, "late", now - timedelta(minutes=6))
    service = sign_request(world.exchange.area.services["tracker"], child, None, "nosy", now)

    async with world.service():
        await world.forward(FRONT, good)
        codes = [
            (await refused(world, agency, data))[0]
            for agency, data in (
                (FRONT, good),
                (CARE, good),
                (FRONT, old),
                (FRONT, good.replace(b'"payload":"', b'"payload":"AAAA')),
                (FRONT, service),
                (FRONT, b"{}"),
            )
        ]

    assert codes == [
        "read.replayed",
        "read.not-practitioner",
        "read.not-now",
        "read.bad-signature",
        "read.not-practitioner",
        "read.unreadable",
    ]


async def test_a_revoked_key_reads_nothing_from_then_on(world: World) -> None:
    """The directory in force decides who may read, as soon as it is there."""
    child = new_reference()
    written = await world.tell(world.exchange.referral(child))
    area = world.exchange.area

    async with world.service():
        assert words(await world.read(FRONT, child, written.id)) == [WORDS]
        people = tuple(
            p.model_copy(
                update={
                    "keys": tuple(
                        k.model_copy(update={"compromised_at": datetime.now(UTC)}) for k in p.keys
                    )
                }
            )
            if p.id == DUTY
            else p
            for p in area.document.practitioners
        )
        newer = area.document.model_copy(update={"practitioners": people, "version": 2})
        world.partnership.directory_path.write_bytes(sign_directory(newer, area.root))

        async def is_refused() -> bool:
            try:
                await world.read(FRONT, child)
            except HandrailError as error:
                return error.code == "read.key-not-valid"
            return False

        await until(is_refused)


async def test_a_delivery_can_be_opened_before_its_words_are_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a delivery that the story has not reached waits a moment and then reads."""
    child = new_reference()
    written = await world.submit(world.exchange.referral(child))

    async with world.service():
        await world.ledger.publish(subjects.inbox(FRONT, written.id), written.deliveries[FRONT])
        with monkeypatch.context() as impatient:
            impatient.setattr(handlers, "_ON_ITS_WAY_S", 0.1)
            behind, *_ = await refused(world, FRONT, world.request(DUTY, child, written.id))
        reading = asyncio.create_task(world.read(FRONT, child, written.id))
        await world.decide(written)

        assert words(await reading) == [WORDS]
        assert behind == "story.behind"


async def test_erased_words_stay_erased_while_the_service_runs(world: World) -> None:
    """An erasure beside the running service is at once in force, survives replay, and is told."""
    child, other = new_reference(), new_reference()
    written = await world.tell(world.exchange.referral(child))
    await world.tell(world.exchange.referral(other))

    async with world.service():
        await positions(world, {LANE: 2})
        store = open_store(world.partnership)
        erased = await erase_child(store, child)
        await store.run(lambda c: c.exec_driver_sql("DELETE FROM positions"))
        await store.close()
        assert (await refused(world, FRONT, world.request(DUTY, child, written.id)))[0] == (
            "story.erased"
        )
    async with world.service():
        await world.tell(world.exchange.referral(other))
        await positions(world, {LANE: 3})
        assert (await refused(world, FRONT, world.request(DUTY, child)))[0] == "story.not-found"
        assert words(await world.read(FRONT, other)) == [WORDS] * 2

    assert (erased.messages, erased.statements, erased.key) == (1, 1, True)


async def test_no_word_and_no_child_reaches_a_log(world: World) -> None:
    """Storing, reading, refusing and setting aside log no words, no child and no purpose."""
    lines = io.StringIO()
    log.configure("story", lines)
    child = new_reference()
    written = await world.tell(world.exchange.referral(child))
    await world.ledger.publish(subjects.journey(new_reference()), b"not json")

    async with world.service():
        await world.read(FRONT, child, written.id)
        await refused(world, CARE, world.request(WORKER, child))
        await until(lambda: _set_aside(world))

    text = lines.getvalue()
    log.configure("test")
    assert "statements.stored" in text
    assert "story.read" in text
    assert all(secret not in text for secret in (WORDS, child, written.id, "to decide"))


async def _set_aside(world: World) -> bool:
    return bool((await world.admin("status"))["set_aside"] == 1)
