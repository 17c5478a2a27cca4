"""Waiting until the server has read what a broker or a client sent, its subscriptions as well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream.nats import NatsBroker
from nats.aio.client import Client

_READ_S = 30


async def has_read(client: Client) -> None:
    """Return once the server has read all that `client` sent.

    A client's ping overtakes what it has yet to write, so only the second answer follows that.
    """
    for _ in range(2):
        await client.flush(timeout=_READ_S)


@asynccontextmanager
async def started(broker: NatsBroker) -> AsyncIterator[NatsBroker]:
    """Run a broker, and go on once the server knows its subscriptions."""
    await broker.start()
    try:
        await has_read(await broker.connect())
        yield broker
    finally:
        await broker.stop()
