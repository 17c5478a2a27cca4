"""Connections to NATS that authenticate by NKEY and come back by themselves.

The package `nkeys` is not needed: at every (re)connect nats-py asks a callback for the signature
over the server's challenge, and our own `NKey` answers. nats-py has no argument for the public half
of a bare NKEY, so it is set on the client; tests on a real server hold that in place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError

from contracts.errors import HandrailError
from services.runtime.nkeys import NKey, inbox_prefix

Log = Callable[[str], None]
"""Takes the name of an event, from a closed set and without data: `nats.reconnected`."""

OnClosed = Callable[[], Awaitable[None]]

_RECONNECT_WAIT_S = 0.2
_PENDING_BYTES = 32 * 1024**2
_FAILING = "nats.connecting-failed"
_FAILING_EVERY_S = 30.0


async def connect(
    url: str,
    nkey: NKey,
    *,
    name: str,
    on_closed: OnClosed | None = None,
    log: Log | None = None,
    timeout_s: float = 10.0,
) -> Client:
    """Return a connection to `url` as the user `nkey`; it reconnects for as long as it is open.

    `name` labels the connection on the server. `on_closed` is awaited once it is closed for good,
    `log` is called with the names of events. Replies come in under the key's own inbox prefix,
    the only one its permissions let it read.

    Raises `HandrailError`: `nats.refused` when the server does not know the key,
    `nats.unreachable` when no server has answered within `timeout_s` seconds.
    """
    client = nkey_client(nkey)
    events = ConnectionEvents(on_closed, log)
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(
                url,
                name=name,
                signature_cb=nkey.sign_nonce,
                **connection_options(nkey),
                **events.callbacks(),
            )
    except HandrailError:
        await client.close()
        raise
    except (TimeoutError, OSError, NatsError, ValueError) as error:
        await client.close()
        raise HandrailError(
            "nats.unreachable",
            f"no NATS server answered within {timeout_s:g} seconds",
            "start the services with `handrail up`, or give the address of the running server",
        ) from error
    events.connected = True
    return client


def nkey_client(nkey: NKey) -> Client:
    """Return an unconnected client that presents `nkey`'s public half.

    Its `connect` needs `signature_cb=nkey.sign_nonce` as well.
    """
    client = Client()
    client._public_nkey = nkey.public  # noqa: SLF001 - see the module's docstring
    return client


def connection_options(nkey: NKey) -> dict[str, Any]:
    """Return what every connection of ours has in common, as arguments of nats-py's `connect`."""
    return {
        "inbox_prefix": inbox_prefix(nkey.public),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _RECONNECT_WAIT_S,
        "pending_size": _PENDING_BYTES,
    }


class ConnectionEvents:
    """Turn nats-py's callbacks into event names; a refused key ends the first connecting.

    `connected` is set by whoever connects. Until then nothing is reported as closed, and a server
    that does not know the key is an answer, not something to try again. Failures to connect come
    five times a second while a server is away: they are told once, then every half minute.
    `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        on_closed: OnClosed | None,
        log: Log | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connected = False
        self._on_closed = on_closed
        self._log = log
        self._clock = clock
        self._quiet_until = float("-inf")

    def callbacks(self) -> dict[str, Any]:
        """Return the callbacks as arguments of nats-py's `connect`."""
        return {
            "error_cb": self._error,
            "disconnected_cb": self._disconnected,
            "reconnected_cb": self._reconnected,
            "closed_cb": self._closed,
        }

    async def _error(self, error: Exception) -> None:
        event = _event_of(error)
        if event != _FAILING or self._may_tell_failing():
            self._tell(event)
        if event == "nats.refused" and not self.connected:
            raise HandrailError(
                "nats.refused",
                "the NATS server does not know this key",
                "use a key of this server's directory, or restart the server that should know it",
            )

    async def _disconnected(self) -> None:
        if self.connected:
            self._tell("nats.disconnected")

    async def _reconnected(self) -> None:
        self._quiet_until = float("-inf")
        self._tell("nats.reconnected")

    async def _closed(self) -> None:
        if self.connected:
            self._tell("nats.closed")
            if self._on_closed is not None:
                await self._on_closed()

    def _may_tell_failing(self) -> bool:
        now = self._clock()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + _FAILING_EVERY_S
        return True

    def _tell(self, event: str) -> None:
        if self._log is not None:
            self._log(event)


def _event_of(error: Exception) -> str:
    """Name an error without its text, which may hold a subject or an address."""
    if isinstance(error, SlowConsumerError):
        return "nats.slow-consumer"
    if isinstance(error, OSError):
        return _FAILING
    text = str(error).lower()
    if "authorization violation" in text:
        return "nats.refused"
    return "nats.permission-refused" if "permissions violation" in text else "nats.error"
