"""The worker: takes what the lanes hold, decides it in order, commits it as one batch (design §5).

Progress is the cursor record in the same batch: lease, fence and acknowledgement in one. While one
batch is on its way to disk the next group is decided; a batch refused or of unknown outcome drops
everything in memory, and the lanes start again from their cursors.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from contracts import jws
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.event import Event
from contracts.holding import HeldRecord, read_held
from contracts.kinds import Opened
from contracts.messages.linking import children_of
from contracts.records import Decision, Receipt
from contracts.subjects import cursor, held, receipt
from services.exchange.attesting import LaneStep
from services.exchange.committing import Counts, Flight, Made
from services.exchange.damage import about_readable, is_to_open, open_lane
from services.exchange.deciding import NEVER, Found, decide_all, open_all
from services.exchange.drafts import published
from services.exchange.held import Holds
from services.exchange.lanes import Arrived, Lane
from services.exchange.ledger import Ledger
from services.exchange.opening import IntakeKeys, is_noise
from services.exchange.overtaking import Overtaking
from services.exchange.rates import LaneRates
from services.exchange.taking import Place, Taker, fitting
from services.exchange.writing import Writer
from services.runtime import batch
from services.runtime.log import error_keys, get
from services.runtime.signing import signer_by

_log = get(__name__)
_GROUP = 200
_AT_ONCE = 8
_OURS = ("directory.", "key.", "rules.")
_GIVE_UP_S = 2.0
_CAREFUL_GROUPS = 20
_IDLE_S = 1.0


class Worker:
    """One worker over a set of lanes."""

    def __init__(  # noqa: PLR0913 - everything a decision needs, and each a thing of its own
        self,
        client: Client,
        js: JetStreamContext,
        *,
        exchange: str,
        key: jws.Signer,
        directory: Callable[[], Directory],
        intake: Callable[[], IntakeKeys],
        lanes: Callable[[], Iterable[str]],
        group: int = _GROUP,
        hold: timedelta = NEVER,
        story_up: Callable[[], bool] = lambda: False,
        rates: LaneRates | None = None,
    ) -> None:
        """Work the lanes of `lanes()`, deciding by `directory()`, opening by `intake()`.

        Evidence out of order is held for as long as `hold`; a `Waker` must run beside it then.
        `story_up` tells whether the story service answers at present; `rates` bound each lane.
        `drained` tells whether there was nothing to decide at any moment since the start.
        """
        self._client = client
        self.ledger = Ledger(client, js)
        self.holds = Holds(self.ledger, exchange, hold)
        self._exchange, self._key = exchange, key
        self._directory, self._intake, self._names = directory, intake, lanes
        self._story_up = story_up
        self._lanes: dict[str, Lane] = {}
        self._taker = Taker(group, rates)
        self._overtaking = Overtaking(js, self._taker.rates)
        self._taken: set[Place] = set()
        self._careful = 0
        self._rest_s = 0.0
        self._tend_at = 0.0
        self._must_open = False
        self._awake = asyncio.Event()
        self.counts = Counts()
        self.drained = False

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Work until `stop` is set; a lost server or an expired directory is waited out."""
        while not stop.is_set():
            try:
                await self._open_lanes()
                if ready is not None:
                    ready()
                    ready = None
                await self._work(stop)
                rest_s, self._rest_s = self._rest_s, 0.0
                await _pause(stop, rest_s)
            except Exception as error:  # noqa: BLE001 - the cursors survive whatever it was
                # Whatever happened, the cursors say what is still to do: start again from them.
                _log.warning("worker.interrupted", **error_keys(error))
                self._doubt(error)
                await _pause(stop, _IDLE_S)
        for lane in self._lanes.values():
            await lane.close()

    def wake(self) -> None:
        """Look at the lanes again."""
        self._awake.set()

    async def _work(self, stop: asyncio.Event) -> None:
        """Decide group after group, the next one while the last one is being committed.

        Returns when lanes must be opened again; never leaves a commit behind.
        """
        flight: Flight | None = None
        try:
            while not stop.is_set():
                arrived = await self._take()
                if not arrived and flight is None:
                    if self._lanes_need_opening():
                        return
                    await self._wait()
                    await self._pull()
                    continue
                made = await self._make(arrived) if arrived else None
                if flight is not None and not self._settle(flight.made, await flight.outcome):
                    return
                flight = self._launch(made) if made else None
                await self._pull()
        finally:
            if flight is not None and not flight.outcome.done():
                await asyncio.wait([flight.outcome])

    async def _take(self) -> list[Arrived]:
        if self._lanes_need_opening():
            return []
        arrived = await self._overtaking.due(time.monotonic())
        if not arrived:
            arrived = self._taker.take(self._lanes.values(), time.monotonic())
        self._taken |= {(one.lane, one.sequence) for one in arrived}
        return arrived

    def _launch(self, made: Made) -> Flight:
        records = [published(draft, self.ledger) for draft in made.drafts]
        return Flight(made, asyncio.create_task(batch.commit(self._client, records)))

    async def _make(self, arrived: Sequence[Arrived]) -> Made | None:
        """Decide what arrived and write it down; None where all of it waits in its lanes."""
        directory = self._directory()
        if any(one.lane == self.holds.lane for one in arrived):
            arrived = await self.holds.awake(arrived)
        opened = self._in_turn(self._fitting(await self._open(arrived, directory)))
        if not opened:
            return None
        self._taker.judge(opened, time.monotonic())
        messages = [m for _, m in opened if isinstance(m, Opened)]
        await self.ledger.load(child for m in messages for child in children_of(m))
        opened = about_readable(opened, self.ledger)
        await self._look_up(opened)
        group = decide_all(
            opened, directory, self.ledger, self.holds.rule, story_up=self._story_up()
        )
        steps = self._steps([one.taken for one, _ in opened])
        writer = Writer(self._exchange, signer_by(self._key, directory), directory)
        drafts, root = writer.write(group, steps, self.ledger)
        for step in steps:
            lane = self._lanes[step.lane]
            lane.sequence, lane.root = step.cursor, root
        self.ledger.trim()
        return Made(group, steps, drafts)

    async def _open(
        self, arrived: Sequence[Arrived], directory: Directory
    ) -> list[tuple[Arrived, Found]]:
        """Open a group a few at a time: between them the last batch goes out to the server."""
        opened: list[tuple[Arrived, Found]] = []
        for start in range(0, len(arrived), _AT_ONCE):
            some = arrived[start : start + _AT_ONCE]
            opened += open_all(some, directory, self._intake(), self._taker.at_fault)
            await asyncio.sleep(0)
        return opened

    def _fitting(self, opened: list[tuple[Arrived, Found]]) -> list[tuple[Arrived, Found]]:
        """Return as many as one batch holds with all their deliveries; the rest waits again."""
        fits = fitting(opened, len(self._lanes))
        for arrived, _ in reversed(opened[fits:]):
            if self._overtaking.is_ahead(arrived.taken):
                self._lanes[arrived.taken.lane].waiting.appendleft(arrived.taken)
        return opened[:fits]

    def _in_turn(self, opened: list[tuple[Arrived, Found]]) -> list[tuple[Arrived, Found]]:
        """Return what is decided now: without what is no message and waits in an urgent lane."""
        now_s, turn = time.monotonic(), list[tuple[Arrived, Found]]()
        for arrived, found in opened:
            one, noise = arrived.taken, is_noise(arrived, found) and not self._taker.alone
            if self._overtaking.puts_off(one, now_s, noise=noise):
                self._taken.discard((one.lane, one.sequence))
            else:
                turn.append((arrived, found))
        return turn

    def _settle(self, made: Made, outcome: batch.Outcome) -> bool:
        """Learn from a commit; on any other outcome drop every belief and return False."""
        if isinstance(outcome, batch.Committed):
            self._learn(made, outcome.first)
            return True
        code = outcome.code if isinstance(outcome, batch.NotCommitted) else 0
        _log.info("group.not-committed", count=len(made.group), code=str(code))
        places = made.places
        if isinstance(outcome, batch.NotCommitted) and code in batch.TOO_LARGE:
            self._taker.suspect(places)
        elif isinstance(outcome, batch.NotCommitted) and code in batch.SOMEONE_WAS_FIRST:
            if self._careful:
                self._taker.singly(places)
        else:
            self._rest_s = _IDLE_S  # the server cannot store now: no message's fault
        self._careful = _CAREFUL_GROUPS
        self._drop()
        return False

    def _doubt(self, error: Exception) -> None:
        """After an error of our own, look for the message at fault; after a passing one, do not.

        A lost server, an expired directory, a revoked key of our own or rules that cannot be read
        are no message's fault: that is waited out.
        """
        waits = isinstance(error, HandrailError) and error.code.startswith(_OURS)
        if not waits and not isinstance(error, (NatsError, OSError, TimeoutError)):
            self._taker.suspect(self._taken)
        self._careful = _CAREFUL_GROUPS
        self._drop()

    def _learn(self, made: Made, first: int) -> None:
        for place, draft in enumerate(made.drafts):
            if not draft.expires:
                self.ledger.know(draft.subject, first + place)
        for step in made.steps:
            self._lanes[step.lane].known = self.ledger.sequence_of(cursor(step.lane))
        self._taken.difference_update(made.places)
        self.counts.add(made.group)
        self.holds.learn(made.group)
        self._careful = max(0, self._careful - 1)

    def _drop(self) -> None:
        self.counts.restarts += 1
        self._taken = set()
        self.ledger.forget()
        for lane in self._lanes.values():
            lane.broken = True

    async def _open_lanes(self) -> None:
        now_s = time.monotonic()
        for name in self._names():
            if name not in self._lanes:
                self._lanes[name] = Lane(name, self._client, self.ledger, self.wake)
        due = [lane for lane in self._lanes.values() if is_to_open(lane, now_s)]
        for lane in due:
            self._overtaking.forget(lane.name)
        # Together: several that do not answer hold the others up no longer than one does.
        moved = await asyncio.gather(*map(open_lane, due), return_exceptions=True)
        for lane, found in zip(due, moved, strict=True):
            if found is True:
                lane.paused_until = time.monotonic() + _GIVE_UP_S
        for error in moved:
            if isinstance(error, BaseException):
                raise error
        self._must_open = False

    def _lanes_need_opening(self) -> bool:
        """Tell, about once a second, whether a lane is new, broken, silent or to be tried again."""
        now_s = time.monotonic()
        if now_s < self._tend_at:
            return self._must_open
        self._tend_at = now_s + _IDLE_S
        for lane in self._lanes.values():
            over = 0 < lane.paused_until <= now_s
            if over or lane.silent(now_s):
                lane.paused_until, lane.broken = 0.0, True
        fresh = any(name not in self._lanes for name in self._names())
        self._must_open = fresh or any(is_to_open(lane, now_s) for lane in self._lanes.values())
        return self._must_open

    async def _pull(self) -> None:
        for lane in self._lanes.values():
            await lane.pull()

    async def _wait(self) -> None:
        self.drained = self.drained or not any(lane.waiting for lane in self._lanes.values())
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._awake.wait()
        except TimeoutError:
            return
        finally:
            self._awake.clear()

    def _steps(self, arrived: Sequence[Arrived]) -> list[LaneStep]:
        steps: list[LaneStep] = []
        for name in dict.fromkeys(one.lane for one in arrived):
            lane, (reached, waits) = self._lanes[name], self._overtaking.reached(name)
            steps.append(LaneStep(name, lane.sequence + 1, reached, lane.root, waits))
        return steps

    async def _look_up(self, opened: Sequence[tuple[Arrived, Found]]) -> None:
        """Learn which messages already have a receipt, or are held, and for which sealed bytes.

        Asked of every message while in doubt, and of held ones that are woken.
        """
        woken = [one.woken for one, _ in opened if one.woken is not None and one.woken.held]
        finals = [receipt(w.held.agency, w.message) for w in woken if w.held]
        released = [m for one, m in opened if one.woken is not None and one.woken.released]
        finals += [receipt(m.event.agency, m.event.id) for m in released if isinstance(m, Opened)]
        if self._careful or self._overtaking:  # or what was decided ahead comes again
            events = [m.event for _, m in opened if isinstance(m, Opened)]
            finals += [receipt(e.agency, e.id) for e in events]
            await self._look_up_held(events)
        unknown = [s for s in dict.fromkeys(finals) if self.ledger.decided(s) is None]
        for subject, stored in (await self.ledger.last_of_many(unknown)).items():
            answered = Receipt.model_validate_json(stored.data)
            sealed = Decision.model_validate_json(answered.decision).sealed
            self.ledger.note_decided(subject, sealed or "")

    async def _look_up_held(self, events: Iterable[Event]) -> None:
        receipts = {held(e.subject, e.id): receipt(e.agency, e.id) for e in events}
        for subject, stored in (await self.ledger.last_of_many(list(receipts))).items():
            record = read_held(stored.data)
            if isinstance(record, HeldRecord):
                self.ledger.note_waiting(receipts[subject], record.sealed)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
