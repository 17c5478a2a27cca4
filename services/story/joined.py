"""A child's references that were joined: read together, and each guarded by all (ADR 0021).

Each is decided on its own journey, with its own consents, and recorded as a read of its own; what
is kept back under one of them is kept back under every one.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from contracts.consents import ConsentHeld
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.restricting import guarded
from services.story.reading import MOST_BYTES, Answer, Inquiry, too_large

NOTHING_THERE: Final = frozenset({"story.not-found", "story.erased"})
"""What a joined reference may answer without the whole being refused."""

JourneyOf = Callable[[str], Awaitable[Journey]]
Read = Callable[[Inquiry, Journey], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Part:
    """One reference of a child: its journey, guarded by the others, and its own consents."""

    journey: Journey
    consents: tuple[ConsentHeld, ...]

    @property
    def child(self) -> str:
        """Return the reference."""
        return self.journey.child


@dataclass(frozen=True, slots=True)
class Joined:
    """The reference asked for, those retired into it, and all other references of the child."""

    own: Part
    retired: tuple[Part, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return what is read together: the reference asked for, and those retired into it."""
        return (self.own, *self.retired)


async def join(journey: Journey, journey_of: JourneyOf) -> Joined:
    """Return what belongs to `journey`; raises what `journey_of` raises.

    What lies under a reference is read with the one it was retired into only where both say so. A
    retired reference is guarded as soon as it says so itself. The survivor is guarded only once it
    has been told: what is recorded under the retired reference before that, after the message that
    retired it (which is refused while anything would be lost), keeps nothing back here yet.
    """
    if not (journey.linked or journey.linked_into):
        return alone(journey)
    found = {journey.child: journey}
    root = journey
    while root.linked_into and root.linked_into not in found:
        root = await journey_of(root.linked_into)
        found[root.child] = root
    await _gather(root, found, journey_of)
    below = await _gather(journey, found, journey_of)
    several = list(found.values())
    return Joined(
        _part(journey, several),
        tuple(_part(one, several) for one in below),
        tuple(child for child in found if child != journey.child),
    )


def alone(journey: Journey) -> Joined:
    """Return a journey that no other belongs to."""
    return Joined(Part(journey, journey.consents))


def about(inquiry: Inquiry, child: str) -> Inquiry:
    """Return the inquiry as one about `child`, which is its own or joined to it.

    Its nonce is made of the one that was signed, so that it too is good for one answer.
    """
    request = inquiry.request
    if request.child == child:
        return inquiry
    nonce = hashlib.sha256(f"{request.nonce} {child}".encode()).hexdigest()
    changed = request.model_copy(update={"child": child, "nonce": nonce})
    return replace(inquiry, asked=replace(inquiry.asked, request=changed))


async def with_retired(inquiry: Inquiry, joined: Joined, own: Answer, read: Read) -> Answer:
    """Return `own` with what `inquiry` may see of every reference retired into the one asked for.

    Raises `story.too-large` and what `read` raises, save that there is nothing to be read.
    """
    answers = [own]
    for part in joined.retired:
        try:
            answers.append(await read(about(inquiry, part.child), part.journey))
        except HandrailError as error:
            if error.code not in NOTHING_THERE:
                raise
    return own if len(answers) == 1 else _together(answers)


async def _gather(
    root: Journey, found: dict[str, Journey], journey_of: JourneyOf
) -> Sequence[Journey]:
    """Return the journeys retired into `root`, and into those, adding them to `found`."""
    waiting, below = [root], dict[str, Journey]()
    while waiting:
        survivor = waiting.pop(0)
        for child in survivor.linked:
            retired = found.get(child) or await journey_of(child)
            if retired.linked_into == survivor.child and child not in (root.child, *below):
                found[child] = below[child] = retired
                waiting.append(retired)
    return tuple(below.values())


def _part(journey: Journey, several: Sequence[Journey]) -> Part:
    made = guarded(journey, [one for one in several if one.child != journey.child])
    return Part(made, made.consents[: len(journey.consents)])


def _together(answers: list[Answer]) -> Answer:
    bodies = [orjson.loads(answer.body) for answer in answers]
    shown = [one for body in bodies for one in body["statements"]]
    withheld = sum(answer.withheld for answer in answers)
    body = orjson.dumps({"statements": shown, "withheld": withheld})
    if len(body) > MOST_BYTES:
        raise too_large()
    return Answer(len(shown), withheld, body)
