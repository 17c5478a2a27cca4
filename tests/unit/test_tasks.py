"""Ending tasks for certain."""

import asyncio

import pytest

from services.runtime.tasks import end, first_of


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    """A cancellation that a library loses is repeated until the task has ended."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end([task])
    assert task.cancelled()


async def test_the_first_that_ends_ends_the_others_and_its_error_is_raised() -> None:
    """What the first one raises is raised, after the others have been ended."""
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await first_of(waits(), fails())
    assert ended.is_set()
