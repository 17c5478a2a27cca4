"""A process that holds a folder of state, runs its server and publishes until it is killed.

`python -m tests.live.holding_server FOLDER SEED`: prints the server's process id and the number of
every message that JetStream acknowledged, one per line.
"""

import asyncio
import sys
from pathlib import Path

from services.runtime.connection import connect
from services.runtime.nats_config import ServerPlan, ServiceUser
from services.runtime.nkeys import NKey
from services.runtime.server import EmbeddedServer, StateLock


def plan_for(key: NKey) -> ServerPlan:
    """Return the plan of a server that knows the exchange and nobody else."""
    user = ServiceUser("demo.exchange", key.public)
    return ServerPlan("127.0.0.1", 0, Path("unused"), (user,))


async def hold(folder: Path, key: NKey) -> None:
    """Run the server and publish one message after another; does not return."""
    with StateLock(folder) as lock:
        async with EmbeddedServer(lock, plan_for(key)) as server:
            print(server.pid, flush=True)  # noqa: T201 - the test reads it
            client = await connect(server.url, key, name="holder")
            stream = client.jetstream()
            await stream.add_stream(name="LEDGER", subjects=["journey.>"])
            while True:
                stored = await stream.publish("journey.x", b"entry")
                print(stored.seq, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1]), NKey.from_seed(sys.argv[2])))
