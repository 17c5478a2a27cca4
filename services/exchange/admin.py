"""What the exchange answers to the partnership's operator, beside its status."""

from collections.abc import Callable

from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.js import JetStreamContext

from contracts.directory import Directory
from services.exchange.health import HEALTH, gather
from services.exchange.quarantine_desk import LIST, RELEASE, QuarantineDesk
from services.runtime.subscribing import Request, request_subscriber


def subscribe(
    broker: NatsBroker,
    client: Client,
    js: JetStreamContext,
    directory: Callable[[], Directory],
    exchange: str,
    *,
    replicas: int,
    urgent: bool,
) -> None:
    """Answer about the server's streams and, in the process of the normal lanes, quarantine.

    Either process says how streams and consumers stand, so that one which stopped is noticed.
    """

    @request_subscriber(broker, HEALTH)
    async def health(_request: Request) -> bytes:
        return await gather(client, js, directory(), replicas)

    if urgent:
        return
    desk = QuarantineDesk(client, js, exchange)

    @request_subscriber(broker, LIST)
    async def quarantined(request: Request) -> bytes:
        return await desk.listing(request.data)

    @request_subscriber(broker, RELEASE)
    async def release(request: Request) -> bytes:
        return await desk.release(request.data)
