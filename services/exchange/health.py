"""What only the exchange may ask the server, gathered for the operator's `handrail doctor`.

Facts alone: the streams and the ledger's consumers as the server has them, its limits, how far the
lanes are decided, and the instants by which clocks are compared. What they mean is judged by
whoever asked.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.kinds import iso
from contracts.subjects import LEDGER, inbox_consumer, submit_stream, urgent_stream
from services.exchange.lanes import read_cursor
from services.exchange.ledger import Ledger
from services.exchange.streams import lane_config, lane_owners, ledger_config

HEALTH: Final = "exchange.admin.health"

_SETTINGS: Final = (
    "subjects",
    "retention",
    "storage",
    "discard",
    "max_bytes",
    "max_msgs",
    "max_age",
    "max_msg_size",
    "num_replicas",
    "allow_direct",
    "allow_atomic",
    "allow_msg_ttl",
    "deny_delete",
    "deny_purge",
)
_STATE: Final = ("messages", "bytes", "first_seq", "last_seq", "last_ts")
_CONSUMER: Final = (
    "num_pending",
    "num_ack_pending",
    "num_redelivered",
    "num_waiting",
    "delivered",
    "ack_floor",
)
_SERVER: Final = ("version", "max_payload", "tls_required", "server_name")
_FOLLOWERS: Final = ("story", "tracker")
_WITHIN_S: Final = 5.0


async def gather(
    client: Client, js: JetStreamContext, directory: Directory, replicas: int
) -> bytes:
    """Return as JSON how everything stands on the server, for the agencies of `directory`.

    `server` and `account` are the server's own words. Each of `streams` names, under `differs`,
    what is set otherwise than the exchange sets it with `replicas`; `missing` are streams and
    consumers of the ledger that should be there. `damaged` names the lanes whose cursor cannot be
    read, which are not among `cursors`. Raises `health.not-told`.
    """
    info = client._server_info  # noqa: SLF001 - nats-py shows no more of it than the version
    streams = await _pages(client, "STREAM.LIST", "streams")
    held = any(one["config"]["name"] == LEDGER for one in streams)
    consumers = await _pages(client, f"CONSUMER.LIST.{LEDGER}", "consumers") if held else []
    cursors, damaged = await _cursors(Ledger(client, js)) if held else ({}, [])
    wanted = {str(one.name): one for one in _wanted(directory, replicas)}
    told = {
        "server": {name: info.get(name) for name in _SERVER},
        "account": await _asked(client, "INFO", {}),
        "streams": [_stream(one, wanted.get(one["config"]["name"])) for one in streams],
        "consumers": [_consumer(one) for one in consumers],
        "missing": {
            "streams": sorted(wanted.keys() - {one["config"]["name"] for one in streams}),
            "consumers": sorted(_readers(directory) - {one["name"] for one in consumers}),
        },
        "cursors": cursors,
        "damaged": damaged,
        "now": datetime.now(UTC).isoformat(),
    }
    return orjson.dumps(told)


def _wanted(directory: Directory, replicas: int) -> Iterator[StreamConfig]:
    """Yield every stream as the exchange would make it today."""
    yield ledger_config(replicas)
    for owner in lane_owners(directory):
        yield lane_config(submit_stream(owner), f"submit.{owner}.>", replicas)
        yield lane_config(urgent_stream(owner), f"urgent.{owner}.>", replicas)


def _readers(directory: Directory) -> set[str]:
    """Return the consumers by which the ledger is read: every inbox, the story, the tracker."""
    now = datetime.now(UTC)
    present = (name for name in directory.agencies if directory.agency(name, now) is not None)
    return {*map(inbox_consumer, present), *_FOLLOWERS}


def differing(config: Mapping[str, Any], wanted: StreamConfig) -> list[str]:
    """Return the names of the settings in which a stream is not as wanted. Pure."""
    should = {name: value for name, value in wanted.as_dict().items() if name in _SETTINGS}
    found = [n for n, v in should.items() if n != "subjects" and config.get(n) != v]
    if not set(wanted.subjects or ()) <= set(config.get("subjects") or ()):
        found.append("subjects")
    return sorted(found)


def _stream(info: Mapping[str, Any], wanted: StreamConfig | None) -> dict[str, Any]:
    cluster, config = info.get("cluster") or {}, info["config"]
    return {
        "name": config["name"],
        "ours": wanted is not None,
        "differs": differing(config, wanted) if wanted else [],
        "max_bytes": config.get("max_bytes"),
        "replicas": config.get("num_replicas"),
        "state": {name: info["state"].get(name) for name in _STATE},
        "leader": cluster.get("leader"),
        "current": sum(bool(peer.get("current")) for peer in cluster.get("replicas") or ()),
        "ts": info.get("ts"),
    }


def _consumer(info: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": info["name"], **{name: info.get(name) for name in _CONSUMER}}


async def _cursors(ledger: Ledger) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return how far each lane is decided and by which instant, and whose record is damaged."""
    found: dict[str, dict[str, Any]] = {}
    damaged: list[str] = []
    for subject, stored in (await ledger.last_of_many(["cursor.>"])).items():
        lane = subject.partition(".")[2]
        try:
            record = read_cursor(stored.data)
            found[lane] = {"sequence": record.sequence, "at": iso(record.at)}
        except HandrailError:
            damaged.append(lane)
    return found, sorted(damaged)


async def _pages(client: Client, verb: str, name: str) -> list[dict[str, Any]]:
    """Return everything that a listing of JetStream's API gives, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await _asked(client, verb, {"offset": len(found)})
        found += page.get(name) or []
        if not page.get(name) or len(found) >= page["total"]:
            return found


async def _asked(client: Client, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{verb}", orjson.dumps(body), timeout=_WITHIN_S)
    told: dict[str, Any] = orjson.loads(answer.data)
    if "error" in told:
        raise HandrailError(
            "health.not-told",
            "the server does not say how its streams stand",
            "see that JetStream is on and the server's configuration is the partnership's own",
        )
    return told
