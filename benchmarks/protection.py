"""How long a child-protection message takes to its recipient's inbox, idle and behind a full queue.

`python -m benchmarks.protection`: both processes of the exchange run as in earnest. First
child-protection messages are sent while nothing else is, then again while the normal lanes of four
schools hold 100,000 referrals that the other process is deciding. Turn about with each of them, two
plain records of the same size are stored one after the other: as often as the server has to reach
the disk before a delivery, and the measure of how long that took in the same seconds.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.server import fresh_server
from benchmarks.worker_child import worker_process
from benchmarks.workload import FRONT, Like, One, Workload
from contracts.records import Cursor
from contracts.subjects import cursor, submit_stream, urgent_stream
from services.exchange.ledger import Ledger
from services.exchange.streams import ensure_ledger, lane_config

SCHOOLS = tuple(f"bench.school-{n}" for n in range(1, 5))
_WITHIN_S = 30.0
_PACE_S = 0.05
_TOGETHER = 200
_PLAIN = "plain.record"


@dataclass(frozen=True, slots=True)
class Delay:
    """From sending to the recipient's inbox, in milliseconds."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, found: Sequence[float]) -> "Delay":
        """Return the spread of `found`, in seconds."""
        ms = [one * 1e3 for one in found]
        return cls(median(ms), quantiles(ms, n=100, method="inclusive")[98], max(ms))


@dataclass(frozen=True, slots=True)
class Pair:
    """Of child-protection messages, and of two plain records stored in the same seconds."""

    protection: Delay
    plain: Delay


@dataclass(frozen=True, slots=True)
class Report:
    """Idle and behind the queue; `left` is how many of `queued` were undecided at the end."""

    idle: Pair
    behind: Pair
    queued: int
    left: int


class Inbox:
    """Hears of deliveries as they are stored."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self._at: dict[str, asyncio.Future[float]] = {}

    async def take(self, message: Msg) -> None:
        """Note when a delivery came."""
        waiting = self._at.get(message.subject.rsplit(".", 1)[1])
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())

    def expect(self, one: One) -> "asyncio.Future[float]":
        """Return when the delivery of `one` will have come."""
        return self._at.setdefault(one.id, asyncio.get_running_loop().create_future())


async def delays(client: Client, inbox: Inbox, work: Sequence[One]) -> Pair:
    """Send one message after another, about ten a second, and return how long they took."""
    js, found, plain = client.jetstream(timeout=_WITHIN_S), list[float](), list[float]()
    for one in work:
        arrival, sent = inbox.expect(one), time.perf_counter()
        await js.publish(one.subject, one.data)
        found.append(await asyncio.wait_for(arrival, _WITHIN_S) - sent)
        await asyncio.sleep(_PACE_S)
        sent = time.perf_counter()
        for _ in range(2):
            await js.publish(_PLAIN, one.data)
        plain.append(time.perf_counter() - sent)
        await asyncio.sleep(_PACE_S)
    return Pair(Delay.of(found), Delay.of(plain))


async def _lanes(client: Client) -> None:
    js = client.jetstream(timeout=_WITHIN_S)
    await ensure_ledger(js)
    await js.add_stream(name="PLAIN", subjects=[_PLAIN])
    for school in SCHOOLS:
        await js.add_stream(lane_config(submit_stream(school), f"submit.{school}.>"))
        await js.add_stream(lane_config(urgent_stream(school), f"urgent.{school}.>"))


async def _fill(client: Client, workload: Workload, count: int) -> None:
    """Seal `count` referrals, a batch at a time and beside the loop, and queue them."""
    js, loop = client.jetstream(timeout=_WITHIN_S), asyncio.get_running_loop()
    for number in range(0, count, _TOGETHER):
        like = Like(school=SCHOOLS[number // _TOGETHER % len(SCHOOLS)])
        work = await loop.run_in_executor(None, workload.make, min(_TOGETHER, count - number), like)
        await asyncio.gather(*(js.publish(one.subject, one.data) for one in work))


async def _left(client: Client) -> int:
    js = client.jetstream(timeout=_WITHIN_S)
    ledger, left = Ledger(client, js), 0
    for school in SCHOOLS:
        lane = submit_stream(school)
        last = (await js.stream_info(lane)).state.last_seq
        record = await ledger.last(cursor(lane))
        decided = Cursor.model_validate_json(record.data).sequence if record else 0
        left += last - decided
    return left


async def measure(queued: int, sent: int) -> Report:
    """Return how long `sent` child-protection messages took, idle and behind `queued` others."""
    workload = Workload(statements=4, schools=SCHOOLS)
    urgent = tuple(urgent_stream(school) for school in SCHOOLS)
    normal = tuple(submit_stream(school) for school in SCHOOLS)
    like = Like(school=SCHOOLS[0], protection=True)
    async with fresh_server() as client:
        await _lanes(client)
        address = client.connected_url
        if address is None:
            raise RuntimeError(client)
        url = address.geturl()
        watcher = await nats.connect(url)
        inbox = Inbox()
        await watcher.subscribe(f"inbox.{FRONT}.>", cb=inbox.take)
        await watcher.flush()
        async with worker_process(url, workload, urgent):
            idle = await delays(client, inbox, workload.make(sent, like))
            await _fill(client, workload, queued)
            work = workload.make(sent, like)
            async with worker_process(url, workload, normal):
                behind = await delays(client, inbox, work)
                left = await _left(client)
        await watcher.close()
    return Report(idle, behind, queued, left)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--sent", type=int, default=300)
    chosen = parser.parse_args()
    found = asyncio.run(measure(chosen.queued, chosen.sent))
    for name, pair in (("idle", found.idle), (f"behind {found.queued:,}", found.behind)):
        for what, delay in (("child protection", pair.protection), ("two plain", pair.plain)):
            print(
                f"{what:16}, {name}: p50 {delay.p50:.1f} ms, "
                f"p99 {delay.p99:.1f} ms, most {delay.most:.1f} ms"
            )
        print(
            f"  ratio p50 {pair.protection.p50 / pair.plain.p50:.2f}, "
            f"p99 {pair.protection.p99 / pair.plain.p99:.2f}"
        )
    idle, behind = found.idle.protection.p99, found.behind.protection.p99
    print(
        f"p99 grew by {behind - idle:.1f} ms ({behind / idle:.1f} times); "
        f"{found.left:,} were still undecided"
    )


if __name__ == "__main__":
    main()
