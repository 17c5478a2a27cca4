"""The story service as a process that tests may kill: `story_alone.py FOLDER URL`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from services.runtime import log
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.story.app import run


async def main() -> None:
    """Serve until somebody ends this process."""
    log.configure("story", level="ERROR")
    settings = Settings.load(state_dir=Path(sys.argv[1]), nats_url=sys.argv[2])
    await run(Partnership.load(settings), asyncio.Event(), ready=lambda: None)


asyncio.run(main())
