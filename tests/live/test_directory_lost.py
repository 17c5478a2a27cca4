"""Services whose directory is missing, expired, older, or not to be trusted: they refuse and wait.

Nothing is decided and nothing is shown until it is there again; then everything goes on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from contracts import jws
from contracts.directory import GRACE, sign_directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.seal import peek
from contracts.subjects import receipt
from services.exchange import app as exchange_app
from services.exchange.streams import ensure_ledger
from services.first_response import app as first_response
from services.runtime.directories import from_file
from services.runtime.nats_plan import ServiceRole
from services.runtime.partnership import FILE, Partnership
from services.runtime.seen import Seen, remember
from services.runtime.settings import Settings
from services.story import app as story_app
from tests import messages as m
from tests.area import DUTY, FRONT, Area
from tests.live import agencies, story_world, tracking_world
from tests.live.conftest import Hub, ServerFactory
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = pytest.mark.live


REFUSED = ("read.not-practitioner", "directory.missing", "directory.older")
"""Whoever is unknown is looked up anew before being refused, which may tell that there is none."""


def expired(area: Area, version: int) -> bytes:
    """Return a newer directory that was over before its grace was."""
    update = {"version": version, "expires_at": datetime.now(UTC) - GRACE - timedelta(hours=1)}
    return sign_directory(area.document.model_copy(update=update), area.root)


def renewed(area: Area, version: int) -> bytes:
    """Return the directory with a newer version."""
    return sign_directory(area.document.model_copy(update={"version": version}), area.root)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `holds` does, or fail."""
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.02)


async def code_of(asked: Awaitable[object]) -> str:
    """Return why something was refused, or "" where it was not."""
    try:
        await asked
    except HandrailError as error:
        return error.code
    return ""


def _seen_newer(seen: Path, area: Area) -> None:
    for name in ("exchange", "story", "tracker"):
        remember(seen / f"{name}.version", Seen(9, area.root.x))


DAMAGE: dict[str, tuple[str, Callable[[Path, Area], object]]] = {
    "missing": ("directory.missing", lambda folder, _: (folder / "directory.jws").unlink()),
    "empty": ("directory.untrusted", lambda folder, _: (folder / "directory.jws").write_bytes(b"")),
    "by another root": (
        "directory.untrusted",
        lambda folder, area: (folder / "directory.jws").write_bytes(
            sign_directory(area.document, jws.PrivateKey.generate())
        ),
    ),
    "older than seen": ("directory.older", lambda folder, area: _seen_newer(folder / "seen", area)),
    "expired": (
        "directory.expired",
        lambda folder, area: (folder / "directory.jws").write_bytes(expired(area, 2)),
    ),
    "with a memory that cannot be read": (
        "directory.seen-unreadable",
        lambda folder, _: [
            (folder / "seen" / f"{name}.version").write_text("?")
            for name in ("exchange", "story", "tracker")
        ],
    ),
}


def folder_of(hub: Hub, folder: Path, area: Area) -> Partnership:
    """Write a folder of state from which exchange, story and tracker could start."""
    for name in ("nkeys", "seen"):
        (folder / name).mkdir(parents=True)
    for role in ServiceRole:
        (folder / "nkeys" / f"{role}.seed").write_text(hub.keys[role].seed)
    (folder / "directory.jws").write_bytes(area.signed)
    (folder / FILE).write_text(json.dumps({"partnership": "demo", "root_x": area.root.x}))
    made = Partnership.load(Settings.load(state_dir=folder, nats_url=hub.url))
    for name, key in area.services.items():
        made.keys._store(f"services/{name}", key.raw)
    return made


@pytest.mark.parametrize("damage", DAMAGE)
async def test_no_service_starts_without_a_directory_that_it_can_trust(
    hub: Hub, tmp_path: Path, damage: str
) -> None:
    """Exchange and story say why they do not start, and create and show nothing."""
    area = Area()
    partnership = folder_of(hub, tmp_path / "state", area)
    code, spoil = DAMAGE[damage]
    spoil(partnership.folder, area)
    ready = asyncio.Event()

    async def start(service: object) -> str:
        run = service.run(partnership, asyncio.Event(), ready=ready.set)  # type: ignore[attr-defined]
        async with asyncio.timeout(DEADLINE_S):
            return await code_of(run)

    assert await start(exchange_app) == code
    if code != "directory.expired":  # the story starts, and refuses every request
        assert await start(story_app) == code
    assert not ready.is_set()
    client = await hub.connect("exchange")
    assert not (await client.jetstream().account_info()).streams


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange's streams; no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


async def test_an_exchange_decides_nothing_by_an_expired_directory(
    exchange: Exchange, tmp_path: Path
) -> None:
    """What is handed in meanwhile waits, and is accepted once the directory is renewed."""
    area, file = exchange.area, tmp_path / "directory.jws"
    file.write_bytes(area.signed)
    holder = from_file(file, area.root.x, tmp_path / "exchange.version")
    await holder.refresh()
    worker = exchange.worker(directory=lambda: holder.current)

    async with working(worker):
        first = m.referral(area, new_reference())
        assert (await exchange.decided(first)).outcome is Outcome.ACCEPTED
        file.write_bytes(expired(area, 2))
        await holder.refresh()
        restarts = worker.counts.restarts
        sealed = m.referral(area, new_reference())
        await exchange.send(sealed)

        async def has_tried() -> bool:
            return worker.counts.restarts > restarts

        await until(has_tried)
        event = peek(sealed)
        assert await exchange.last(receipt(event.agency, event.id)) is None  # type: ignore[union-attr]
        file.write_bytes(renewed(area, 3))
        await holder.refresh()
        assert (await exchange.final(sealed)).outcome is Outcome.ACCEPTED


