"""Keep FastStream's pull loops alive, and calm, when a fetch fails.

FastStream 0.7 catches `nats.errors.TimeoutError` around `fetch`, but nats-py also raises the plain
`TimeoutError`: a batch loop then dies with the messages it had already fetched. On a closed
connection or without a consumer `fetch` fails at once, and a loop that asks again at once takes the
whole event loop. `install` puts a `PatientPull` around the subscription of both loops.
"""

import asyncio
import functools
import importlib.metadata
from collections.abc import Awaitable, Callable
from typing import Any, Final

import nats.errors
from faststream.nats.subscriber.usecases.stream_pull_subscriber import (
    BatchPullStreamSubscriber,
    PullStreamSubscriber,
)
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from contracts.errors import HandrailError
from services.runtime import log

_log = log.get(__name__)

LIBRARY_LOGGER: Final = "handrail.faststream"
"""Given to FastStream, which would make loggers of its own that print what they are told."""

PAUSE_S: Final = 0.25
_KNOWN_FASTSTREAM: Final = "0.7."
_CREATE: Final = "_create_subscription"


class PatientPull:
    """A pull subscription whose `fetch` fails in one way only, and never in a tight circle."""

    def __init__(self, pull: JetStreamContext.PullSubscription) -> None:
        self._pull = pull
        self._failing = False

    async def fetch(self, batch: int = 1, timeout: float | None = 0.5) -> list[Msg]:  # noqa: ASYNC109
        """Fetch up to `batch` messages within `timeout` seconds.

        Raises `nats.errors.TimeoutError` where there are none, and after a pause for any fault.
        """
        try:
            messages = await self._pull.fetch(batch=batch, timeout=timeout)
        except TimeoutError as error:
            raise nats.errors.TimeoutError from error
        except nats.errors.Error as error:
            if not self._failing:
                _log.warning("pull.failing", **log.error_keys(error))
            self._failing = True
            await asyncio.sleep(PAUSE_S)
            raise nats.errors.TimeoutError from error
        self._failing = False
        return messages

    async def consumer_info(self) -> ConsumerInfo:
        """Ask the server for the consumer; `nats.js.errors.NotFoundError` where it is gone."""
        return await self._pull.consumer_info()

    async def unsubscribe(self) -> None:
        """Stop receiving."""
        await self._pull.unsubscribe()


def install() -> None:
    """Give both pull loops of FastStream a patient subscription; doing it twice changes nothing.

    Raises `HandrailError` `faststream.untested` for a version whose loops nobody has looked at.
    """
    version = importlib.metadata.version("faststream")
    if not version.startswith(_KNOWN_FASTSTREAM):
        raise HandrailError(
            "faststream.untested",
            f"FastStream {version} has not been tried with these pull loops",
            "install the versions of the lock file",
        )
    for loop in (PullStreamSubscriber, BatchPullStreamSubscriber):
        create = getattr(loop, _CREATE)
        if not hasattr(create, "__wrapped__"):
            setattr(loop, _CREATE, _patient(create))


def _patient(create: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    @functools.wraps(create)
    async def create_patient(loop: PullStreamSubscriber | BatchPullStreamSubscriber) -> None:
        await create(loop)
        # The loop's task has been made but has not run yet: nothing was awaited since.
        if loop.subscription is not None and not isinstance(loop.subscription, PatientPull):
            loop.subscription = PatientPull(loop.subscription)  # type: ignore[assignment]

    return create_patient
