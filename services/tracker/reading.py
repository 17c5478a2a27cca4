"""Reading the ledger from its beginning, without a consumer.

Records come in batches by direct get (NATS ADR-31), which any replica may answer; that there are no
more is believed of the stream's leader alone.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts.errors import HandrailError
from contracts.subjects import LEDGER
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.subscribing import Record

_DIRECT: Final = f"{HUB_PREFIX}.DIRECT.GET.{LEDGER}"
_LEADER: Final = f"{HUB_PREFIX}.STREAM.MSG.GET.{LEDGER}"
_NO_SUCH_RECORD: Final = 404
_BATCH: Final = 200
_PATIENCE_S: Final = 5.0
_END_OF_BATCH: Final = "204"
_NOTHING: Final = "404"
_NANOSECONDS: Final = 1_000_000_000


async def last_sequence(client: Client) -> int:
    """Return the sequence of the ledger's last record, as its leader knows it."""
    info = await client.jetstream(prefix=HUB_PREFIX).stream_info(LEDGER)
    return info.state.last_seq


async def records(client: Client, subject: str, first: int) -> AsyncIterator[tuple[Record, ...]]:
    """Yield the ledger's records on `subject` (wildcards allowed) from the sequence `first` on.

    In order, in batches that are never empty, up to the end as the leader has it. Raises
    `HandrailError` `ledger.unread` when the server does not answer.
    """
    reached = first
    while True:
        asked = {"seq": reached, "next_by_subj": subject, "batch": _BATCH}
        found = await _batch(client, asked)
        if not found:
            found = await _from_leader(client, {"seq": reached, "next_by_subj": subject})
        if not found:
            return
        yield found
        reached = found[-1].sequence + 1


async def latest(client: Client, subjects: Sequence[str]) -> tuple[Record, ...]:
    """Return the last record of each of `subjects` that has one, as any replica has it.

    Wildcards are allowed. Raises `HandrailError` `ledger.unread` as `records` does.
    """
    found: list[Record] = []
    for start in range(0, len(subjects), _BATCH):
        found += await _batch(client, {"multi_last": list(subjects[start : start + _BATCH])})
    return tuple(found)


async def latest_of_leader(client: Client, subject: str) -> Record | None:
    """Return the last record of one subject as the leader has it, or None; raises as `records`."""
    found = await _from_leader(client, {"last_by_subj": subject})
    return found[0] if found else None


async def _batch(client: Client, asked: Mapping[str, object]) -> tuple[Record, ...]:
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    found: list[Record] = []
    try:
        await client.publish(_DIRECT, orjson.dumps(asked), reply=inbox)
        while True:
            answer = await answers.next_msg(timeout=_PATIENCE_S)
            status = (answer.headers or {}).get("Status")
            if status in (_END_OF_BATCH, _NOTHING):
                return tuple(found)
            if status is not None:
                raise _unread()
            found.append(_record(answer))
    except NatsError as error:
        raise _unread() from error
    finally:
        await answers.unsubscribe()


async def _from_leader(client: Client, asked: Mapping[str, object]) -> tuple[Record, ...]:
    """Return the record asked for as the leader has it, alone, or nothing where there is none."""
    try:
        answer = await client.request(_LEADER, orjson.dumps(asked), timeout=_PATIENCE_S)
    except (NatsError, TimeoutError) as error:
        raise _unread() from error
    told = orjson.loads(answer.data)
    if told.get("error", {}).get("code") == _NO_SUCH_RECORD:
        return ()
    if "message" not in told:
        raise _unread()
    held = told["message"]
    record = Record(
        stream=LEDGER,
        subject=held["subject"],
        sequence=held["seq"],
        stored_at=stored_at(held["time"]),
        delivery=1,
        data=base64.b64decode(held.get("data", "")),
        headers={},
    )
    return (record,)


def _record(answer: Msg) -> Record:
    headers = dict(answer.headers or {})
    return Record(
        stream=headers["Nats-Stream"],
        subject=headers["Nats-Subject"],
        sequence=int(headers["Nats-Sequence"]),
        stored_at=stored_at(headers["Nats-Time-Stamp"]),
        delivery=1,
        data=answer.data,
        headers=headers,
    )


def stored_at(stamp: str) -> datetime:
    """Return an RFC 3339 time with nanoseconds in UTC, rounded as a consumer's delivery is.

    Both ways of reading must give the same instant, or building the tables again would change them.
    """
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    nanoseconds = seconds * _NANOSECONDS + int(fraction.ljust(9, "0") or 0)
    return datetime.fromtimestamp(nanoseconds / float(_NANOSECONDS), UTC)


def _unread() -> HandrailError:
    return HandrailError(
        "ledger.unread",
        "the ledger could not be read to its end",
        "see that the NATS server and its stream LEDGER are there, then try again",
    )