async def test_a_story_is_shown_to_nobody_by_an_expired_directory(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """Every read is refused while the directory is over, and answered when it is renewed."""
    async with story_world.world_on(server_factory, tmp_path / "state") as world:
        child, area = new_reference(), world.exchange.area
        written = await world.tell(world.exchange.referral(child))
        path = world.partnership.directory_path
        async with world.service():
            assert await world.read(FRONT, child, written.id)

            async def refused() -> bool:
                return await code_of(world.read(FRONT, child)) == "directory.expired"

            async def answered() -> bool:
                return await code_of(world.read(FRONT, child)) == ""

            path.write_bytes(expired(area, 2))
            await until(refused)
            path.unlink()
            assert await refused()
            path.write_bytes(renewed(area, 3))
            await until(answered)


async def test_a_story_keeps_to_what_it_has_when_the_file_is_lost_or_older(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """A file that goes, or comes back older, changes nothing until the directory is over."""
    async with story_world.world_on(server_factory, tmp_path / "state") as world:
        child, area = new_reference(), world.exchange.area
        await world.tell(world.exchange.referral(child))
        path = world.partnership.directory_path
        revoked = area.document.model_copy(
            update={
                "version": 2,
                "practitioners": tuple(
                    p if p.id != DUTY else p.model_copy(update={"left_at": datetime.now(UTC)})
                    for p in area.document.practitioners
                ),
            }
        )
        async with world.service():

            async def gone() -> bool:
                return await code_of(world.read(FRONT, child)) == "read.not-practitioner"

            path.write_bytes(sign_directory(revoked, area.root))
            await until(gone)
            for spoil in (path.unlink, lambda: path.write_bytes(area.signed)):
                spoil()
                seen = world.partnership.folder / "seen/story.version"
                again = from_file(path, area.root.x, seen)
                assert await code_of(again.refresh()) in ("directory.missing", "directory.older")
                assert await code_of(world.read(FRONT, child)) in REFUSED


async def test_an_agency_service_shows_and_takes_in_nothing_by_an_expired_directory(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """Its desk is refused and deliveries wait; both go on once the directory is renewed."""
    async with agencies.world_of(server_factory, tmp_path) as world:
        fresh = world.area.document
        async with world.serving(first_response):
            first = await world.send(m.referral(world.area, new_reference()), FRONT)
            await world.messages(FRONT, 1)
            over = datetime.now(UTC) - GRACE - timedelta(hours=1)
            world.area.document = fresh.model_copy(update={"version": 2, "expires_at": over})

            async def refused() -> bool:
                asked = agencies.read_request(world, first, new_reference())
                return await code_of(world.ask(FRONT, "open", asked)) == "directory.expired"

            await until(refused)
            second = await world.send(m.referral(world.area, new_reference()), FRONT)
            world.area.document = fresh.model_copy(update={"version": 3})

            async def answered() -> bool:
                return await agencies.answers(world, FRONT) and not await refused()

            await until(answered)
            lines = await world.messages(FRONT, 2)
            assert {line["message"] for line in lines} == {first, second}
            assert not (await world.ask(FRONT, "quarantine"))["quarantined"]


async def test_an_agency_service_waits_for_a_directory_that_it_can_trust(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """What the exchange hands out is not taken by another root's signature; the right one is."""
    async with agencies.world_of(server_factory, tmp_path) as world:
        root, world.area.root = world.area.root, jws.PrivateKey.generate()
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(
            first_response.run(world.partnership, stop, ready=ready.set, gateway="front-door")
        )
        try:
            assert not await agencies.answers(world, FRONT)
            assert not ready.is_set()
            world.area.root = root
            await asyncio.wait_for(ready.wait(), DEADLINE_S)
            assert await agencies.answers(world, FRONT)
        finally:
            stop.set()
            await asyncio.wait_for(task, DEADLINE_S)


async def test_a_tracker_judges_nothing_by_an_expired_directory(hub: Hub, tmp_path: Path) -> None:
    """It answers no question about clocks while the directory is over, and goes on afterwards."""
    database = f"sqlite:///{tmp_path}/tracker.sqlite"
    world = await tracking_world.made(hub, tmp_path / "partnership", database)
    await ensure_ledger(world.js)
    area, path = world.ledger.area, world.partnership.directory_path
    child = new_reference()
    async with tracking_world.running(world):
        path.write_bytes(expired(area, 2))

        async def refused() -> bool:
            return await code_of(world.ask("track", child=child)) == "directory.expired"

        await until(refused)
        world.ledger.accept(m.referral(area, child))
        await world.publish()
        path.write_bytes(renewed(area, 3))
        await world.caught_up()
        assert await code_of(world.ask("track", child=child)) == ""
