"""From when on joined references are guarded by each other, without a server."""

from dataclasses import replace

from contracts.identifiers import new_reference
from contracts.journey import Journey
from services.story.joined import join

RETIRED, SURVIVOR, CHILD_WORKER = new_reference(), new_reference(), "demo.hilltop-school.t-ahmed"


async def kept_back(retired: Journey, survivor: Journey) -> dict[str, tuple[str, ...]]:
    """Return who must not know under each reference, as a read of it would have it."""
    journeys = {RETIRED: retired, SURVIVOR: survivor}

    async def newest(child: str) -> Journey:
        return journeys[child]

    joined = {child: await join(one, newest) for child, one in journeys.items()}
    return {child: one.own.journey.must_not_know for child, one in joined.items()}


async def test_a_retired_reference_is_guarded_at_once_and_the_survivor_when_it_is_told() -> None:
    """Between the two messages the survivor's guard covers both, the retired one's only itself."""
    retired = Journey(child=RETIRED, linked_into=SURVIVOR, must_not_know=(CHILD_WORKER,))
    survivor = Journey(child=SURVIVOR)
    assert await kept_back(retired, survivor) == {RETIRED: (CHILD_WORKER,), SURVIVOR: ()}

    other_way = await kept_back(
        replace(retired, must_not_know=()), replace(survivor, must_not_know=(CHILD_WORKER,))
    )
    assert other_way == {RETIRED: (CHILD_WORKER,), SURVIVOR: (CHILD_WORKER,)}

    told = await kept_back(retired, replace(survivor, linked=(RETIRED,)))
    assert told == {RETIRED: (CHILD_WORKER,), SURVIVOR: (CHILD_WORKER,)}
