"""Send the faults' workload as the agencies' desks do, and write down what was acknowledged.

`python -m tests.faults.sender --state DIR --out FILE --messages N --seed S --rate R` hands in the
same bytes until JetStream has acknowledged them, for as long as that takes. What the exchange
answered, and when it was seen, is written to FILE with `.answers` behind its name.
"""

import argparse
import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.subjects import receipt, receipt_bytes
from contracts.submission import IntakeKey
from services.agency.intake_key import intake_key
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.partnership import Partnership
from tests.faults.sender_log import Lines
from tests.faults.workload_people import let_somebody_leave, load
from tests.faults.workload_sealed import Submission, Told, families

ATTEMPT_S: Final = 5.0
WAITING_AT_ONCE: Final = 240
UNORDERED_AT_ONCE: Final = 24
"""So few that no agency comes near the number of its messages that the exchange holds."""
_GET: Final = f"{HUB_PREFIX}.DIRECT.GET.LEDGER"
_TELL_S: Final = 5.0

Answer = dict[str, str]
"""The outcome, and SHA-256 over the decision that says so, in hex."""


@dataclass
class Pauses:
    """Pauses that grow from one attempt to the next, in seconds."""

    first: float = 0.02
    longest: float = 1.0
    _next: float = 0.0

    async def next(self) -> None:
        """Pause before another attempt."""
        self._next = min(max(self._next * 1.6, self.first), self.longest)
        await asyncio.sleep(self._next)


@dataclass
class Rate:
    """At most so many messages a second; 0 sets no limit."""

    per_second: float
    _at: float = field(default_factory=time.monotonic)

    async def turn(self) -> None:
        """Return when the next message may go."""
        if self.per_second <= 0:
            return
        now = time.monotonic()
        self._at = max(self._at + 1 / self.per_second, now - 1)
        if self._at > now:
            await asyncio.sleep(self._at - now)


class Desks:
    """A connection for each gateway's desk, and which desk hands in for which agency."""

    def __init__(self, directory: Directory, clients: dict[str, Client]) -> None:
        self._clients = {
            agency: clients[entry.gateway] for agency, entry in directory.agencies.items()
        }
        self._streams: dict[str, JetStreamContext] = {
            agency: client.jetstream(prefix=HUB_PREFIX) for agency, client in self._clients.items()
        }

    async def hand_in(self, one: Submission) -> int:
        """Publish until the server has stored it; return the sequence at which it is."""
        pauses, stream = Pauses(), self._streams[one.line["agency"]]
        while True:
            try:
                stored = await stream.publish(one.subject, one.data, timeout=ATTEMPT_S)
            except (TimeoutError, NatsError, JetStreamError, OSError):
                await pauses.next()
                continue
            return stored.seq

    async def answer(self, one: Submission) -> Answer:
        """Return the final answer to exactly these bytes, however long it takes."""
        pauses, line = Pauses(), one.line
        agency = line["agency"]
        subjects = [receipt(agency, line["message"]), receipt_bytes(agency, line["submission"])]
        if line["expect"] == "refused":
            subjects.reverse()
        while True:
            for subject in subjects:
                found = await self._decision(agency, subject)
                by_bytes = subject == receipt_bytes(agency, line["submission"])
                if found is None:
                    continue
                said = orjson.loads(found)
                if by_bytes or said["sealed"] == line["sealed"]:
                    digest = hashlib.sha256(found.encode()).hexdigest()
                    return {"outcome": said["outcome"], "decision": digest}
            await pauses.next()

    async def _decision(self, agency: str, subject: str) -> str | None:
        try:
            told = await self._clients[agency].request(f"{_GET}.{subject}", timeout=ATTEMPT_S)
        except (TimeoutError, NatsError, OSError):
            return None
        if "Status" in (told.headers or {}):
            return None
        return str(orjson.loads(told.data)["decision"])


@asynccontextmanager
async def desks(partnership: Partnership) -> AsyncIterator[tuple[Desks, IntakeKey]]:
    """Connect every desk, and give the key to encrypt for; waits for the exchange."""
    data = partnership.directory_path.read_bytes()
    directory = open_directory(data, partnership.root_x)
    gateways = sorted({agency.gateway for agency in directory.agencies.values()})
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for gateway in gateways:
            clients[gateway] = await _connected(partnership, gateway)
            stack.push_async_callback(clients[gateway].close)
        key, pauses = None, Pauses()
        while key is None:
            try:
                key = await intake_key(clients[gateways[0]], partnership, directory, ATTEMPT_S)
            except HandrailError:
                await pauses.next()
        yield Desks(directory, clients), key


