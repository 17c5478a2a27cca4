"""Trimming the lanes: what the exchange and the story have both passed, and nothing set aside.

A lane is trimmed below the lowest of its cursor, the story service's stored position, the oldest
submission that is held (at most 14 days) and the oldest in quarantine (at most 30; design §5).
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.quarantine import Released, ReleaseOutcome, read_record
from contracts.records import Cursor
from contracts.subjects import LEDGER, cursor
from services.exchange.worker import Worker
from services.runtime.log import error_keys, get

POSITIONS = "story.admin.positions"
KEEP_QUARANTINED = timedelta(days=30)
_EVERY_S = 60.0
_log = get(__name__)


async def keep_trimmed(client: Client, js: JetStreamContext, worker: Worker) -> None:
    """Trim all lanes once a minute until cancelled; without the story's word nothing is trimmed."""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            await trim(client, js, worker, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            _log.warning("lanes.not-trimmed", **error_keys(error))


async def trim(client: Client, js: JetStreamContext, worker: Worker, now: datetime) -> int:
    """Trim every lane that can be; return how many streams were purged below a sequence."""
    try:
        answer = await client.request(POSITIONS, b"", timeout=5)
        positions: dict[str, int] = orjson.loads(answer.data)
    except (NatsError, TimeoutError, ValueError):
        return 0
    decided = await _decided(worker, positions)
    # In this order: what is held or quarantined below these cursors is in the ledger by now.
    await worker.holds.catch_up()
    held, quarantined = worker.holds.oldest(positions), await _oldest_quarantined(js, now)
    trimmed = 0
    for lane, sequence in decided.items():
        below = trim_below(sequence, positions[lane], quarantined.get(lane), held.get(lane))
        info = await js.stream_info(lane)
        if below > max(1, info.state.first_seq):
            await js.purge_stream(lane, seq=below)
            trimmed += 1
    return trimmed


def trim_below(decided: int, stored: int, *set_aside: int | None) -> int:
    """Return the sequence below which nothing of a lane is needed any more.

    `decided` and `stored` are the last sequences the exchange and the story have passed,
    `set_aside` the oldest that lies in quarantine and the oldest that is held, if any.
    """
    return min([decided + 1, stored + 1, *(s for s in set_aside if s is not None)])


async def _decided(worker: Worker, lanes: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for lane in lanes:
        record = await worker.ledger.last(cursor(lane))
        if record is not None:
            found[lane] = Cursor.model_validate_json(record.data).sequence
    return found


async def _oldest_quarantined(js: JetStreamContext, now: datetime) -> dict[str, int]:
    """Return the oldest sequence in quarantine of each lane, of those still held.

    What was released and accepted is kept as long once more: the story has still to read it.
    """
    oldest: dict[str, int] = {}
    sequence = 1
    while True:
        try:
            found = await js.get_msg(LEDGER, seq=sequence, subject="quarantine.>", next=True)
        except NotFoundError:
            return oldest
        sequence = int(found.seq or 0) + 1
        record = read_record(found.data or b"")
        if record is None:
            continue
        if isinstance(record, Released) and record.outcome is not ReleaseOutcome.ACCEPTED:
            continue
        if record.at + KEEP_QUARANTINED > now:
            oldest[record.lane] = min(record.sequence, oldest.get(record.lane, record.sequence))
