"""Whom an answer must reach: who asked, who leads, and whoever the sender adds."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from contracts.journey import Journey, Lead, Proposal, Request
from contracts.messages.guards import must_be_told
from services.cli.desk import ask_operator
from services.cli.output import warn
from services.runtime.partnership import Partnership

_AWAY = frozenset({"nkey.missing", "service.unreachable", "service.no-answer"})
"""When the tracker is no help: no operator here, or no tracker running."""

_UNKNOWN = "track.unknown-child"
_BEHIND_S = 2.0
_PAUSE_S = 0.1


async def journey_of(partnership: Partnership, child: str) -> Journey | None:
    """Return who leads and which requests are open, or None where there is no tracker to ask.

    Raises HandrailError `track.unknown-child` for a child that the tracker has not met.
    """
    try:
        told = await ask_operator(partnership, "tracker.track", child=child)
    except HandrailError as error:
        if error.code not in _AWAY:
            raise
        return None
    return _journey(child, told["journey"])


async def _known(partnership: Partnership, child: str) -> Journey | None:
    """Return what `journey_of` does, once the tracker has had the time to meet a new child."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BEHIND_S
    while True:
        try:
            return await journey_of(partnership, child)
        except HandrailError as error:
            if error.code != _UNKNOWN or loop.time() > deadline:
                raise
        await asyncio.sleep(_PAUSE_S)


async def recipients(
    partnership: Partnership,
    own: str,
    child: str,
    *,
    answers: str | None = None,
    others: Iterable[str] = (),
    must_be_known: bool = False,
    replaces: bool = False,
) -> list[str]:
    """Return the agencies to address, without `own`; `own` alone where there is nobody else.

    `answers` is the message that is answered, `others` are added as they are. The exchange refuses
    a message that leaves out somebody who must be told, and names the agency. A proposal `replaces`
    the one that is open, so whoever was proposed before is told. Raises HandrailError
    `track.unknown-child` when the child `must_be_known`; otherwise the tracker may be behind.
    """
    try:
        journey = await (_known if must_be_known else journey_of)(partnership, child)
    except HandrailError as error:
        if must_be_known or error.code != _UNKNOWN:
            raise
        journey = None
    if journey is None:
        warn("the tracker is not to be had, so the lead's agency may have to be named with --also")
    before = [p.agency for p in journey.proposals] if journey is not None and replaces else []
    told = dict.fromkeys((*must_be_told(journey, answers), *before, *others))
    told.pop(own, None)
    return list(told) or [own]


def _journey(child: str, told: Mapping[str, Any]) -> Journey:
    lead = told["lead"]
    return Journey(
        child=child,
        lead=Lead(lead["practitioner"], lead["agency"], lead["since"], "") if lead else None,
        proposals=tuple(
            Proposal(p["message"], p["practitioner"], agency_of(p["practitioner"]), "", p["at"])
            for p in told["proposals"]
        ),
        requests=tuple(
            Request(one["message"], one["kind"], one["agency"], "", (), "")
            for one in told["open_requests"]
        ),
    )
