"""What must be true after the play: asked of the running services, not of the play itself."""

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from contracts.errors import HandrailError
from services.cli.demo.families import Family
from services.cli.demo.stage import Stage
from services.cli.desk import ask_operator

_SETTLE_S = 20.0


async def tracked(
    stage: Stage, child: str, entries: int, settle_s: float = _SETTLE_S
) -> dict[str, Any]:
    """Return what the tracker says of `child` once it has followed `entries` messages.

    Waits up to `settle_s` seconds, and then returns what there is.
    """
    deadline = time.monotonic() + settle_s
    while True:
        try:
            answer = await ask_operator(stage.partnership, "tracker.track", child=child)
        except HandrailError as error:
            if error.code != "track.unknown-child" or time.monotonic() > deadline:
                raise
        else:
            if len(answer["messages"]) >= entries or time.monotonic() > deadline:
                return answer
        await asyncio.sleep(0.05)


async def received(stage: Stage, family: Family) -> frozenset[str]:
    """Return the messages that the agency to be told has in its inbox, once all have come."""
    deadline = time.monotonic() + _SETTLE_S
    expected = {sent.message for sent in family.told}
    while True:
        found = frozenset(line["message"] for line in await stage.inbox(family.telling))
        if expected <= found or time.monotonic() > deadline:
            return found & expected
        await asyncio.sleep(0.05)


def faults(family: Family, track: dict[str, Any], told: frozenset[str]) -> Iterator[str]:
    """Yield in words whatever is not as the guidance wants it for this family."""
    custody = track["custody"]
    leads = tuple(row["practitioner"] for row in custody)
    if leads != family.leads:
        yield f"the lead was held by {', '.join(leads) or 'nobody'}"
    for before, after in pairwise(custody):
        if before["to"] != after["from"]:
            yield "the custody of the lead has a gap or an overlap"
    if custody and custody[-1]["to"] is not None:
        yield "nobody holds the lead at the end"
    level = track["journey"]["level"]
    if level != family.level:
        yield f"the child is at {level}, not at {family.level}"
    missing = {sent.kind for sent in family.told if sent.message not in told}
    if missing:
        yield f"not told: {', '.join(sorted(missing))}"
    running = [c for c in track["clocks"] if c["state"] in ("missed", "met_late")]
    if running:
        yield f"{len(running)} clocks were missed"
