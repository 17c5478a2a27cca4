"""What one agency's flood does to another and to itself: `python -m benchmarks.flood`.

The exchange's two workers and the flooding agency are processes of their own. Times are from
submitting to the receipt in the ledger, idle and under the flood one after the other on the same
server: once with the bound on each lane that is the default, once without any.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from benchmarks.server import fresh_server
from benchmarks.worker_child import worker_process
from benchmarks.workload import Like, One, Workload
from contracts.subjects import LEDGER, submit, submit_stream, urgent_stream
from services.exchange.streams import ensure_ledger, lane_config
from services.runtime.settings import Settings

FLOODING, QUIET = "bench.flooding-school", "bench.quiet-school"
NORMAL = (submit_stream(FLOODING), submit_stream(QUIET))
URGENT = (urgent_stream(FLOODING), urgent_stream(QUIET))

PER_S = 10
FLOOD = 3000
_GARBAGE = 4096
_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from submitting to the receipt."""

    p50: float
    p99: float
    most: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Times":
        """Return the spread of `seconds`."""
        cut = quantiles(seconds, n=100, method="inclusive")
        return cls(cut[49] * 1e3, cut[98] * 1e3, max(seconds) * 1e3, len(seconds))


class Measure:
    """Sends messages of one agency at a steady pace and waits for each receipt."""

    def __init__(self, client: Client, agency: str) -> None:
        self._client, self._js, self._agency = client, client.jetstream(timeout=30), agency
        self._sent: dict[str, float] = {}
        self._took: list[float] = []
        self._all_answered = asyncio.Event()

    async def begin(self) -> None:
        """Listen for receipts that are written from now on."""
        inbox = self._client.new_inbox()
        await self._client.subscribe(inbox, cb=self._answered)
        config = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.NONE,
            filter_subject=f"receipt.{self._agency}.>",
            mem_storage=True,
        )
        await self._js.add_consumer(LEDGER, config)

    async def _answered(self, message: Msg) -> None:
        begun = self._sent.pop(message.subject.rpartition(".")[2], None)
        if begun is not None:
            self._took.append(time.perf_counter() - begun)
        if not self._sent:
            self._all_answered.set()

    async def run(self, messages: list[One]) -> Times:
        """Send `messages`, and return how long they took once all are answered."""
        self._took.clear()
        for number, one in enumerate(messages):
            begun = time.perf_counter()
            self._sent[one.id] = begun
            self._all_answered.clear()
            await self._js.publish(one.subject, one.data)
            if number + 1 < len(messages):
                await asyncio.sleep(max(0.0, 1 / PER_S - (time.perf_counter() - begun)))
        await asyncio.wait_for(self._all_answered.wait(), _WITHIN_S)
        return Times.of(self._took)


async def flood(url: str, messages: list[tuple[str, str]]) -> None:
    """Submit valid messages, garbage and the same again, as fast as it goes, until ended."""
    client = await nats.connect(url)
    js = client.jetstream(timeout=30)
    print("ready", flush=True)
    while True:
        for child, data in messages:
            garbage = os.urandom(_GARBAGE)
            several = (data.encode(), garbage, b'{"v":1,"seal":"' + garbage.hex().encode() + b'"}')
            await asyncio.gather(
                *(js.publish(submit(FLOODING, child), d) for d in several),
                return_exceptions=True,
            )


@asynccontextmanager
async def flooding(url: str, file: Path) -> AsyncIterator[None]:
    """Let one school flood its lane, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.flood", "--flood", url, str(file)]
    started = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        if started.stdout is None or not await started.stdout.readline():
            raise RuntimeError(command)
        yield
    finally:
        started.kill()
        await started.wait()


async def measured(rate: float, seconds: int) -> tuple[dict[str, Times], int]:
    """Measure idle and under a flood, both lanes, with a lane's bound of `rate` a second.

    Returns the times, and how many submissions the flood has stored.
    """
    workload, count = Workload(schools=(FLOODING, QUIET)), seconds * PER_S
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        made = Path(folder) / "flood.json"
        several = workload.make(FLOOD, Like(FLOODING))
        made.write_text(json.dumps([(one.child, one.data.decode()) for one in several]))
        async with fresh_server() as client:
            await _streams(client)
            url = client.connected_url.geturl() if client.connected_url else ""
            normal = worker_process(url, workload, NORMAL, rate)
            urgent = worker_process(url, workload, URGENT, rate, waits=False)
            async with normal, urgent:
                quiet, own = Measure(client, QUIET), Measure(client, FLOODING)
                await quiet.begin()
                await own.begin()
                found = await _both(workload, quiet, own, count, "idle")
                async with flooding(url, made):
                    found |= await _both(workload, quiet, own, count, "flooded")
                    told = await client.jetstream().stream_info(NORMAL[0])
                    return found, told.state.messages


async def _both(
    workload: Workload, quiet: Measure, own: Measure, count: int, when: str
) -> dict[str, Times]:
    normal = workload.make(count, Like(QUIET))
    protection = workload.make(count, Like(FLOODING, protection=True))
    others, urgent = await asyncio.gather(quiet.run(normal), own.run(protection))
    return {f"another agency, {when}": others, f"own child protection, {when}": urgent}


async def _streams(client: Client) -> None:
    js = client.jetstream(timeout=10)
    await ensure_ledger(js)
    for lanes, kind in ((NORMAL, "submit"), (URGENT, "urgent")):
        for lane, agency in zip(lanes, (FLOODING, QUIET), strict=True):
            await js.add_stream(lane_config(lane, f"{kind}.{agency}.>"))


def _tell(rate: float, found: dict[str, Times], stored: int) -> None:
    bound = f"a bound of {rate:g} a second on each lane" if rate else "no bound on lanes"
    print(f"with {bound}, a flood of {stored:,} submissions:")
    for what in ("another agency", "own child protection"):
        idle, flooded = found[f"{what}, idle"], found[f"{what}, flooded"]
        print(
            f"  {what:22} idle p50 {idle.p50:6.1f} ms p99 {idle.p99:6.1f} ms   "
            f"flooded p50 {flooded.p50:6.1f} ms p99 {flooded.p99:6.1f} ms   "
            f"ratio {flooded.p50 / idle.p50:.2f} / {flooded.p99 / idle.p99:.2f}   "
            f"({idle.count} and {flooded.count} messages)",
            flush=True,
        )


def main() -> None:
    """Measure and print, or be one of the process that floods."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="for each of the measurements")
    parser.add_argument("--flood", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.flood:
        url, file = asked.flood
        asyncio.run(flood(url, json.loads(Path(file).read_text(encoding="utf-8"))))
        return
    for rate in (Settings().lane_rate, 0.0):
        _tell(rate, *asyncio.run(measured(rate, asked.seconds)))


if __name__ == "__main__":
    main()
