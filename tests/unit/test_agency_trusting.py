"""An agency's no is final only by the newest directory, whoever fetched it."""

import asyncio
import copy
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from services.agency.faults import Unproven
from services.agency.inbox import MENDABLE, TRIES, Inbox
from services.agency.store import AgencyStore
from services.agency.trusting import judged
from services.runtime.directories import DirectoryHolder
from services.runtime.seen import Seen, remember
from services.runtime.settlement import PermanentFault
from services.runtime.subscribing import Record
from tests.area import FRONT, TEACHER, Area
from tests.deliveries import delivery
from tests.messages import referral

NOW = datetime.now(UTC)


class Reach:
    """A directory without the teacher, and beside it the newer one that names the teacher."""

    def __init__(self, folder: Path) -> None:
        self.area, self.reads = Area(NOW), 0
        self.fails: HandrailError | None = None
        self.wait: asyncio.Event | None = None
        self.newer = self.area.document.model_copy(
            update={"version": self.area.document.version + 1}
        )
        people = tuple(p for p in self.area.document.practitioners if p.id != TEACHER)
        self.area.document = self.area.document.model_copy(update={"practitioners": people})
        self.holder = DirectoryHolder(self._read, self.area.root.x, folder / "seen")

    async def _read(self) -> bytes:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        signed = self.area.signed
        if self.wait is not None:
            await self.wait.wait()
        return signed

    def arrive(self) -> None:
        """Have the newer directory arrive where it is read."""
        self.area.document = self.newer


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    """Give an agency whose directory is behind."""
    return Reach(tmp_path)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgencyStore]:
    """Give an empty store."""
    made = AgencyStore(f"sqlite:///{tmp_path}/agency.sqlite")
    yield made
    await made.close()


def _names_teacher(directory: Directory) -> str | Unproven:
    names = any(p.id == TEACHER for p in directory.document.practitioners)
    return "named" if names else Unproven("seal.unknown-key")


async def test_a_no_does_not_outlive_what_somebody_else_fetched(reach: Reach) -> None:
    """Whoever took the newer directory while one asked for it, one judges by that newer one."""
    await reach.holder.refresh()
    reach.arrive()
    slow = reach.wait = asyncio.Event()
    other = asyncio.create_task(reach.holder.refresh())
    await asyncio.sleep(0)
    asking = asyncio.create_task(judged(reach.holder, _names_teacher))
    await asyncio.sleep(0)
    slow.set()

    assert await other
    assert await asking == "named"


async def test_a_no_by_the_newest_directory_stands(reach: Reach) -> None:
    """Where nothing newer is to be had, what was judged is the answer."""
    await reach.holder.refresh()

    assert await judged(reach.holder, _names_teacher) == Unproven("seal.unknown-key")


@pytest.mark.parametrize("code", ["service.unreachable", "service.no-answer", "busy.try-again"])
async def test_a_no_is_not_final_while_nobody_can_be_asked(reach: Reach, code: str) -> None:
    """Where the exchange is away or lets one wait, the answer is to wait for the directory."""
    await reach.holder.refresh()
    reach.fails = HandrailError(code, "not now", "ask again")

    with pytest.raises(HandrailError, match=r"directory\.not-refreshed"):
        await judged(reach.holder, _names_teacher)


async def test_who_is_behind_has_nothing_newer(reach: Reach) -> None:
    """An exchange process that answers with an older directory changes no answer."""
    await reach.holder.refresh()
    reach.fails = HandrailError("directory.older", "older", "put the newest back")

    assert await judged(reach.holder, _names_teacher) == Unproven("seal.unknown-key")


async def test_many_who_ask_at_once_share_one_reading(reach: Reach) -> None:
    """However many ask while the directory is read, it is read once more for all of them."""
    await reach.holder.refresh()
    reach.reads, reach.wait = 0, asyncio.Event()
    asking = [asyncio.create_task(judged(reach.holder, _names_teacher)) for _ in range(50)]
    await asyncio.sleep(0)
    reach.arrive()
    reach.wait.set()

    first, *others = await asyncio.gather(*asking)
    assert (first, others) == (Unproven("seal.unknown-key"), ["named"] * 49)
    assert reach.reads == 2


async def test_an_older_directory_never_comes_back(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that was being written down when a newer came is neither in force nor on disk."""
    await reach.holder.refresh()
    slow = threading.Event()

    def slowly(path: Path, seen: Seen) -> None:
        if seen.version == reach.newer.version:
            assert slow.wait(20)
        remember(path, seen)

    monkeypatch.setattr("services.runtime.directories.remember", slowly)
    reach.arrive()
    older = asyncio.create_task(reach.holder.refresh())
    while reach.reads < 2:
        await asyncio.sleep(0.01)
    newest = reach.newer.version + 1
    reach.area.document = reach.newer.model_copy(update={"version": newest})
    newer = asyncio.create_task(reach.holder.refresh())
    done, _ = await asyncio.wait([newer], timeout=0.2)
    slow.set()

    assert not done
    assert await older
    assert await newer
    assert reach.holder.current.document.version == newest
    assert (tmp_path / "seen").read_text().split()[0] == str(newest)


def _record(reach: Reach, attempt: int) -> Record:
    exchange_knows = copy.copy(reach.area)
    exchange_knows.document = reach.newer
    made = delivery(exchange_knows, referral(exchange_knows, new_reference()), FRONT)
    return Record("LEDGER", "", 1, NOW, attempt, made, {})


async def test_a_delivery_that_comes_before_its_directory_is_taken_in_when_that_comes(
    reach: Reach, store: AgencyStore
) -> None:
    """A delivery by somebody just added is not set aside while the directory is on its way."""
    await reach.holder.refresh()
    inbox = Inbox(FRONT, "demo.exchange", reach.holder, store)

    with pytest.raises(HandrailError, match=r"seal\.unknown-key") as told:
        await inbox.take(_record(reach, 1))
    assert not isinstance(told.value, PermanentFault)
    reach.arrive()
    await inbox.take(_record(reach, 2))

    assert len(await store.items(FRONT, history=True)) == 1


async def test_what_no_directory_mends_is_set_aside_in_the_end(
    reach: Reach, store: AgencyStore
) -> None:
    """An unknown key is judged a few times only, however often it came before; others once."""
    await reach.holder.refresh()
    inbox = Inbox(FRONT, "demo.exchange", reach.holder, store)

    for attempt in range(50, 50 + TRIES - 1):
        with pytest.raises(HandrailError, match=r"seal\.unknown-key") as told:
            await inbox.take(_record(reach, attempt))
        assert not isinstance(told.value, PermanentFault)
    with pytest.raises(PermanentFault, match=r"seal\.unknown-key"):
        await inbox.take(_record(reach, 50 + TRIES))
    assert "delivery.unreadable" not in MENDABLE
    with pytest.raises(PermanentFault, match=r"delivery\.unreadable"):
        await inbox.take(Record("LEDGER", "", 2, NOW, 1, b"no delivery", {}))
