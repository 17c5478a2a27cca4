"""A batch whose server went away while it was asked about is known to be unknown at once."""

import asyncio

import nats
import pytest
from nats.aio.msg import Msg

from services.runtime.batch import Published, Unknown, commit
from tests.live.conftest import ServerFactory

pytestmark = pytest.mark.live

LONG_S = 600.0
"""Far beyond the time that any test may take."""


async def test_a_commit_on_a_connection_that_was_lost_does_not_wait_out_its_time(
    server_factory: ServerFactory,
) -> None:
    """The worker reads again, and goes on, as soon as the server is back."""
    server = await server_factory()
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    asked = asyncio.Event()

    async def keep_silent(_message: Msg) -> None:
        asked.set()

    await client.subscribe("journey.one", cb=keep_silent)
    committing = asyncio.create_task(
        commit(client, [Published("journey.one", b"{}", {})], timeout_s=LONG_S)
    )
    await asked.wait()
    await server.kill()
    await server.start()
    assert isinstance(await asyncio.wait_for(committing, 60), Unknown)
    await client.close()
