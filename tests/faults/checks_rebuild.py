"""Build the tracker's tables anew in a database apart: `python -m tests.faults.checks_rebuild`.

This is the tracker's own code, run in a process of its own: what it makes of the ledger today is
what the checker holds against the tables that lived through the faults; those stay untouched.
"""

import argparse
import asyncio
from pathlib import Path

from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.tracker.rebuild import rebuild


def main() -> int:
    """Build the tables of the partnership in `--state` in the SQLite file `--into`."""
    parser = argparse.ArgumentParser(prog="tests.faults.checks_rebuild", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--url", required=True)
    given = parser.parse_args()
    url = f"sqlite:///{given.into}"
    settings = Settings.load(state_dir=given.state, nats_url=given.url, tracker_database_url=url)
    asyncio.run(rebuild(Partnership.load(settings)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
