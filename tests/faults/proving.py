"""Proof that a power cut here loses what was not synced, so that losing nothing means something.

`python -m tests.faults.proving --dir EMPTY` prints, as JSON, how many of the acknowledged messages
a nats-server kept over a power cut: with the setting that Handrail uses, and with the server's own.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from services.runtime.server import find_binary
from tests.faults.disks import Disk
from tests.faults.enclosure import enter, no_disk
from tests.faults.kept import Kept
from tests.live.servers import free_port

MESSAGES: Final = 500
_DISK_MIB: Final = 512
_SETTINGS: Final = {"always": {"sync_interval": "always"}, "default": {}}
_STREAM: Final = "PROOF"


async def kept(work: Path, setting: str) -> int:
    """Return how many of `MESSAGES` acknowledged ones a server with `setting` has after a cut."""
    disk = Disk(work / f"{setting}.img", work / setting, _DISK_MIB)
    disk.make()
    port = free_port()
    jetstream: dict[str, Any] = {"store_dir": str(disk.folder / "store"), **_SETTINGS[setting]}
    config = work / f"{setting}.conf"
    config.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "jetstream": jetstream}))
    command = [find_binary(), "-c", str(config), "-l", str(work / f"{setting}.log")]

    async def answers(_process: asyncio.subprocess.Process) -> bool:
        await _connected(port)
        return True

    server = Kept(setting, command, work / f"{setting}.out", ready=answers)
    try:
        await server.start()
        await _publish(port)
        disk.cut_power()
        await server.away()
        await disk.unmount()
        disk.mount()
        await server.start()
        return await _stored(port)
    finally:
        await server.away()
        await disk.unmount()


async def _publish(port: int) -> None:
    client = await _connected(port)
    js = client.jetstream()
    await js.add_stream(name=_STREAM, subjects=["proof"])
    for number in range(MESSAGES):
        await js.publish("proof", f"{number}".encode() * 100)
    await client.close()


async def _stored(port: int) -> int:
    client = await _connected(port)
    try:
        state = (await client.jetstream().stream_info(_STREAM)).state
        return int(state.messages)
    except NotFoundError:
        return 0
    finally:
        await client.close()


async def _connected(port: int) -> Client:
    async with asyncio.timeout(30):
        while True:
            try:
                client = await nats.connect(
                    f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=_silent
                )
                await client.jetstream().account_info()
            except (NatsError, JetStreamError, OSError, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                return client


async def _silent(_error: Exception) -> None:
    """Say nothing: a server that is not up yet, or was killed, is no news here."""


async def proof(work: Path) -> dict[str, int]:
    """Return how many messages each setting kept."""
    return {setting: await kept(work, setting) for setting in _SETTINGS}


def main() -> int:
    """Print the proof, or why it cannot be had here."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proving")
    parser.add_argument("--dir", type=Path, required=True)
    work = parser.parse_args().dir.absolute()
    enter("tests.faults.proving")
    said = {"not here": no_disk()} if no_disk() else asyncio.run(proof(work))
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
