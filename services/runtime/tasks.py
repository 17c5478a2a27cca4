"""Running several coroutines until the first one ends, and ending the others for certain."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

_AGAIN_S: Final = 1.0


async def first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Run all of `work` until one is done, then end the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and return when all have ended; what they raise is theirs to tell.

    A cancellation can get lost where a library waits with a timeout (Python 3.11's `wait_for`
    drops it when the awaited result comes in the same moment), so it is repeated.
    """
    every = set(tasks)
    pending = {task for task in every if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
    await asyncio.gather(*every, return_exceptions=True)
