"""Streams, consumers and lanes: made as they should be, read by somebody, and moving.

What the exchange tells is looked at twice, some seconds apart: what has work and does not move in
between stands still.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.cli.doctor.finding import Finding, ok, some, warning, wrong

Health = Mapping[str, Any]
"""What the exchange answered to `exchange.admin.health`."""

_NEARLY_FULL: Final = 0.8
_FULL: Final = 0.95
_FAILING: Final = 3
_SETTINGS_REMEDY: Final = (
    "have the exchange's operator put the settings back; find out who could change them"
)


def judge_streams(health: Health) -> Iterator[Finding]:
    """Yield whether all streams are there, set as the exchange sets them, copied and with room."""
    streams = health["streams"]
    missing = health["missing"]["streams"]
    if missing:
        yield wrong(
            "streams.missing",
            some(missing),
            "nothing is sent in a lane that is not there, and nothing decided without the ledger",
            "start the exchange, which makes them; restore what had been there from the backup",
        )
    changed = {one["name"]: one["differs"] for one in streams if one["differs"]}
    for name, settings in changed.items():
        yield wrong(
            "streams.settings",
            f"{name}: {', '.join(settings)}",
            _meaning(settings),
            _SETTINGS_REMEDY,
        )
    if not missing and not changed:
        yield ok("streams.settings", f"{len(streams)} streams, all as they should be")
    strangers = [one["name"] for one in streams if not one["ours"]]
    if strangers:
        yield warning(
            "streams.others",
            some(strangers),
            "they belong to nobody in the directory",
            "leave those of agencies that left until everything in them is too old to be needed",
        )
    yield from _of_copies(streams)
    yield from _of_room(streams)


def judge_readers(before: Health, after: Health) -> Iterator[Finding]:
    """Yield whether every reader of the ledger has its consumer, and whether each moves."""
    missing = after["missing"]["consumers"]
    if missing:
        yield wrong(
            "consumers.missing",
            some(missing),
            "what is delivered to them, or they should follow, is read by nobody",
            "start the exchange, which makes those of inboxes, or the service of that name",
        )
    first = {one["name"]: one for one in before["consumers"]}
    stuck = [one for one in after["consumers"] if _stands(first.get(one["name"]), one)]
    for one in stuck:
        yield _stuck(one)
    if not missing and not stuck:
        yield ok("consumers", f"{len(after['consumers'])} readers of the ledger, none stands still")


def judge_lanes(before: Health, after: Health) -> Iterator[Finding]:
    """Yield the lanes whose cursor cannot be read, or that have work and whose cursor stands."""
    damaged = after.get("damaged", [])
    if damaged:
        yield wrong(
            "lanes.damaged",
            some(damaged),
            "how far they are decided cannot be read: none of their messages is decided",
            "compare the ledger with the log (`handrail log check`) and restore the newest backup",
        )
    still = {
        name: waiting
        for name, waiting in _waiting(after).items()
        if waiting
        and name not in damaged
        and name in _waiting(before)
        and not _moved(name, before, after)
    }
    for name, waiting in sorted(still.items()):
        yield wrong(
            "lanes",
            f"{name}: {waiting} wait and nothing is decided",
            "messages of this agency are neither accepted nor refused"
            + ("; they are child protection" if name.startswith("URGENT_") else ""),
            "see that exchange and exchange-urgent run; read their logs for `worker.interrupted`",
        )
    if not still:
        yield ok("lanes", "no lane stands still with work waiting")


def _meaning(settings: list[str]) -> str:
    if {"deny_delete", "deny_purge"} & set(settings):
        return "the record could be taken from, by whoever may ask the server for it"
    if "num_replicas" in settings:
        return "it is kept on fewer or more servers than was set"
    return "limits, atomic batches or times to live are not what the exchange relies on"


def _of_copies(streams: list[Mapping[str, Any]]) -> Iterator[Finding]:
    wanting = [s for s in streams if (s["replicas"] or 1) > 1 and _behind(s)]
    if wanting:
        yield warning(
            "replicas",
            some(one["name"] for one in wanting),
            "copies are behind or away: one more server lost and nothing is accepted",
            "start the node that is down, and wait until it has caught up",
        )
    elif any((one["replicas"] or 1) > 1 for one in streams):
        yield ok("replicas", "every copy is up to date")


def _behind(stream: Mapping[str, Any]) -> bool:
    return not stream["leader"] or stream["current"] < stream["replicas"] - 1


def _of_room(streams: list[Mapping[str, Any]]) -> Iterator[Finding]:
    fullest = 0.0
    for one in streams:
        most = one["max_bytes"] or -1
        share = (one["state"]["bytes"] or 0) / most if most > 0 else 0.0
        fullest = max(fullest, share)
        if share >= _NEARLY_FULL:
            yield (wrong if share >= _FULL else warning)(
                "lanes.room",
                f"{one['name']} is {share:.0%} full",
                "a full lane turns its agency away",
                "see `handrail quarantine list`, and whether the story service runs: a lane is "
                "trimmed below what both have passed",
            )
    if fullest < _NEARLY_FULL:
        yield ok("lanes.room", f"the fullest is {fullest:.0%} full")


def _stands(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Tell whether a consumer had work both times and settled nothing in between."""
    if before is None or not _work(before) or not _work(after):
        return False
    return bool(_floor(before) == _floor(after) and _delivered(before) == _delivered(after)) or (
        _floor(before) == _floor(after) and (after["num_redelivered"] or 0) >= _FAILING
    )


def _stuck(one: Mapping[str, Any]) -> Finding:
    waiting, taken = one["num_pending"] or 0, one["num_ack_pending"] or 0
    what = f"{one['name']}: {waiting} waiting, {taken} taken and not settled"
    if not one["num_waiting"] and not taken:
        return wrong(
            "consumers.stuck",
            what,
            "nobody reads it",
            "start the service that does; `handrail run` starts one alone",
        )
    return warning(
        "consumers.stuck",
        f"{what}, {one['num_redelivered'] or 0} tried again",
        "a record fails again and again, or its service hangs",
        "read the service's log for `message.failed`; start it again if it says nothing",
    )


def _work(one: Mapping[str, Any]) -> int:
    return int(one["num_pending"] or 0) + int(one["num_ack_pending"] or 0)


def _floor(one: Mapping[str, Any]) -> object:
    return (one["ack_floor"] or {}).get("stream_seq")


def _delivered(one: Mapping[str, Any]) -> object:
    return (one["delivered"] or {}).get("consumer_seq")


def _waiting(health: Health) -> dict[str, int]:
    """Return how many submissions of each lane are beyond its cursor."""
    cursors = health["cursors"]
    found: dict[str, int] = {}
    for one in health["streams"]:
        name, state = one["name"], one["state"]
        if not name.startswith(("SUBMIT_", "URGENT_")):
            continue
        decided = (cursors.get(name) or {"sequence": 0})["sequence"]
        found[name] = max(0, (state["last_seq"] or 0) - max(decided, (state["first_seq"] or 1) - 1))
    return found


def _moved(name: str, before: Health, after: Health) -> bool:
    return bool(before["cursors"].get(name) != after["cursors"].get(name))
