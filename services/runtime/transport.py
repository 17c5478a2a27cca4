"""nats-py's transport, encrypted from the first byte on.

nats-py upgrades a connection that is open already. On Python 3.11 a handshake that fails then
leaves a stream whose closing never ends, and with it a client that neither connects nor closes. A
connection that is opened with TLS at once has no such state.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import ParseResult

from nats.aio.transport import TcpTransport

_SHUTDOWN_S: Final = 2.0


class EncryptedTransport(TcpTransport):
    """Speak to servers by TLS alone, under the terms of `context`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._context = context

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Open a connection and shake hands within `connect_timeout` seconds."""
        async with asyncio.timeout(connect_timeout):
            self._io_reader, self._io_writer = await asyncio.open_connection(
                uri.hostname,
                uri.port,
                limit=buffer_size,
                ssl=self._context,
                server_hostname=uri.hostname,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Do nothing: `connect` has shaken hands already."""

    def __bool__(self) -> bool:
        """Be true before there is a connection too, so that nats-py does not take another one."""
        return True
