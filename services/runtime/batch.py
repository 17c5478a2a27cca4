"""Atomic JetStream batches (NATS ADR-50): all records are stored and synced, or none.

nats-py has no publisher for them; a batch is plain publishes with three headers, the last of which
asks for the commit.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
TTL = "Nats-TTL"
MAX_RECORDS = 1000
SOMEONE_WAS_FIRST = frozenset({10071, 10164})
TOO_LARGE = frozenset({0, 10054, 10199})
"""What a message itself causes: beyond the payload, the stream's message size, the batch."""

_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Published:
    """One message of a batch with its headers."""

    subject: str
    data: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch is stored; `first` is the stream sequence of its first record."""

    first: int


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """Nothing of the batch is stored; `code` is the server's error code, 0 where it gave none."""

    code: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the batch was stored is not known: read again before doing anything."""


Outcome = Committed | NotCommitted | Unknown


async def commit(
    client: Client, records: Sequence[Published], *, timeout_s: float = 10.0
) -> Outcome:
    """Publish `records` (at most 1,000, of one stream) as one atomic batch; return how it went.

    Never raises on a refusal, a timeout or a lost connection: once the connection is another one,
    the answer is not waited for.
    """
    batch = uuid.uuid4().hex
    last = len(records)
    try:
        for number, record in enumerate(records[:-1], 1):
            headers = {
                **record.headers,
                "Nats-Batch-Id": batch,
                "Nats-Batch-Sequence": str(number),
            }
            await client.publish(record.subject, record.data, headers=headers)
        final = records[-1]
        headers = {
            **final.headers,
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(last),
            "Nats-Batch-Commit": "1",
        }
        answer = await _asked(client, Published(final.subject, final.data, headers), timeout_s)
    except MaxPayloadError:
        return NotCommitted(0)
    except (TimeoutError, OSError, NatsError):
        return Unknown()
    return _outcome(answer.data, last)


async def _asked(client: Client, final: Published, timeout_s: float) -> Msg:
    """Return the answer; raises TimeoutError as soon as it can no longer come, or in its time.

    nats-py lets a request wait out its time on a connection that was lost and made anew.
    """
    before = client.stats["reconnects"]
    asking = asyncio.ensure_future(
        client.request(final.subject, final.data, timeout=timeout_s, headers=final.headers)
    )
    try:
        while not asking.done():
            await asyncio.wait((asking,), timeout=_LOOK_S)
            if client.stats["reconnects"] != before and not asking.done():
                raise TimeoutError
        return asking.result()
    finally:
        asking.cancel()


def _outcome(data: bytes, count: int) -> Outcome:
    try:
        made = json.loads(data)
    except ValueError:
        return Unknown()
    error = made.get("error")
    if error is not None:
        return NotCommitted(int(error.get("err_code", 0)))
    return Committed(int(made["seq"]) - count + 1)
