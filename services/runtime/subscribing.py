"""How a service subscribes: the only place that calls FastStream's `subscriber`.

FastStream's defaults lose messages (its acknowledgement policy terminates one after a single
exception), so brokers and subscribers are made here and nowhere else: the policy is always manual
and `settlement` settles; streams are never declared; the server's number of deliveries has no
limit; bytes come in and bytes go out.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import orjson
from faststream import AckPolicy, StreamMessage
from faststream.nats import JStream, NatsBroker, NatsResponse, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.api import ConsumerConfig

from contracts.errors import HandrailError
from contracts.subjects import LEDGER
from services.runtime import log, pulling
from services.runtime.broker import NkeyBroker
from services.runtime.connection import ConnectionEvents, OnClosed
from services.runtime.limiting import Requests
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.nkeys import NKey
from services.runtime.pulling import LIBRARY_LOGGER
from services.runtime.settlement import DELIVERY_LIMIT, Quarantine, Settlement, Tries

_log = log.get(__name__)

LONGEST_PULL_S: Final = 0.5
"""A longer fetch can leave a pull behind on the server that swallows messages (nats.py #986)."""

ERROR_HEADER: Final = "Handrail-Error"
INTERNAL: Final = "internal.error"
_REQUESTS: Final[WeakKeyDictionary[NatsBroker, Requests]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a stream as it was stored; its text form shows neither bytes nor headers.

    `stored_at` is the server's time (UTC), `delivery` counts from 1.
    """

    stream: str
    subject: str
    sequence: int
    stored_at: datetime
    delivery: int
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One question somebody waits for an answer to."""

    subject: str
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


RecordHandler = TypeVar("RecordHandler", bound=Callable[[Record], Awaitable[None]])
BatchHandler = TypeVar("BatchHandler", bound=Callable[[tuple[Record, ...]], Awaitable[None]])
RequestHandler = TypeVar("RequestHandler", bound=Callable[[Request], Awaitable[bytes]])


def make_broker(  # noqa: PLR0913 - the first two say where, the others are options
    url: str,
    nkey: NKey | None,
    *,
    name: str,
    importing: bool = False,
    quarantine: Quarantine | None = None,
    delivery_limit: int = DELIVERY_LIMIT,
    tries: Tries | None = None,
    ca: Path | None = None,
    on_closed: OnClosed | None = None,
) -> NatsBroker:
    """Make the broker of one service, which connects to `url` for as long as it takes.

    `nkey` is its user, None only where the server lets anyone in; `name` labels the connection;
    `importing` says that the user's account imports JetStream's API, which has a prefix there.
    `quarantine`, `delivery_limit` and `tries` say what is set aside, as `Settlement` takes them.
    `ca` is the file of the authority that certifies the server. `on_closed` is awaited when the
    connection is closed for good; `watchdog` sees that too.
    """
    options: dict[str, Any] = {
        "name": name,
        "js_options": {"prefix": HUB_PREFIX} if importing else None,
        "ack_policy": AckPolicy.MANUAL,
        "middlewares": [Settlement(quarantine, delivery_limit, tries)],
        "apply_types": False,
        "serializer": None,
        "logger": logging.getLogger(LIBRARY_LOGGER),
    }
    if nkey is not None:
        options |= {"on_closed": on_closed, "log": _log.warning}
        return NkeyBroker(url, nkey=nkey, ca=ca, **options)
    events = ConnectionEvents(on_closed, _log.warning)
    events.connected = True  # so that closing is reported; there is no key to be refused
    return NatsBroker(
        url, max_reconnect_attempts=-1, reconnect_time_wait=1, **events.callbacks(), **options
    )


def ledger_subscriber(
    broker: NatsBroker,
    filter_subject: str,
    durable: str,
    *,
    stream: str = LEDGER,
    in_order: bool = False,
    at_once: int = 50,
    ack_wait_s: float = 30.0,
) -> Callable[[RecordHandler], RecordHandler]:
    """Decorate the handler of one `Record` at a time of the consumer `durable`.

    Up to `at_once` handlers run side by side and in any order; with `in_order` one at a time in the
    order of the stream, and a record that fails holds up those after it until it passes or is set
    aside. A handler that returns acknowledges. It must bear seeing the same record again, and end
    within `ack_wait_s` seconds.
    """
    pull = PullSub(batch_size=1 if in_order else at_once, timeout=LONGEST_PULL_S)
    pending = 1 if in_order else at_once * 4
    options = _consumer(stream, durable, pull, pending, ack_wait_s)

    def decorate(handler: RecordHandler) -> RecordHandler:
        broker.subscriber(filter_subject, decoder=_one_record, **options)(handler)
        return handler

    return decorate


def ledger_batch_subscriber(
    broker: NatsBroker,
    filter_subject: str,
    durable: str,
    *,
    stream: str = LEDGER,
    at_once: int = 200,
    fill_s: float = 0.05,
    ack_wait_s: float = 30.0,
) -> Callable[[BatchHandler], BatchHandler]:
    """Decorate the handler of a tuple of `Record`, in the order of the stream, never empty.

    A batch waits `fill_s` seconds to fill up to `at_once`. If the handler raises, every record is
    given to it again alone and settled for itself; redelivered records come alone too, and later
    than their successors. It must bear seeing the same record again.
    """
    if not 0 < fill_s <= LONGEST_PULL_S:
        raise HandrailError(
            "subscription.invalid",
            f"a batch cannot wait {fill_s:g} seconds to fill",
            f"give a time above 0 and of at most {LONGEST_PULL_S:g} seconds",
        )
    pull = PullSub(batch_size=at_once, timeout=fill_s, batch=True)
    options = _consumer(stream, durable, pull, at_once * 2, ack_wait_s)

    def decorate(handler: BatchHandler) -> BatchHandler:
        broker.subscriber(filter_subject, decoder=_all_records, **options)(handler)
        return handler

    return decorate


def request_subscriber(
    broker: NatsBroker, subject: str, *, queue: str = "handrail", at_once: int = 64
) -> Callable[[RequestHandler], RequestHandler]:
    """Decorate the handler that answers requests on `subject` with bytes.

    A `HandrailError` it raises is the answer, as JSON with `code`, `message` and `remedy` and the
    code in the header `Handrail-Error`; anything else is answered as `internal.error` and logged.
    Of several processes in one `queue` one answers; each runs up to `at_once` handlers. An agency
    that asks beyond its bounds (`limiting`) is answered `busy.try-again`.
    """

    def decorate(handler: RequestHandler) -> RequestHandler:
        subscribe = broker.subscriber(
            subject, queue, decoder=_request, ack_policy=AckPolicy.MANUAL, max_workers=at_once
        )
        subscribe(_answering(_REQUESTS.setdefault(broker, Requests()).bounded(handler)))
        return handler

    return decorate


async def ask(client: Client, subject: str, data: bytes, *, timeout_s: float = 5.0) -> bytes:
    """Send `data` to a `request_subscriber` and return its answer within `timeout_s` seconds.

    Raises the `HandrailError` that was answered, `service.unreachable` where nobody listens and
    `service.no-answer` where the answer did not come: whether the request was carried out is then
    not known.
    """
    try:
        answer = await client.request(subject, data, timeout=timeout_s)
    except NoRespondersError as error:
        raise HandrailError(
            "service.unreachable",
            "the service that answers this is not running",
            "start it, or wait until it is back, and ask again",
        ) from error
    except (TimeoutError, NatsError) as error:
        raise HandrailError(
            "service.no-answer",
            f"no answer came within {timeout_s:g} seconds",
            "ask again; nothing is done twice for the same message id",
        ) from error
    if ERROR_HEADER in (answer.headers or {}):
        raise _answered_error(answer)
    return answer.data


def _consumer(
    stream: str, durable: str, pull: PullSub, pending: int, ack_wait_s: float
) -> dict[str, Any]:
    return {
        "stream": JStream(stream, declare=False),
        "durable": durable,
        "pull_sub": pull,
        "config": ConsumerConfig(
            max_deliver=-1, max_ack_pending=pending, ack_wait=ack_wait_s, filter_subjects=[]
        ),
        "ack_policy": AckPolicy.MANUAL,
        "no_reply": True,
        # None lets nats-py take the connection's own prefix in place of FastStream's `_INBOX.`,
        # which the permissions of one user among several do not allow.
        "inbox_prefix": None,
    }


def _record(raw: Msg) -> Record:
    place = raw.metadata
    return Record(
        stream=place.stream,
        subject=raw.subject,
        sequence=place.sequence.stream,
        stored_at=place.timestamp,
        delivery=place.num_delivered,
        data=raw.data,
        headers=raw.headers or {},
    )


async def _one_record(message: StreamMessage[Msg]) -> Record:
    return _record(message.raw_message)


async def _all_records(message: StreamMessage[list[Msg]]) -> tuple[Record, ...]:
    return tuple(_record(raw) for raw in message.raw_message)


async def _request(message: StreamMessage[Msg]) -> Request:
    raw = message.raw_message
    return Request(subject=raw.subject, data=raw.data, headers=raw.headers or {})


def _answering(
    handler: Callable[[Request], Awaitable[bytes]],
) -> Callable[[Request], Awaitable[bytes | NatsResponse]]:
    @functools.wraps(handler)
    async def answer(request: Request) -> bytes | NatsResponse:
        try:
            return await handler(request)
        except HandrailError as error:
            return _error_answer(error)
        except Exception as error:  # noqa: BLE001 - its text may hold what nobody may read
            _log.error("request.failed", **log.error_keys(error))
            return _error_answer(
                HandrailError(
                    INTERNAL,
                    "the service could not answer",
                    "ask again later; if it happens again, tell the service's operator",
                )
            )

    return answer


def _error_answer(error: HandrailError) -> NatsResponse:
    answer = {"code": error.code, "message": error.message, "remedy": error.remedy}
    return NatsResponse(orjson.dumps(answer), headers={ERROR_HEADER: error.code})


def _answered_error(answer: Msg) -> HandrailError:
    try:
        told = orjson.loads(answer.data)
        return HandrailError(str(told["code"]), str(told["message"]), str(told["remedy"]))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return HandrailError(
            INTERNAL, "the service answered with an error that cannot be read", "ask again later"
        )


pulling.install()
