"""The streams of the exchange: one ledger, and two lanes for every agency (design §5)."""

from datetime import timedelta

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.directory import Directory
from contracts.event import MAX_BYTES
from contracts.subjects import (
    LEDGER,
    LEDGER_SUBJECTS,
    inbox_consumer,
    submit_stream,
    urgent_stream,
)

LANE_BYTES = 256 * 1024**2
HEADROOM = 64 * 1024
_ACK_WAIT = timedelta(seconds=10)


def ledger_config(replicas: int = 1) -> StreamConfig:
    """Return the ledger's configuration: atomic batches, per-message TTL, nobody deletes."""
    return StreamConfig(
        name=LEDGER,
        subjects=list(LEDGER_SUBJECTS),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        allow_direct=True,
        allow_atomic=True,
        allow_msg_ttl=True,
        deny_delete=True,
        deny_purge=True,
    )


def lane_config(name: str, subject: str, replicas: int = 1) -> StreamConfig:
    """Return a lane's configuration: its own limits, so that one agency's flood is its own."""
    return StreamConfig(
        name=name,
        subjects=[subject],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=LANE_BYTES,
        max_msg_size=MAX_BYTES + HEADROOM,
        num_replicas=replicas,
        allow_direct=True,
        deny_delete=True,
    )


async def ensure_ledger(js: JetStreamContext, replicas: int = 1) -> None:
    """Create the ledger where it is not there yet, and give an older one the subjects it lacks.

    Nothing else of an existing ledger is changed.
    """
    await _ensure(js, ledger_config(replicas))
    there = (await js.stream_info(LEDGER)).config
    lacks = [one for one in LEDGER_SUBJECTS if one not in (there.subjects or [])]
    if lacks:
        await js.update_stream(there.evolve(subjects=[*(there.subjects or []), *lacks]))


async def ensure_lanes(js: JetStreamContext, directory: Directory, replicas: int = 1) -> None:
    """Create the lanes and inbox consumers of everyone in `directory` that lack them.

    A consumer is kept on as many servers as its stream.
    """
    have = {info.config.name for info in await js.streams_info()}
    for sender in lane_owners(directory):
        for stream, subject in (
            (submit_stream(sender), f"submit.{sender}.>"),
            (urgent_stream(sender), f"urgent.{sender}.>"),
        ):
            if stream not in have:
                await _ensure(js, lane_config(stream, subject, replicas))
    consumers = await _consumer_names(js)
    for agency in directory.agencies:
        if inbox_consumer(agency) not in consumers:
            await js.add_consumer(LEDGER, inbox_config(agency))


def lane_owners(directory: Directory) -> tuple[str, ...]:
    """Return everyone who has lanes: agencies, and services that seal notices."""
    return (*directory.agencies, *directory.services)


def inbox_config(agency: str) -> ConsumerConfig:
    """Return the durable consumer by which the service of `agency` pulls its deliveries."""
    return ConsumerConfig(
        durable_name=inbox_consumer(agency),
        filter_subject=f"inbox.{agency}.>",
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=_ACK_WAIT.total_seconds(),
        max_deliver=-1,
        max_ack_pending=1000,
    )


async def _consumer_names(js: JetStreamContext) -> set[str]:
    found: set[str] = set()
    while True:
        names = {info.name for info in await js.consumers_info(LEDGER, offset=len(found))}
        if names <= found:  # an empty page, or names seen already while others were added
            return found
        found |= names


async def _ensure(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        await js.stream_info(str(config.name))
    except NotFoundError:
        await js.add_stream(config)
