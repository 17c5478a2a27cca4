"""Reading the story of a reference that others were joined to: theirs is read with it (ADR 0021).

Each is decided on its own journey, with its own consents, and recorded as a read of its own; an
agency sees of a retired reference what it might see by asking about that one.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

import orjson

from contracts.errors import HandrailError
from contracts.journey import MOST_LINKED, Journey
from services.agency.reading import ReadRequest
from services.story.reading import MOST_BYTES, Answer, Inquiry, too_large

_NOTHING_THERE: Final = frozenset({"story.not-found", "story.erased"})

JourneyOf = Callable[[str], Awaitable[Journey]]
Read = Callable[[Inquiry, Journey], Awaitable[Answer]]


async def with_linked(
    inquiry: Inquiry, journey: Journey, own: Answer, journey_of: JourneyOf, read: Read
) -> Answer:
    """Return `own` with what `inquiry` may see of every reference joined to `journey`.

    Raises `story.too-large` and what `read` raises, save that there is nothing to be read.
    """
    answers = [own]
    async for linked in _linked(journey, journey_of):
        asked = replace(inquiry.asked, request=_about(inquiry, linked.child))
        try:
            answers.append(await read(replace(inquiry, asked=asked), linked))
        except HandrailError as error:
            if error.code not in _NOTHING_THERE:
                raise
    return own if len(answers) == 1 else _together(answers)


async def _linked(journey: Journey, journey_of: JourneyOf) -> AsyncIterator[Journey]:
    """Yield the journeys joined to this one, and to those; both sides must say so."""
    waiting, seen = [journey], 0
    while waiting and seen < MOST_LINKED:
        survivor = waiting.pop(0)
        for child in survivor.linked:
            retired = await journey_of(child)
            if retired.linked_into == survivor.child:
                seen += 1
                waiting.append(retired)
                yield retired


def _about(inquiry: Inquiry, child: str) -> ReadRequest:
    """Return the request as one about `child`; its nonce is made of the one that was signed."""
    request = inquiry.request
    nonce = hashlib.sha256(f"{request.nonce} {child}".encode()).hexdigest()
    return request.model_copy(update={"child": child, "nonce": nonce})


def _together(answers: list[Answer]) -> Answer:
    bodies = [orjson.loads(answer.body) for answer in answers]
    shown = [one for body in bodies for one in body["statements"]]
    withheld = sum(answer.withheld for answer in answers)
    body = orjson.dumps({"statements": shown, "withheld": withheld})
    if len(body) > MOST_BYTES:
        raise too_large()
    return Answer(len(shown), withheld, body)
