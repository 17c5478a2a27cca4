"""The sender's own record of what was acknowledged: a line counts once it is on disk."""

import asyncio
import os
from pathlib import Path
from typing import IO, Any, Self

import orjson

_EVERY_S = 0.05


class Lines:
    """Appends JSON lines to a file, and puts them on disk a few at a time.

    `durable` counts the lines that would outlive the machine.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self.durable = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_flushing())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._flush()
        self._file.close()

    def add(self, line: dict[str, Any]) -> None:
        """Append a line; it is on disk a moment later."""
        self._waiting.append(orjson.dumps(line) + b"\n")

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            self._file.write(b"".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.durable += len(lines)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            self._flush()
