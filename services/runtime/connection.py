"""Connections to NATS that authenticate by NKEY and come back by themselves.

The package `nkeys` is not needed: at every (re)connect nats-py asks a callback for the signature
over the server's challenge, and our own `NKey` answers. nats-py has no argument for the public half
of a bare NKEY, so it is set on the client; tests on a real server hold that in place.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError

from contracts.errors import HandrailError
from services.runtime.nats_plan import is_loopback
from services.runtime.nkeys import NKey, inbox_prefix
from services.runtime.transport import EncryptedTransport

Log = Callable[[str], None]
"""Takes the name of an event, from a closed set and without data: `nats.reconnected`."""

OnClosed = Callable[[], Awaitable[None]]

_RECONNECT_WAIT_S = 0.2
_PING_S = 5
"""A server that vanished without a word is given up after three of these, for another one."""
_PENDING_BYTES = 32 * 1024**2
_FAILING = "nats.connecting-failed"
_FAILING_EVERY_S = 30.0


async def connect(
    url: str,
    nkey: NKey,
    *,
    name: str,
    ca: Path | None = None,
    on_closed: OnClosed | None = None,
    log: Log | None = None,
    timeout_s: float = 10.0,
) -> Client:
    """Return a connection to `url` as the user `nkey`; it reconnects for as long as it is open.

    `url` names one server, or those of one cluster joined by commas. `name` labels the connection
    on the server. `ca` is the file of the authority that certifies the servers; nothing is said to
    a server before it has proved itself by it. `on_closed` is awaited once the connection is closed
    for good, `log` is called with the names of events. Replies come in under the key's own inbox
    prefix, the only one its permissions let it read.

    Raises `HandrailError`: `nats.refused` when the server does not know the key,
    `nats.not-encrypted` for another machine without `ca`, `nats.no-authority` for a `ca` that
    cannot be read, `nats.untrusted` for a server that `ca` does not certify, `nats.unreachable`
    when no server has answered within `timeout_s` seconds.
    """
    encrypted = encryption(url, ca)
    client = nkey_client(nkey, encrypted)
    events = ConnectionEvents(on_closed, log, servers=len(servers_of(url)))
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(
                servers_of(url),
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


def servers_of(url: str) -> list[str]:
    """Return the addresses in `url`: one, or those of a cluster's servers joined by commas."""
    return [server.strip() for server in url.split(",") if server.strip()]


def encryption(url: str, ca: Path | None) -> ssl.SSLContext | None:
    """Return the terms under which a connection to `url` is encrypted, or None where it is not.

    With `ca` it is by TLS 1.3, and the server's name must be in its certificate. Without, only this
    machine itself may be spoken to. Raises `nats.not-encrypted` or `nats.no-authority`.
    """
    if ca is not None:
        return _trusting(ca)
    if all(is_loopback(_host(server)) for server in servers_of(url)):
        return None
    raise HandrailError(
        "nats.not-encrypted",
        "the connection to that server would not be encrypted",
        "give the partnership's tls/ca.pem, in the folder of state or by HANDRAIL_NATS_CA; "
        "`handrail partnership server` makes the server's certificates",
    )


def _trusting(ca: Path) -> ssl.SSLContext:
    """Return what trusts the authority in the file `ca` and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise HandrailError(
            "nats.no-authority",
            "the certificate of the authority for NATS servers cannot be read",
            "copy the partnership's tls/ca.pem there, or correct HANDRAIL_NATS_CA",
        ) from error
    return context


def _host(server: str) -> str:
    """Return the host of an address with or without its scheme; "" where there is none."""
    try:
        return urlsplit(server if "://" in server else f"nats://{server}").hostname or ""
    except ValueError:
        return ""


def nkey_client(nkey: NKey, encrypted: ssl.SSLContext | None) -> Client:
    """Return an unconnected client that presents `nkey`'s public half, and may be `encrypted`.

    Its `connect` needs `signature_cb=nkey.sign_nonce` as well.
    """
    client = Client()
    if encrypted is not None:
        client._transport = EncryptedTransport(encrypted)  # noqa: SLF001 - it takes none
    client._public_nkey = nkey.public  # noqa: SLF001 - see the module's docstring
    return client


def connection_options(nkey: NKey) -> dict[str, Any]:
    """Return what every connection of ours has in common, as arguments of nats-py's `connect`."""
    return {
        "inbox_prefix": inbox_prefix(nkey.public),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _RECONNECT_WAIT_S,
        "ping_interval": _PING_S,
        "pending_size": _PENDING_BYTES,
    }


class ConnectionEvents:
    """Turn nats-py's callbacks into event names; a refused key ends the first connecting.

    `connected` is set by whoever connects. Until then nothing is reported as closed, and a server
    that does not know the key is an answer, not something to try again. Failures to connect come
    five times a second while a server is away: they are told once, then every half minute.
    A certificate that does not hold ends the first connecting once each of `servers` has had its
    turn. `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        on_closed: OnClosed | None,
        log: Log | None,
        clock: Callable[[], float] = time.monotonic,
        servers: int = 1,
    ) -> None:
        self.connected = False
        self._servers, self._untrusted = servers, 0
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
        self._untrusted += event == "nats.untrusted"
        if self._untrusted >= self._servers and not self.connected:
            raise HandrailError(
                "nats.untrusted",
                "the NATS server has no valid certificate of this partnership",
                "compare tls/ca.pem with the partnership's, and make a new certificate with "
                "`handrail partnership server` where the old one has expired",
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
    if isinstance(error, ssl.SSLCertVerificationError):
        return "nats.untrusted"
    if isinstance(error, OSError):
        return _FAILING
    text = str(error).lower()
    if "authorization violation" in text:
        return "nats.refused"
    return "nats.permission-refused" if "permissions violation" in text else "nats.error"
