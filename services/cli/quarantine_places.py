"""Where things lie in quarantine, and what each place says of them.

The exchange tells what could not be opened, each agency's own service what it set aside of its
deliveries, and the story service whose statements it could not have. A place that does not answer,
or whose identity is not in this folder, is named and not passed over in silence.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from nats.aio.client import Client

from contracts.errors import HandrailError
from contracts.reasons import reasons
from contracts.subjects import inbox_consumer
from services.agency.faults import fault
from services.cli.desk import read_object
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.settlement import EXHAUSTED, INVALID
from services.runtime.subscribing import ask

LIST: Final = "exchange.admin.quarantine.list"
RELEASE: Final = "exchange.admin.quarantine.release"
STORY_LIST: Final = "story.admin.quarantine"
STORY_RELEASE: Final = "story.admin.release"
STORY: Final = "story"
EXCHANGE: Final = "exchange"

_WITHIN_S: Final = 10.0
_OWN_WORDS: Final = {
    EXHAUSTED: (
        "it was tried as often as is tried at all, and failed every time",
        "read the service's log for `message.failed`, mend the fault, and release it",
    ),
    INVALID: (
        "it is not of the form that this service reads",
        "run the version of Handrail that the exchange runs, and release it",
    ),
    "story.submission-gone": (
        "the submission of an accepted message is no longer in its lane",
        "restore the lane from a backup and release it, or ask the sender to send it anew",
    ),
}


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything in quarantine, and the places that could not be asked, with why."""

    items: tuple[dict[str, Any], ...]
    not_asked: tuple[dict[str, str], ...]
    more: int = 0

    @property
    def silent(self) -> tuple[str, ...]:
        """Return the places whose identity is at hand and that did not answer."""
        return tuple(one["place"] for one in self.not_asked if one["why"] != "nkey.missing")

    def item(self, name: str) -> dict[str, Any]:
        """Return the item of that name.

        Raises HandrailError `quarantine.unknown`, or `quarantine.not-asked` where it may lie in a
        place that does not answer.
        """
        for one in self.items:
            if one["item"] == name:
                return one
        if self.silent:
            raise HandrailError(
                "quarantine.not-asked",
                f"no item of that name was found, and {', '.join(self.silent)} did not answer",
                "see with `handrail doctor` why not, and ask again when it does",
            )
        raise HandrailError(
            "quarantine.unknown",
            "no place that answers holds an item of that name in quarantine",
            "compare it with the first column of `handrail quarantine list`",
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Connections to ask by: the operator's, and the desks' by the agencies they serve."""

    operator: Client
    desks: dict[str, Client]
    unasked: tuple[dict[str, str], ...]

    async def survey(self, *, within_s: float = _WITHIN_S) -> Survey:
        """Return what every place holds that answers within so many seconds, all asked at once."""
        exchange, story, *desks = await asyncio.gather(
            _answer(self.operator, LIST, within_s),
            _answer(self.operator, STORY_LIST, within_s),
            *(
                _answer(client, f"agency.{agency}.quarantine", within_s)
                for agency, client in self.desks.items()
            ),
        )
        asked = {EXCHANGE: exchange, **dict(zip(self.desks, desks, strict=True)), STORY: story}
        silent = {place: told for place, told in asked.items() if isinstance(told, str)}
        missing = [*self.unasked, *({"place": p, "why": why} for p, why in silent.items())]
        items: list[dict[str, Any]] = []
        elsewhere: dict[str, dict[str, Any]] = {}
        more = 0
        if not isinstance(exchange, str):
            elsewhere = {one.pop("item"): one for one in exchange["released_elsewhere"]}
            items += ({"place": EXCHANGE, **one} for one in exchange["items"])
            more = exchange["more"]
        for agency, told in zip(self.desks, desks, strict=True):
            if not isinstance(told, str):
                items += _local(agency, told["quarantined"], elsewhere)
        if not isinstance(story, str):
            items += map(_of_story, story["items"])
        items.sort(key=lambda one: str(one["at"]), reverse=True)
        return Survey(tuple(items), tuple(missing), more)

    async def ask(self, subject: str, **body: object) -> dict[str, Any]:
        """Ask one of the operator's questions."""
        data = await ask(self.operator, subject, orjson.dumps(body), timeout_s=_WITHIN_S)
        return read_object(data)

    async def close(self) -> None:
        """Close every connection."""
        for client in {self.operator, *self.desks.values()}:
            await client.close()


async def connect_places(partnership: Partnership, agencies: Sequence[tuple[str, str]]) -> Places:
    """Connect as the operator, and as the desk of each gateway whose identity is at hand.

    `agencies` are pairs of agency and gateway.
    """
    url, ca = partnership.nats_url(), partnership.nats_ca
    operator = await connect(url, partnership.nkey("operator"), name="handrail-operator", ca=ca)
    by_gateway: dict[str, Client | str] = {}
    desks: dict[str, Client] = {}
    unasked: list[dict[str, str]] = []
    for agency, gateway in agencies:
        if gateway not in by_gateway:
            by_gateway[gateway] = await _desk(partnership, gateway)
        client = by_gateway[gateway]
        if isinstance(client, Client):
            desks[agency] = client
        else:
            unasked.append({"place": agency, "why": client})
    return Places(operator, desks, tuple(unasked))


async def _answer(client: Client, subject: str, within_s: float) -> dict[str, Any] | str:
    """Return what was answered, or the code of why nothing was."""
    try:
        return read_object(await ask(client, subject, b"{}", timeout_s=within_s))
    except HandrailError as error:
        return error.code


async def _desk(partnership: Partnership, gateway: str) -> Client | str:
    """Return a connection of a gateway's desk, or the code of why there is none."""
    try:
        identity = partnership.nkey(f"{gateway}-desk")
        url, ca = partnership.nats_url(), partnership.nats_ca
        return await connect(url, identity, name="handrail-desk", ca=ca)
    except HandrailError as error:
        return error.code


def in_words(code: str) -> tuple[str, str]:
    """Return what a reason means and what to do now."""
    if code in _OWN_WORDS:
        return _OWN_WORDS[code]
    known = reasons().get(code)
    if known is not None:
        return known.message, known.remedy
    try:
        told = fault(code)
    except KeyError:
        return "a reason of another release", "run the version that wrote it"
    return told.message, told.remedy


async def settled_again(
    place: Places, agency: str, told: dict[str, Any], within_s: float
) -> dict[str, Any]:
    """Return what became of a delivery that went into its inbox again at `sequence`.

    The agency's service has taken it in, or has set it aside once more, or has not come to it.
    """
    client = place.desks.get(agency)
    if client is None:
        return told
    clock = asyncio.get_running_loop().time
    until = clock() + within_s
    while clock() < until:
        rows = read_object(await ask(client, f"agency.{agency}.quarantine", b"{}"))["quarantined"]
        again = [row for row in rows if row["sequence"] == told["sequence"]]
        if again:
            why = [{"code": again[0]["reason"], "detail": ""}]
            return {**told, "outcome": "quarantined", "reasons": why}
        if await _holds(client, agency, told["message"]):
            return {**told, "outcome": "delivered"}
        await asyncio.sleep(0.1)
    return told


async def _holds(client: Client, agency: str, message: str) -> bool:
    try:
        await ask(client, f"agency.{agency}.delivery", orjson.dumps({"message": message}))
    except HandrailError as error:
        if error.code == "delivery.unknown":
            return False
        raise
    return True


def _local(
    agency: str, rows: Sequence[dict[str, Any]], elsewhere: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    lane = inbox_consumer(agency)
    seen = Counter(row["digest"] for row in rows)
    oldest_first = sorted(rows, key=lambda row: int(row["sequence"]))
    earlier: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    for row in oldest_first:
        name = f"{lane}:{row['sequence']}"
        release = elsewhere.get(name)
        again = "in quarantine again" if row["digest"] in earlier else "in quarantine"
        found.append(
            {
                "place": "inbox",
                "item": name,
                "agency": agency,
                "lane": lane,
                "sequence": row["sequence"],
                "digest": row["digest"],
                "reasons": [{"code": row["reason"], "detail": ""}],
                "at": earlier.get(row["digest"], row["at"]),
                "seen": seen[row["digest"]],
                "state": "released" if release else again,
                "releases": [release] if release else [],
            }
        )
        if release:
            earlier.setdefault(row["digest"], row["at"])
    return found


def _of_story(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "place": STORY,
        "item": f"{STORY}:{row['sequence']}",
        "agency": "",
        "lane": STORY,
        "seen": 1,
        **row,
    }
