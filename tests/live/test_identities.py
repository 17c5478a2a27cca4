"""Identities that lie encrypted connect to a real nats-server, from here and from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.errors import HandrailError
from contracts.roles import Role
from services.cli.accounts import keep_accounts, planned
from services.cli.amending import add_agency
from services.cli.founding import Plan, create
from services.cli.gateway_export import export
from services.cli.key_changes import protect
from services.cli.rekeying import rekey, retire, take_up
from services.runtime.connection import connect
from services.runtime.nats_plan import ServiceRole
from services.runtime.partnership import Partnership
from services.runtime.server import EmbeddedServer, StateLock
from services.runtime.settings import Settings
from services.runtime.tasks import end

pytestmark = [pytest.mark.live, pytest.mark.asyncio]

OURS, THEIRS = "correct horse", "battery staple"
WITHIN_S = 15
SCHOOL = Plan("hilltop-school", "Hilltop School", Role.UNIVERSAL, "schools")


@dataclass
class Place:
    """A running server that follows the directory of a partnership under a passphrase."""

    partnership: Partnership
    url: str
    elsewhere: Path

    def handed(self, name: str) -> Partnership:
        """Return a folder as the gateway's operator has it, under a passphrase of its own."""
        out = self.elsewhere / name
        export(self.partnership, "schools", out, "for the way")
        received = Settings.load(state_dir=out, key_passphrase="for the way")
        protect(Partnership.load(received), THEIRS)
        return Partnership.load(Settings.load(state_dir=out, key_passphrase=THEIRS))

    async def lets_in(self, partnership: Partnership, user: str) -> bool:
        """Tell whether the server lets in who connects by the identity of a folder."""
        try:
            await (await connect(self.url, partnership.nkey(user), name="test")).close()
        except HandrailError as error:
            if error.code != "nats.refused":
                raise
            return False
        return True


@pytest_asyncio.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Give a server of a partnership with one school, every key under a passphrase."""
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", OURS)
    made = create(tmp_path / "state", "area", now=datetime.now(UTC))
    add_agency(made, SCHOOL, datetime.now(UTC))
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(StateLock(made.folder))
        plan = planned(made)
        server = await stack.enter_async_context(EmbeddedServer(lock, plan))
        task = asyncio.create_task(keep_accounts(made, server, plan))
        stack.push_async_callback(end, (task,))
        yield Place(made, server.url, tmp_path)


async def test_encrypted_identities_connect_here_and_where_they_are_handed_to(place: Place) -> None:
    """Services, and a gateway's two users here and in the folder handed over, are all let in."""
    for role in ServiceRole:
        assert await place.lets_in(place.partnership, role)
    handed = place.handed("handed")
    for user in ("schools-service", "schools-desk"):
        assert place.partnership.keys.is_encrypted(f"nkeys/{user}")
        assert await place.lets_in(place.partnership, user)
        assert await place.lets_in(handed, user)


async def test_identities_are_renewed_under_the_passphrase_while_the_server_runs(
    place: Place,
) -> None:
    """After `rekey` both pairs connect, after `retire` the new alone, wherever they lie."""
    before = place.handed("before")
    await asyncio.to_thread(rekey, place.partnership, "schools", datetime.now(UTC))
    with pytest.raises(HandrailError, match=r"gateway\.not-rekeyed"):
        place.handed("too-early")
    assert await asyncio.to_thread(take_up, place.partnership, "schools")
    after = place.handed("after")
    assert await place.lets_in(before, "schools-desk")
    assert await place.lets_in(after, "schools-desk")

    await asyncio.to_thread(retire, place.partnership, "schools", datetime.now(UTC))
    async with asyncio.timeout(WITHIN_S):
        while await place.lets_in(before, "schools-desk"):
            await asyncio.sleep(0.1)
    assert await place.lets_in(after, "schools-service")
    assert await place.lets_in(place.partnership, "schools-desk")
