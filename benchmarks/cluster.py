"""The exchange on a cluster of three against one server: throughput, and the time to a receipt.

`python -m benchmarks.cluster`: each round runs one server and then three, on fresh folders, with
the real worker; all of them and the worker share this machine.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from statistics import median, quantiles

from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.exchange import prepare, worker_rate, working
from benchmarks.server import NODES, fresh_cluster, fresh_server
from benchmarks.workload import SCHOOL, One, Workload
from services.runtime.collecting import calm_collector

_SINGLY = 300
_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """Accepted submissions a second, and milliseconds from one submission to its receipt."""

    rate: float
    p50: float
    p99: float


async def _on(
    servers: AbstractAsyncContextManager[Client], replicas: int, workload: Workload, count: int
) -> Found:
    async with servers as client:
        work = workload.make(count)
        await prepare(client, work, replicas)
        rate = await worker_rate(client, workload, work)
        singly = await _singly(client, workload, workload.make(_SINGLY))
    return Found(rate, median(singly), quantiles(singly, n=100, method="inclusive")[98])


async def _singly(client: Client, workload: Workload, work: Sequence[One]) -> list[float]:
    """Send one submission after another, each when the one before has its receipt."""
    js, loop = client.jetstream(timeout=_WITHIN_S), asyncio.get_running_loop()
    waiting: dict[str, asyncio.Future[float]] = {}

    async def take(message: Msg) -> None:
        arrival = waiting.get(message.subject.rsplit(".", 1)[1])
        if arrival is not None and not arrival.done():
            arrival.set_result(time.perf_counter())

    receipts = await client.subscribe(f"receipt.{SCHOOL}.>", cb=take)
    found: list[float] = []
    async with working(client, workload):
        for one in work:
            arrival = waiting[one.id] = loop.create_future()
            sent = time.perf_counter()
            await js.publish(one.subject, one.data)
            found.append((await asyncio.wait_for(arrival, _WITHIN_S) - sent) * 1e3)
    await receipts.unsubscribe()
    return found


def main() -> None:
    """Measure and print, round by round and then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=3000)
    chosen = parser.parse_args()
    calm_collector()
    workload = Workload()
    pairs: list[tuple[Found, Found]] = []
    for number in range(1, chosen.rounds + 1):
        one = asyncio.run(_on(fresh_server(), 1, workload, chosen.count))
        three = asyncio.run(_on(fresh_cluster(), NODES, workload, chosen.count))
        pairs.append((one, three))
        print(
            f"round {number}: one server {one.rate:,.0f}/s, p99 {one.p99:.1f} ms; "
            f"three {three.rate:,.0f}/s, p99 {three.p99:.1f} ms",
            flush=True,
        )
    for name, at in (("one server", 0), ("three servers", 1)):
        made = [pair[at] for pair in pairs]
        print(
            f"{name}: {median(f.rate for f in made):,.0f} accepted/s, one at a time "
            f"p50 {median(f.p50 for f in made):.1f} ms, p99 {median(f.p99 for f in made):.1f} ms"
        )
    ratio = median(three.rate / one.rate for one, three in pairs)
    slower = median(three.p99 / one.p99 for one, three in pairs)
    print(f"three against one: {ratio:.2f} of the throughput, {slower:.1f} times the p99")


if __name__ == "__main__":
    main()
