"""How many submissions a second one exchange process accepts, against two baselines."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.aio.client import Client

from benchmarks.baselines import Sizes, bare_loop, fill, obvious_way
from benchmarks.server import fresh_server
from benchmarks.workload import EXCHANGE, FRONT, SCHOOL, One, Workload
from contracts.subjects import LEDGER
from services.exchange.streams import lane_config, ledger_config
from services.exchange.worker import Worker

LANE = "SUBMIT_bench_school"
COUNT = 4000
OBVIOUS = 600


@dataclass(frozen=True, slots=True)
class Round:
    """Submissions per second of one interleaved round."""

    accepted: float
    bare: float
    obvious: float


async def prepare(client: Client, work: Sequence[One], replicas: int = 1) -> None:
    """Make the ledger and the lane, each on as many servers as `replicas`, and queue `work`."""
    await client.jetstream(timeout=30).add_stream(ledger_config(replicas))
    await _queue(client, work, replicas)


async def _queue(client: Client, work: Sequence[One], replicas: int = 1) -> None:
    js = client.jetstream(timeout=30)
    await js.add_stream(lane_config(LANE, f"submit.{SCHOOL}.>", replicas))
    await fill(client, [(one.subject, one.data) for one in work])


@asynccontextmanager
async def working(client: Client, workload: Workload) -> AsyncIterator[Worker]:
    """Run the real worker over the lane during the body."""
    worker = Worker(
        client,
        client.jetstream(timeout=10),
        exchange=EXCHANGE,
        key=workload.exchange,
        directory=lambda: workload.directory,
        intake=lambda: {workload.month: workload.intake},
        lanes=lambda: (LANE,),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield worker
    finally:
        stop.set()
        worker.wake()
        await task


async def worker_rate(client: Client, workload: Workload, work: Sequence[One]) -> float:
    """Return accepted submissions per second of the real worker, `work` being queued."""
    started = time.perf_counter()
    async with working(client, workload) as worker:
        while worker.counts.accepted < len(work):
            await asyncio.sleep(0.002)
            if worker.counts.refused or worker.counts.quarantined:
                raise RuntimeError(worker.counts)
        return len(work) / (time.perf_counter() - started)


async def exchange_rate(workload: Workload, work: Sequence[One]) -> tuple[float, Sizes]:
    """Return accepted submissions per second of the real worker, and the sizes it wrote."""
    async with fresh_server() as client:
        await prepare(client, work)
        rate = await worker_rate(client, workload, work)
        return rate, await _sizes(client, work[-1])


async def _sizes(client: Client, one: One) -> Sizes:
    js = client.jetstream()
    written = (f"journey.{one.child}", f"inbox.{FRONT}.{one.id}", f"receipt.{SCHOOL}.{one.id}")
    found = [await js.get_last_msg(LEDGER, subject) for subject in written]
    return Sizes(*(len(message.data or b"") for message in found))


async def one_round(workload: Workload) -> Round:
    """Run the exchange and both baselines once, one after another, on fresh servers."""
    work = workload.make(COUNT)
    accepted, sizes = await exchange_rate(workload, work)
    key = workload.author.raw.public_key()
    async with fresh_server() as client:
        await _queue(client, work)
        bare = await bare_loop(client, work, key, sizes)
    async with fresh_server() as client:
        obvious = await obvious_way(client, work[:OBVIOUS], key, sizes)
    return Round(accepted, bare, obvious)
