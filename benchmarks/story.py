"""What statements cost: their share of the exchange's time, and reading a whole story over NATS."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nats.aio.msg import Msg

from benchmarks.breakdown import best
from benchmarks.exchange import exchange_rate
from benchmarks.workload import One, Workload
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.seal import peek
from contracts.statements import open_disclosures
from contracts.submission import decrypt, read
from services.runtime.nats_config import HUB_PREFIX, ServerPlan, render
from tests.area import FRONT
from tests.live import servers
from tests.live.story_world import READERS, World, world_on

STATEMENTS = 60
MESSAGES = 1500
STORY = 500
STORIES = 16
_PER_MESSAGE = 50
_READS = 200
_WARM = 20
_WORDS = "as the family says, in a sentence or two of the length that families use"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per message of 60 statements, and milliseconds to read a story of 500.

    `open_us` is decrypting and parsing the statements with their digests, of `whole_us`, the
    exchange's time per message. `first_ms` is the first read of a story, `read_ms` that of one
    read again, and `short_ms` that of a story of one statement: what every read costs. `bare_ms`
    is an answer of as many bytes by a subscriber that does nothing else.
    """

    whole_us: float
    open_us: float
    first_ms: float
    read_ms: float
    short_ms: float
    bare_ms: float
    bytes_read: int

    @property
    def share(self) -> float:
        """Return the share of the exchange's time that statements cost."""
        return self.open_us / self.whole_us


def measure() -> Cost:
    """Measure on servers of their own."""
    workload = Workload(STATEMENTS)
    work = workload.make(MESSAGES)
    rate, _ = asyncio.run(exchange_rate(workload, work))
    opened = best(len(work), lambda: _open_statements(workload, work))
    reads = asyncio.run(_read_stories())
    return Cost(
        whole_us=1e6 / rate,
        open_us=opened,
        first_ms=median(reads.first) * 1e3,
        read_ms=median(reads.again) * 1e3,
        short_ms=median(reads.short) * 1e3,
        bare_ms=median(reads.bare) * 1e3,
        bytes_read=reads.size,
    )


def _open_statements(workload: Workload, work: Sequence[One]) -> None:
    """Decrypt the disclosures, parse them and hold each digest against the seal."""
    for one in work:
        submission = read(one.data)
        event = peek(one.sealed)
        if isinstance(submission, Refusal) or isinstance(event, Refusal):
            raise RuntimeError(one.id)  # noqa: TRY004 - a submission of our own is none
        box = submission.disclosures
        if box is None:
            raise RuntimeError(one.id)
        plain = decrypt(box, submission.sealed_digest, {workload.month: workload.intake})
        if isinstance(plain, Refusal):
            raise RuntimeError(plain)  # noqa: TRY004 - a submission of our own that does not open
        elements = [element.digest for element in event.data.statements]
        open_disclosures(elements, event.data.bound, plain.salt, plain.items)


@dataclass(frozen=True, slots=True)
class _Reads:
    """Seconds that each read took, and the bytes of the longest answer."""

    first: list[float]
    again: list[float]
    short: list[float]
    bare: list[float]
    size: int


async def _read_stories() -> _Reads:
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        async with _world(Path(folder)) as world:
            children = [await _told(world) for _ in range(STORIES)]
            brief = await _told(world, statements=1)
            process = await world.service_alone()
            try:
                await _ready(world, len(children) * STORY + 1)
                for _ in range(_WARM):
                    await _timed(world, children[0])
                first = [(await _timed(world, child))[0] for child in children[1:]]
                again = [await _timed(world, children[1]) for _ in range(_READS)]
                short = [(await _timed(world, brief))[0] for _ in range(_READS)]
            finally:
                process.terminate()
                await process.wait()
            size = again[-1][1]
            bare = await _bare(world, size)
            return _Reads(first, [taken for taken, _ in again], short, bare, size)


async def _bare(world: World, size: int) -> list[float]:
    """Time answers of as many bytes by a subscriber that does nothing but answer."""
    client, body = world.clients["story"], bytes(size)

    async def answer(message: Msg) -> None:
        await message.respond(body)

    await client.subscribe("story.*.*.read", cb=answer)
    # An answer to a request of its own proves that the server knows the subscription.
    await client.jetstream(prefix=HUB_PREFIX).account_info()
    return [(await _timed(world, new_reference()))[0] for _ in range(_READS)]


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:

        async def start(plan: ServerPlan) -> servers.NatsServer:
            return await stack.enter_async_context(servers.running(folder / "nats", plan, render))

        async with world_on(start, folder / "state") as world:
            yield world


async def _told(world: World, statements: int = STORY) -> str:
    """Tell a story of as many `statements` in several messages, and return the child."""
    child, keys = new_reference(), [q.key for q in questions().values()]
    for start in range(0, statements, _PER_MESSAGE):
        count = min(_PER_MESSAGE, statements - start)
        words = [(key, _WORDS) for key in (keys * _PER_MESSAGE)[:count]]
        await world.tell(world.exchange.referral(child, words=words))
    return child


async def _ready(world: World, statements: int) -> None:
    """Wait until every statement is stored."""
    async with asyncio.timeout(120):
        while True:
            try:
                if (await world.admin("status"))["statements"] == statements:
                    return
            except HandrailError:  # the service is not there yet
                pass
            await asyncio.sleep(0.05)


async def _timed(world: World, child: str) -> tuple[float, int]:
    """Read a story and return the seconds and the bytes that it took."""
    request = world.request(READERS[FRONT], child)
    began = time.perf_counter()
    answer = await world.forward_raw(FRONT, request)
    return time.perf_counter() - began, len(answer)


def report() -> Cost:
    """Measure, print and return the costs."""
    cost = measure()
    print(
        f"story: at {STATEMENTS} statements, decrypting them, their digests and their form cost "
        f"{cost.open_us:,.0f} us of {cost.whole_us:,.0f} us per message "
        f"({cost.share:.0%}; at most 25 %)"
    )
    print(
        f"story: {STORY} statements ({cost.bytes_read / 1024:,.0f} KiB) read, checked and returned "
        f"over NATS in {cost.first_ms:.2f} ms at the median the first time, {cost.read_ms:.2f} ms "
        f"when read again (at most 5 ms); one statement in {cost.short_ms:.2f} ms; as many bytes "
        f"of nothing in {cost.bare_ms:.2f} ms ({cost.first_ms / cost.bare_ms:.1f} times)"
    )
    return cost


if __name__ == "__main__":
    report()
