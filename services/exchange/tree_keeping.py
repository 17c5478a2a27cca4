"""Keeping the log beside the exchange's normal worker: the sequencer and what it answers."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.js import JetStreamContext

from contracts import jws
from contracts.directory import Directory
from services.exchange.ledger import Ledger
from services.exchange.tree_answers import LogAnswers
from services.exchange.tree_heads import Sequencer
from services.exchange.tree_store import TreeStore
from services.runtime.log import error_keys, get
from services.runtime.partnership import Partnership
from services.runtime.subscribing import Request, make_broker, request_subscriber
from services.runtime.tasks import first_of

_AGAIN_S = 5.0
_log = get(__name__)


async def keep_log(
    partnership: Partnership,
    connection: tuple[Client, JetStreamContext],
    key: jws.Signer,
    directory: Callable[[], Directory],
) -> None:
    """Keep and answer for the log until cancelled; nothing that goes wrong here ends deciding."""
    while True:
        try:
            await _keep(partnership, Ledger(*connection), key, directory)
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            _log.error("log.not-kept", **error_keys(error))
        await asyncio.sleep(_AGAIN_S)


async def _keep(
    partnership: Partnership, ledger: Ledger, key: jws.Signer, directory: Callable[[], Directory]
) -> None:
    store = TreeStore(partnership.database("log"))
    try:
        exchange = partnership.exchange
        sequencer = Sequencer(ledger, store, exchange=exchange, key=key, directory=directory)
        answers = LogAnswers(sequencer, ledger, exchange, directory)
        await first_of(sequencer.run(), _answer(partnership, answers))
    finally:
        await store.close()


async def _answer(partnership: Partnership, answers: LogAnswers) -> None:
    url, nkey = partnership.nats_url(), partnership.nkey("exchange")
    broker = make_broker(url, nkey, name="exchange-log", ca=partnership.nats_ca)

    @request_subscriber(broker, "log.*.*.head")
    async def head(_request: Request) -> bytes:
        return await answers.head()

    @request_subscriber(broker, "log.*.*.proof")
    async def proof(request: Request) -> bytes:
        return await answers.proof(request.data)

    @request_subscriber(broker, "log.*.*.included")
    async def included(request: Request) -> bytes:
        return await answers.included(_agency(request), request.data)

    @request_subscriber(broker, "log.*.*.witness")
    async def witness(request: Request) -> bytes:
        return await answers.witness(_agency(request), request.data)

    @request_subscriber(broker, "log.*.*.witnesses")
    async def witnesses(_request: Request) -> bytes:
        return await answers.witnesses()

    @request_subscriber(broker, "exchange.admin.log.status")
    async def status(_request: Request) -> bytes:
        return await answers.status()

    @request_subscriber(broker, "exchange.admin.log.prove")
    async def prove(request: Request) -> bytes:
        return await answers.prove(request.data)

    @request_subscriber(broker, "exchange.admin.log.page")
    async def page(request: Request) -> bytes:
        return await answers.page(request.data)

    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.stop()


def _agency(request: Request) -> str:
    """Return who asks: it stands in the subject, which an account cannot choose."""
    return ".".join(request.subject.split(".")[1:3])
