"""The gateways of a role are served each for itself: they join, leave and fail alone."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from contracts.roles import Role
from services.agency.gateways import Gateways
from services.cli.amending import add_agency
from services.cli.founding import Plan, create
from services.cli.rekeying import leave
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings

WITHIN_S = 10
GATEWAYS = {"schools", "health", "partners"}


class Served:
    """Stands for the services of gateways: which are served now, and how often each was begun."""

    def __init__(self, *, unready: str = "") -> None:
        self.now: set[str] = set()
        self.begun: list[str] = []
        self._unready = unready
        self._faults: dict[str, asyncio.Event] = {}

    async def serve(self, name: str, served: Callable[[], None]) -> None:
        """Serve until cancelled, or until `fail` is called for the gateway."""
        self.begun.append(name)
        self.now.add(name)
        fault = self._faults.setdefault(name, asyncio.Event())
        if name != self._unready:
            served()
        try:
            await fault.wait()
            fault.clear()
            raise HandrailError("consumer.gone", "gone", "start again")
        finally:
            self.now.discard(name)

    def fail(self, name: str) -> None:
        """Have the service of a gateway end with an error."""
        self._faults[name].set()


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a demonstration partnership, to be copied."""
    folder = tmp_path_factory.mktemp("gateways") / "state"
    create(folder, now=datetime.now(UTC), demonstration=True)
    return folder


@pytest.fixture
def partnership(founded: Path, tmp_path: Path) -> Partnership:
    """Give a demonstration partnership of the test's own."""
    shutil.copytree(founded, tmp_path / "state")
    return Partnership.load(Settings.load(state_dir=tmp_path / "state"))


@asynccontextmanager
async def serving(partnership: Partnership, served: Served) -> AsyncIterator[asyncio.Event]:
    """Serve the gateways of universal services; gives the event of their being ready."""
    ready = asyncio.Event()
    gateways = Gateways(Role.UNIVERSAL, partnership, served.serve)
    task = asyncio.create_task(gateways.run(ready.set))
    try:
        yield ready
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait((task,))


def _unasked() -> None:
    """Fail: the service was not ready."""
    raise AssertionError


async def until(right: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WITHIN_S):
        while not right():
            await asyncio.sleep(0.01)


async def test_a_service_is_ready_when_every_gateway_is_served(partnership: Partnership) -> None:
    """One gateway whose agencies are not served yet keeps the service from being ready."""
    served = Served(unready="health")
    async with serving(partnership, served) as ready:
        await until(lambda: served.now == GATEWAYS)
        assert not ready.is_set()
    served = Served()
    async with serving(partnership, served) as ready:
        await until(ready.is_set)


async def test_what_keeps_a_first_start_is_raised(partnership: Partnership) -> None:
    """Before everything is served an error ends the service, so that whoever starts it sees it."""
    served = Served(unready="health")
    work = asyncio.create_task(Gateways(Role.UNIVERSAL, partnership, served.serve).run(_unasked))
    await until(lambda: served.now == GATEWAYS)
    served.fail("health")

    with pytest.raises(HandrailError, match=r"consumer\.gone"):
        await asyncio.wait_for(work, WITHIN_S)
    assert served.now == set()

    assert sorted(served.begun) == sorted(GATEWAYS)


async def test_a_gateway_that_fails_is_served_again_and_others_go_on(
    partnership: Partnership,
) -> None:
    """Once all are served, an error of one begins that one anew and touches no other."""
    served = Served()
    async with serving(partnership, served) as ready:
        await until(ready.is_set)
        served.fail("schools")
        await until(lambda: served.begun.count("schools") == 2)

        assert served.now == GATEWAYS
        assert len(served.begun) == len(GATEWAYS) + 1


async def test_gateways_join_and_leave_a_running_service(partnership: Partnership) -> None:
    """A newer directory begins who has joined and ends who has left, and nobody else."""
    served = Served()
    plan = Plan("weir-academy", "Weir Academy", Role.UNIVERSAL, "academies")
    async with serving(partnership, served) as ready:
        await until(ready.is_set)
        await asyncio.to_thread(add_agency, partnership, plan, datetime.now(UTC))
        await until(lambda: served.now == {*GATEWAYS, "academies"})
        await asyncio.to_thread(leave, partnership, "demo.weir-academy", datetime.now(UTC))
        await until(lambda: served.now == GATEWAYS)

    assert len(served.begun) == len(GATEWAYS) + 1


async def test_gateways_whose_identity_is_elsewhere_are_served_elsewhere(
    partnership: Partnership,
) -> None:
    """A folder serves the gateways whose identity it holds; with none of them it says so."""
    partnership.keys.destroy("nkeys/health-service")
    served = Served()
    async with serving(partnership, served) as ready:
        await until(ready.is_set)
        assert served.now == GATEWAYS - {"health"}

    for name in ("schools", "partners"):
        partnership.keys.destroy(f"nkeys/{name}-service")
    with pytest.raises(HandrailError, match=r"nkey\.missing"):
        await Gateways(Role.UNIVERSAL, partnership, Served().serve).run(lambda: None)
