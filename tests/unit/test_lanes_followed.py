"""The lanes of those who join the directory, without a server."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.js import JetStreamContext

from services.exchange import app
from services.runtime.directories import DirectoryHolder


def directory(version: int) -> Any:
    """A directory of some version, with one agency named for it."""
    return SimpleNamespace(document=SimpleNamespace(version=version), version=version)


async def test_whoever_joins_while_lanes_are_made_has_lanes_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory that comes while the server answers is followed as well as the one before it."""
    holder, made, followed = SimpleNamespace(current=directory(1)), list[int](), asyncio.Event()

    async def ensure(_js: object, current: Any, _replicas: int) -> None:
        made.append(current.version)
        if current.version == 2:
            holder.current = directory(3)
        if made[-2:] == [2, 3]:
            followed.set()

    monkeypatch.setattr(app, "ensure_lanes", ensure)
    monkeypatch.setattr(app, "lane_owners", lambda current: (f"demo.v{current.version}",))
    monkeypatch.setattr(app, "_LANES_EVERY_S", 0.001)
    lanes = app._Lanes(urgent=False, replicas=1)
    lanes.take(holder.current)
    holder.current = directory(2)
    task = asyncio.create_task(
        lanes.follow(cast("DirectoryHolder", holder), cast("JetStreamContext", None))
    )
    try:
        async with asyncio.timeout(10):
            await followed.wait()
            while lanes.names != ("SUBMIT_demo_v3",):
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
    assert made == [2, 3]
