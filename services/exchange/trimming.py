"""Trimming the lanes: what the exchange and the story have both passed, and nothing set aside.

A lane is trimmed below the lowest of its cursor, the story service's stored position, the oldest
submission that is held (at most 14 days) and the oldest in quarantine (at most 30; design §5).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from contracts.errors import HandrailError
from contracts.quarantine import Released, ReleaseOutcome, read_record
from contracts.subjects import cursor
from services.exchange.lanes import read_cursor
from services.exchange.ledger import Ledger
from services.exchange.worker import Worker
from services.runtime.log import error_keys, get

POSITIONS = "story.admin.positions"
KEEP_QUARANTINED = timedelta(days=30)
_EVERY_S = 60.0
_QUARANTINE = "quarantine.>"
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
    held = worker.holds.oldest(positions)
    quarantined = await _oldest_quarantined(worker.ledger, now)
    trimmed = 0
    for lane, sequence in decided.items():
        below = trim_below(sequence, positions[lane], quarantined.get(lane), held.get(lane))
        try:
            trimmed += await _purge(js, lane, below)
        except (APIError, TimeoutError) as error:
            _log.warning("lane.not-trimmed", lane=lane, **error_keys(error))
    return trimmed


async def _purge(js: JetStreamContext, lane: str, below: int) -> bool:
    """Purge a lane below a sequence; return whether there was anything."""
    info = await js.stream_info(lane)
    if below <= max(1, info.state.first_seq):
        return False
    await js.purge_stream(lane, seq=below)
    return True


def trim_below(decided: int, stored: int, *set_aside: int | None) -> int:
    """Return the sequence below which nothing of a lane is needed any more.

    `decided` and `stored` are the last sequences the exchange and the story have passed,
    `set_aside` the oldest that lies in quarantine and the oldest that is held, if any.
    """
    return min([decided + 1, stored + 1, *(s for s in set_aside if s is not None)])


async def _decided(worker: Worker, lanes: Iterable[str]) -> dict[str, int]:
    """Return how far each lane is decided; one whose cursor cannot be read is told and left out."""
    found: dict[str, int] = {}
    for lane in lanes:
        record = await worker.ledger.last(cursor(lane))
        try:
            if record is not None:
                found[lane] = read_cursor(record.data).sequence
        except HandrailError as error:
            _log.warning("lane.not-trimmed", lane=lane, **error_keys(error))
    return found


async def _oldest_quarantined(ledger: Ledger, now: datetime) -> dict[str, int]:
    """Return the oldest sequence in quarantine of each lane, of those still held.

    What was released and accepted is kept as long once more: the story has still to read it.
    """
    oldest: dict[str, int] = {}
    async for data in _quarantined(ledger):
        record = read_record(data)
        if record is None:
            continue
        if isinstance(record, Released) and record.outcome is not ReleaseOutcome.ACCEPTED:
            continue
        if record.at + KEEP_QUARANTINED > now:
            oldest[record.lane] = min(record.sequence, oldest.get(record.lane, record.sequence))
    return oldest


async def _quarantined(ledger: Ledger) -> AsyncIterator[bytes]:
    """Yield the records of quarantine: page by page, and the newest from the ledger's leader."""
    after = 0
    while page := await ledger.page_of(_QUARANTINE, after):
        for _, stored in page:
            after = stored.sequence
            yield stored.data
    while (one := await ledger.next_of(_QUARANTINE, after)) is not None:
        after = one[1].sequence
        yield one[1].data
