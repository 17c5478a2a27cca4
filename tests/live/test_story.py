"""The story on a real server: stored once, read on a fresh decision, and never lost or leaked."""

import asyncio
import io
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from contracts import subjects
from contracts.consents import ConsentHeld
from contracts.directory import sign_directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.subjects import LEDGER
from services.agency.reading import sign_request
from services.exchange.trimming import trim
from services.exchange.worker import Worker
from services.runtime import log
from services.story import following, handlers, keeping
from services.story.app import open_store
from services.story.erasing import erase_child
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.live.conftest import ServerFactory
from tests.live.exchanging import working
from tests.live.story_world import World, until, world_on
from tests.unit.story_cases import LANE, WORDS

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no service runs yet."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def refused(world: World, agency: str, data: bytes) -> tuple[str, str, str]:
    """Fail to read, and give all that the asker is told."""
    with pytest.raises(HandrailError) as caught:
        await world.forward(agency, data)
    return caught.value.code, caught.value.message, caught.value.remedy


def words(answer: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    """Give the words of an answer, in order."""
    return [s["statement"]["value"] for s in answer["statements"]]


async def positions(world: World, wanted: dict[str, int]) -> None:
    """Wait until the story's positions are exactly these."""

    async def there() -> bool:
        return await world.admin("positions") == wanted

    await until(there)


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


async def test_what_the_exchange_itself_accepts_is_stored(world: World) -> None:
    """What a running exchange decides and commits is read; what it refuses is never stored."""
    child = new_reference()
    area, exchange = world.exchange.area, world.clients["exchange"]
    worker = Worker(
        exchange,
        exchange.jetstream(timeout=10),
        exchange="demo.exchange",
        key=area.services["exchange"],
        directory=lambda: area.directory,
        intake=lambda: {world.exchange.month: world.exchange.intake},
        lanes=lambda: (LANE,),
    )
    turned_away = await world.submit(world.exchange.referral(words=()))
    accepted = await world.submit(world.exchange.referral(child))

    async with working(worker), world.service():
        await positions(world, {LANE: 2})
        found = await world.read(FRONT, child, accepted.id)
        status = await world.admin("status")
        asked = world.request(DUTY, turned_away.child, turned_away.id)
        code, *_ = await refused(world, FRONT, asked)
        trimmed = await trim(exchange, world.ledger, worker, datetime.now(UTC))

    assert words(found) == [WORDS]
    assert (status["messages"], status["statements"]) == (1, 1)
    assert code == "story.not-found"
    assert trimmed == 1
    assert (await world.ledger.stream_info(LANE)).state.messages == 0


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


async def test_a_cursor_never_overtakes_an_entry_that_is_not_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane stands still below words that cannot be stored yet, and moves on once they are."""
    settled: list[int] = []

    def settle(connection: Connection, floor: int) -> int:
        settled.append(floor)
        return keeping.settle(connection, floor)

    monkeypatch.setattr(following, "settle", settle)
    key_file = next((world.partnership.folder / "keys/intake").iterdir())
    hidden = key_file.with_suffix(".away")
    child = new_reference()
    silent = world.exchange.referral(child, words=())
    await world.tell(silent)
    await positions_without_service(world)

    key_file.rename(hidden)
    async with world.service():
        await positions(world, {LANE: 1})
        stuck = await world.submit(world.exchange.referral(child))
        place = await world.decide(stuck)
        await world.advance(stuck)
        for _ in range(3):
            await world.tell(world.exchange.referral(child, words=()))
        await world.tell(world.exchange.referral(child, author=DUTY, to=(SCHOOL,), words=()))
        await until(lambda: _messages(world, 5))
        await until(lambda: _outstanding(world, 1))
        info = await world.ledger.consumer_info(LEDGER, "story")
        assert info.ack_floor is not None
        assert info.ack_floor.stream_seq < place
        rounds = len(settled)
        await until(lambda: _longer(settled, rounds + 2))
        assert await world.admin("positions") == {LANE: 1}

        hidden.rename(key_file)
        await positions(world, {LANE: 5, subjects.submit_stream(FRONT): 1})
        assert words(await world.read(FRONT, child, stuck.id)) == [WORDS]


async def positions_without_service(world: World) -> None:
    """Hold that nobody answers for a story that does not run."""
    with pytest.raises(HandrailError) as caught:
        await world.admin("positions")
    assert caught.value.code in ("service.unreachable", "service.no-answer")


async def _longer(things: list[int], count: int) -> bool:
    return len(things) >= count


async def _outstanding(world: World, count: int) -> bool:
    info = await world.ledger.consumer_info(LEDGER, "story")
    return bool(info.num_ack_pending == count)


async def _messages(world: World, count: int) -> bool:
    return bool((await world.admin("status"))["messages"] == count)


async def test_what_can_never_be_stored_is_set_aside_and_holds_nothing_up(world: World) -> None:
    """A submission that is gone, or is not the one decided, is written down; the lane moves on."""
    child = new_reference()
    gone = await world.submit(world.exchange.referral(child))
    await world.tell(world.exchange.referral(child, words=()))
    await world.ledger.purge_stream(gone.lane, seq=gone.sequence + 1)
    await world.decide(gone)
    await world.ledger.publish(subjects.journey(child), b"not json")
    last = await world.tell(world.exchange.referral(child))

    async with world.service():
        await positions(world, {LANE: last.sequence})
        status = await world.admin("status")
        found = await world.read(FRONT, child)

    assert (status["set_aside"], status["messages"]) == (2, 2)
    assert words(found) == [WORDS]


async def test_a_restored_database_catches_up_from_the_ledger(world: World, tmp_path: Path) -> None:
    """A story put back from a backup reads again what it lacks, and stores nothing twice."""
    child = new_reference()
    await world.tell(world.exchange.referral(child))
    async with world.service():
        await positions(world, {LANE: 1})
    shutil.copytree(world.partnership.folder / "db", tmp_path / "backup")
    for _ in range(3):
        await world.tell(world.exchange.referral(child))
    async with world.service():
        await positions(world, {LANE: 4})

    shutil.rmtree(world.partnership.folder / "db")
    shutil.copytree(tmp_path / "backup", world.partnership.folder / "db")
    async with world.service():
        await positions(world, {LANE: 4})
        assert words(await world.read(FRONT, child)) == [WORDS] * 4

    assert await world.stored() == [(SCHOOL, n) for n in (1, 2, 3, 4)]


async def test_a_ledger_older_than_the_story_is_refused(world: World) -> None:
    """A ledger that ends before what is stored stops the service instead of being followed."""
    await world.tell(world.exchange.referral())
    async with world.service():
        await positions(world, {LANE: 1})
    store = open_store(world.partnership)
    await store.run(lambda c: c.exec_driver_sql("UPDATE positions SET sequence = 10000"))
    await store.close()

    with pytest.raises(HandrailError) as caught:
        async with world.service():
            pass
    assert caught.value.code == "story.ledger-behind"


@pytest.mark.slow
async def test_nothing_is_lost_or_doubled_when_the_service_is_killed(world: World) -> None:
    """Killed again and again while it stores, the service ends up with every message once."""
    total = 90
    child = new_reference()
    sealed = [world.exchange.referral(child) for _ in range(total)]

    async def telling() -> None:
        for one in sealed:
            await world.tell(one)

    teller = asyncio.create_task(telling())
    for at_least in (10, 35, 60):
        process = await world.service_alone()
        await until(lambda: _stored(world, at_least))  # noqa: B023 - awaited at once
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await teller
    async with world.service():
        await positions(world, {LANE: total})
        found = await world.read(FRONT, child)

    assert words(found) == [WORDS] * total
    assert await world.stored() == [(SCHOOL, n) for n in range(1, total + 1)]


async def _stored(world: World, count: int) -> bool:
    try:
        return bool((await world.admin("status"))["messages"] >= count)
    except HandrailError:
        return False


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


async def test_the_consumer_takes_entries_and_cursors_only(world: World) -> None:
    """Receipts and deliveries, the bulk of the ledger, are never sent to the story."""
    await world.tell(world.exchange.referral())

    async with world.service():
        await positions(world, {LANE: 1})
        info = await world.ledger.consumer_info(LEDGER, "story")

    assert info.config.filter_subjects == ["journey.>", "cursor.>"]
    assert info.delivered.consumer_seq == 2


async def test_the_story_writes_nothing_to_the_ledger(world: World) -> None:
    """Following and reading leave the ledger as it was."""
    written = await world.tell(world.exchange.referral())
    before = (await world.ledger.stream_info(LEDGER)).state.last_seq

    async with world.service():
        await world.read(FRONT, written.child, written.id)

    assert (await world.ledger.stream_info(LEDGER)).state.last_seq == before


async def test_no_word_and_no_child_reaches_a_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
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
