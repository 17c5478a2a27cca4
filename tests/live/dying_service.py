"""A service whose handler kills its own process, for the tests of settlement.

`python dying_service.py URL` subscribes as `desk`, with redelivery after one second, and ends by
SIGKILL at the first record; without one it ends by itself after a moment.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from services.runtime.subscribing import Record, ledger_subscriber, make_broker


async def main() -> None:
    """Wait for a record and die of it."""
    broker = make_broker(sys.argv[1], None, name="dying")

    @ledger_subscriber(broker, "inbox.>", "desk", ack_wait_s=1)
    async def handle(_record: Record) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    await broker.start()
    await asyncio.sleep(10)


asyncio.run(main())
