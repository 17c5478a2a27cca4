"""End a process that can no longer receive, so that whoever keeps it running starts it again.

A deleted consumer or stream, and a connection closed for good, look to a subscriber like silence.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

from faststream import ContextRepo, FastStream
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from contracts.errors import HandrailError
from services.runtime import log
from services.runtime.pulling import LIBRARY_LOGGER, PatientPull

_log = log.get(__name__)

EVERY_S: Final = 5.0
LOST_AFTER_S: Final = 120.0


async def watch(
    broker: NatsBroker, *, every_s: float = EVERY_S, lost_after_s: float = LOST_AFTER_S
) -> NoReturn:
    """Look every `every_s` seconds at the connection and consumers of a started `broker`.

    Raises `HandrailError`: `connection.closed`, `connection.lost` after `lost_after_s` seconds
    without one, `consumer.gone` when a consumer or its stream no longer exists. A server that does
    not answer, as during the election of a leader, is no reason.
    """
    client = await broker.connect()
    clock = asyncio.get_running_loop().time
    seen = clock()
    while True:
        if client.is_closed:
            raise _fault("connection.closed", "the connection to NATS was closed for good")
        if client.is_connected:
            seen = clock()
            await _look_at_consumers(broker)
        elif clock() - seen > lost_after_s:
            raise _fault("connection.lost", f"no connection to NATS for {lost_after_s:g} seconds")
        await asyncio.sleep(every_s)


def watched_app(broker: NatsBroker, *, every_s: float = EVERY_S, **options: Any) -> FastStream:  # noqa: ANN401
    """Make the FastStream application of `broker` that `watch` ends.

    `options` go to `FastStream`, except `lifespan` and `after_startup`, which are taken. Its `run`
    raises what `watch` raised, after a shutdown in order.
    """
    watching: list[asyncio.Task[NoReturn]] = []

    async def begin() -> None:
        task = asyncio.create_task(watch(broker, every_s=every_s))
        task.add_done_callback(lambda _task: app.exit())
        watching.append(task)

    @contextlib.asynccontextmanager
    async def lifespan(_context: ContextRepo) -> AsyncIterator[None]:
        yield
        for task in watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app = FastStream(
        broker,
        lifespan=lifespan,
        after_startup=[begin],
        logger=logging.getLogger(LIBRARY_LOGGER),
        **options,
    )
    return app


async def _look_at_consumers(broker: NatsBroker) -> None:
    for subscriber in broker.subscribers:
        pull = getattr(subscriber, "subscription", None)
        if not isinstance(pull, PatientPull):
            continue
        try:
            await pull.consumer_info()
        except NotFoundError as error:
            raise _fault("consumer.gone", "a consumer or its stream no longer exists") from error
        except (TimeoutError, NatsError) as error:
            _log.warning("consumer.unanswered", **log.error_keys(error))


def _fault(code: str, message: str) -> HandrailError:
    return HandrailError(
        code, message, "see that the server and its streams are there, then start the service again"
    )