async def _connected(partnership: Partnership, gateway: str) -> Client:
    """Connect as the desk of `gateway`, however long the server is away."""
    identity, pauses = partnership.nkey(f"{gateway}-desk"), Pauses()
    while True:
        try:
            return await connect(partnership.nats_url(), identity, name="faults-sender")
        except HandrailError as error:
            if error.code != "nats.unreachable":
                raise
            await pauses.next()


class Sender:
    """Tells families' stories until enough messages are on their way, many families at a time."""

    def __init__(self, place: Desks, sent: Lines, answers: Lines, rate: float) -> None:
        self._desks, self._sent, self._answers = place, sent, answers
        self._rate = Rate(rate)
        self._room = {
            True: asyncio.Semaphore(WAITING_AT_ONCE),
            False: asyncio.Semaphore(UNORDERED_AT_ONCE),
        }
        self.acknowledged = self.answered = 0

    async def run(self, folder: Path, intake: IntakeKey, seed: str, messages: int) -> None:
        """Send at least `messages`, and return when each has its answer."""
        begun = 0
        supply = families(folder, intake, seed)
        try:
            async with asyncio.TaskGroup() as group:
                while begun < messages:
                    for family in await asyncio.wrap_future(next(supply)):
                        await self._room[family.waits].acquire()
                        group.create_task(self._tell(family))
                        begun += len(family.submissions)
        finally:
            supply.close()  # type: ignore[attr-defined] # a generator, which ends its processes

    async def _tell(self, family: Told) -> None:
        try:
            unheard: list[Submission] = []
            for one in family.submissions:
                if one.line["waited"]:
                    await self._hear_all(unheard)
                await self._send(one)
                unheard.append(one)
            await self._hear_all(unheard)
        finally:
            self._room[family.waits].release()

    async def _send(self, one: Submission) -> None:
        await self._rate.turn()
        sequence = await self._desks.hand_in(one)
        self.acknowledged += 1
        self._sent.add({**one.line, "sequence": sequence, "at": _now()})

    async def _hear_all(self, unheard: list[Submission]) -> None:
        """Wait for the answers to what was sent, and clear the list."""
        for one in unheard:
            answer = await self._desks.answer(one)
            self.answered += 1
            told = {name: one.line[name] for name in ("message", "sealed", "submission", "expect")}
            self._answers.add({**told, **answer, "at": _now()})
        unheard.clear()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def send(folder: Path, out: Path, messages: int, seed: str, rate: float) -> int:
    """Send the workload and return how many acknowledged lines are on disk."""
    partnership = load(folder)
    await asyncio.to_thread(let_somebody_leave, partnership)
    async with AsyncExitStack() as stack:
        place, intake = await stack.enter_async_context(desks(partnership))
        sent = await stack.enter_async_context(Lines(out))
        answers = await stack.enter_async_context(Lines(out.with_name(out.name + ".answers")))
        sender = Sender(place, sent, answers, rate)
        telling = asyncio.create_task(_tell_progress(sender))
        try:
            await sender.run(folder, intake, seed, messages)
        finally:
            telling.cancel()
    return sent.durable


async def _tell_progress(sender: Sender) -> None:
    while True:
        await asyncio.sleep(_TELL_S)
        told = {"acknowledged": sender.acknowledged, "answered": sender.answered}
        sys.stderr.write(orjson.dumps(told).decode() + "\n")


def main() -> int:
    """Read the arguments, send, and print how many messages were acknowledged."""
    parser = argparse.ArgumentParser(prog="tests.faults.sender", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the partnership")
    parser.add_argument("--out", type=Path, required=True, help="file of acknowledged messages")
    parser.add_argument("--messages", type=int, required=True, help="how many at least")
    parser.add_argument("--seed", default="1", help="which stories are told")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0 for no limit")
    given = parser.parse_args()
    started = time.monotonic()
    count = asyncio.run(send(given.state, given.out, given.messages, given.seed, given.rate))
    told = {"acknowledged": count, "seconds": round(time.monotonic() - started, 1)}
    sys.stdout.write(orjson.dumps(told).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
