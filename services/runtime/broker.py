"""FastStream's NATS broker, authenticating by NKEY without the package `nkeys`.

FastStream's own `NatsNKey` signs through that package; here the broker is given a client that
signs by itself, and everything else about the broker stays FastStream's.
"""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from faststream import BaseMiddleware, StreamMessage
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.runtime.connection import (
    ConnectionEvents,
    Log,
    OnClosed,
    connection_options,
    encryption,
    nkey_client,
    servers_of,
)
from services.runtime.nkeys import NKey

_REPLY_SUBJECTS = ("_INBOX.", "_R_.")


class AnswersToInboxesOnly(BaseMiddleware[Any, Any]):
    """Send no answer to a reply subject that is not an inbox.

    Whoever asks names the reply subject and the server does not check it against what the asker may
    publish; only the answering side's permissions count. Without this a desk could have its agency
    service submit, acknowledge a delivery or ask the story service with the bytes of an answer.
    `_R_.` is what the server makes of an inbox in another account.
    """

    async def consume_scope(
        self,
        call_next: Callable[[Any], Awaitable[Any]],
        msg: StreamMessage[Msg],
    ) -> Any:  # noqa: ANN401 - whatever the handler returns
        """Let the handler run, and drop the reply subject first when it is not an inbox."""
        if not msg.reply_to.startswith(_REPLY_SUBJECTS):
            msg.reply_to = ""
        return await call_next(msg)


class NkeyBroker(NatsBroker):
    """Connect to `servers` as the user `nkey`, reconnect for ever, and answer to inboxes only.

    `servers` may be one text, with several addresses joined by commas; `ca` is the file of the
    authority that certifies them, as for `connection.connect`.

    In a gateway's account give `js_options={"prefix": HUB_PREFIX}`, and to every pull subscriber
    `inbox_prefix=None`, because FastStream's own prefix is none that a user of ours may read.
    `on_closed` and `log` are those of `connection.connect`, `options` those of `NatsBroker`.
    """

    def __init__(
        self,
        servers: str | Iterable[str],
        *,
        nkey: NKey,
        ca: Path | None = None,
        on_closed: OnClosed | None = None,
        log: Log | None = None,
        **options: Any,  # noqa: ANN401 - NatsBroker's own, of many types
    ) -> None:
        self._nkey = nkey
        given = servers_of(servers) if isinstance(servers, str) else list(servers)
        self._encrypted = encryption(",".join(given), ca)
        self._events = ConnectionEvents(on_closed, log, servers=len(given))
        ours = {**connection_options(nkey), **self._events.callbacks()}
        guards = [AnswersToInboxesOnly, *options.pop("middlewares", ())]
        super().__init__(given, middlewares=guards, **{**ours, **options})

    async def _connect(self) -> Client:
        client = nkey_client(self._nkey, self._encrypted)
        await client.connect(**self._connection_kwargs, signature_cb=self._nkey.sign_nonce)
        self._events.connected = True
        self.config.connect(client)
        return client
