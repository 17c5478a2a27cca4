"""How many submissions a second one exchange process accepts, against two baselines."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.client import Client

from benchmarks.baselines import Sizes, bare_loop, fill, obvious_way
from benchmarks.server import fresh_server
from benchmarks.workload import EXCHANGE, FRONT, SCHOOL, One, Workload
from contracts.subjects import LEDGER
from services.exchange.streams import ensure_ledger, lane_config
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


async def _lane(client: Client, work: Sequence[One]) -> None:
    js = client.jetstream(timeout=10)
    await js.add_stream(lane_config(LANE, f"submit.{SCHOOL}.>"))
    await fill(client, [(one.subject, one.data) for one in work])


async def exchange_rate(workload: Workload, work: Sequence[One]) -> tuple[float, Sizes]:
    """Return accepted submissions per second of the real worker, and the sizes it wrote."""
    async with fresh_server() as client:
        js = client.jetstream(timeout=10)
        await ensure_ledger(js)
        await _lane(client, work)
        worker = Worker(
            client,
            js,
            exchange=EXCHANGE,
            key=workload.exchange,
            directory=lambda: workload.directory,
            intake=lambda: {workload.month: workload.intake},
            lanes=lambda: (LANE,),
        )
        stop = asyncio.Event()
        started = time.perf_counter()
        task = asyncio.create_task(worker.run(stop))
        while worker.counts.accepted < len(work):
            await asyncio.sleep(0.002)
            if task.done() or worker.counts.refused or worker.counts.quarantined:
                raise RuntimeError(worker.counts)
        rate = len(work) / (time.perf_counter() - started)
        stop.set()
        worker.wake()
        await task
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
        await _lane(client, work)
        bare = await bare_loop(client, work, key, sizes)
    async with fresh_server() as client:
        obvious = await obvious_way(client, work[:OBVIOUS], key, sizes)
    return Round(accepted, bare, obvious)
