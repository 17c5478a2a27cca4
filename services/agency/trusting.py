"""Judging against the newest directory: a key may have been added a moment ago."""

from collections.abc import Callable
from typing import Final, TypeVar

from nats.errors import Error as NatsError

from contracts.directory import Directory
from contracts.errors import HandrailError
from services.agency.faults import Unproven, fault
from services.runtime.directories import DirectoryHolder

_NOT_ASKED: Final = ("service.", "busy.")
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
    except HandrailError as error:
        if error.code.startswith(_NOT_ASKED):
            raise fault("directory.not-refreshed") from error
        if error.code != "directory.older":  # whoever answered is behind: there is nothing newer
            raise
    # Somebody else may have taken the newer one meanwhile: then `refresh` finds nothing new.
    return verdict if holder.current is asked else judge(holder.current)
