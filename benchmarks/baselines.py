"""What the exchange is measured against: a bare loop with the same durability, and the obvious way.

Both verify one signature per submission and store records of the sizes that the exchange wrote;
neither decrypts, keeps journeys, nor decides anything.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from benchmarks.workload import SCHOOL, One
from contracts import base64url
from services.exchange.streams import ledger_config
from services.runtime import batch

GROUP = 200
_LANE = "SUBMIT_bench_school"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The mean sizes in bytes of what the exchange wrote per submission."""

    entry: int
    delivery: int
    receipt: int


def _verify(message: Msg, key: Ed25519PublicKey) -> None:
    seal = orjson.loads(orjson.loads(message.data)["seal"])
    one = seal["signatures"][0]
    signature = base64url.decode(one["signature"]) or b""
    key.verify(signature, f"{one['protected']}.{seal['payload']}".encode("ascii"))


async def bare_loop(
    client: Client, work: Sequence[One], key: Ed25519PublicKey, sizes: Sizes
) -> float:
    """Return submissions per second of fetch, verify, sign once a group, group commit."""
    js = client.jetstream(timeout=10)
    await js.add_stream(ledger_config())
    consumer = await js.add_consumer(
        _LANE, ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
    )
    subscription = await js.pull_subscribe_bind(consumer.name, _LANE)
    signer, done, cursor = Ed25519PrivateKey.generate(), 0, 0
    started = time.perf_counter()
    while done < len(work):
        messages = await subscription.fetch(GROUP, timeout=5)
        records: list[batch.Published] = []
        for message in messages:
            _verify(message, key)
            records += _records(message.subject.rsplit(".", 1)[1], sizes)
        root = signer.sign(b"root" * 8)
        records.append(batch.Published(f"cursor.{_LANE}", root, {batch.EXPECTED: str(cursor)}))
        outcome = await batch.commit(client, records)
        if not isinstance(outcome, batch.Committed):
            raise RuntimeError(outcome)  # noqa: TRY004 - the run failed, not a type
        cursor = outcome.first + len(records) - 1
        done += len(messages)
    return len(work) / (time.perf_counter() - started)


def _records(child: str, sizes: Sizes) -> list[batch.Published]:
    return [
        batch.Published(f"journey.{child}", b"e" * sizes.entry, {batch.EXPECTED: "0"}),
        batch.Published(
            f"inbox.bench.first-response.{child}", b"d" * sizes.delivery, {batch.TTL: "34560000s"}
        ),
        batch.Published(
            f"receipt.{SCHOOL}.{child}",
            b"r" * sizes.receipt,
            {batch.EXPECTED: "0", batch.TTL: "34560000s"},
        ),
    ]


async def obvious_way(
    client: Client, work: Sequence[One], key: Ed25519PublicKey, sizes: Sizes
) -> float:
    """Return submissions per second of a work queue: one message, one publish a record, one ack."""
    js = client.jetstream(timeout=10)
    await js.add_stream(ledger_config())
    await js.add_stream(
        StreamConfig(
            name="QUEUE",
            subjects=["queue.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
        )
    )
    await fill(client, [(f"queue.{one.child}", one.data) for one in work])
    subscription = await js.pull_subscribe("queue.>", "worker", "QUEUE")
    signer = Ed25519PrivateKey.generate()
    started = time.perf_counter()
    for _ in work:
        (message,) = await subscription.fetch(1, timeout=5)
        _verify(message, key)
        signer.sign(b"root" * 8)
        for record in _records(message.subject.rsplit(".", 1)[1], sizes):
            await js.publish(record.subject, record.data)
        await message.ack_sync()
    return len(work) / (time.perf_counter() - started)


async def fill(client: Client, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish `messages` with acknowledgement, many at a time."""
    js = client.jetstream(timeout=30)
    for start in range(0, len(messages), 200):
        await asyncio.gather(
            *(js.publish(subject, data) for subject, data in messages[start : start + 200])
        )
