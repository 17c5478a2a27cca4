"""Judging against the newest directory: a key may have been added a moment ago."""

from collections.abc import Callable
from typing import TypeVar

from nats.errors import Error as NatsError

from contracts.directory import Directory
from services.agency.faults import Unproven, fault
from services.runtime.directories import DirectoryHolder

Verdict = TypeVar("Verdict")


async def judged(
    holder: DirectoryHolder, judge: Callable[[Directory], Verdict | Unproven]
) -> Verdict | Unproven:
    """Return what `judge` makes of the directory, asked again where there is a newer one.

    Raises `directory.not-refreshed` when the first answer is a no and the exchange cannot be asked:
    that no is not final. Raises as `DirectoryHolder.current` and `refresh` do.
    """
    asked = holder.current
    verdict = judge(asked)
    if not isinstance(verdict, Unproven):
        return verdict
    try:
        await holder.refresh()
    except (NatsError, TimeoutError) as error:
        raise fault("directory.not-refreshed") from error
    # Somebody else may have taken the newer one meanwhile: then `refresh` finds nothing new.
    return verdict if holder.current is asked else judge(holder.current)
