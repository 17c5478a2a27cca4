"""`python -m tests.golden NOTE`: record the next golden set with the formats of this release."""

import asyncio
import shutil
import sys

from tests.golden.making import record
from tests.golden.reading import SETS


def main() -> None:
    """Record the next set; the note says what is new in it."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.golden NOTE")
    SETS.mkdir(exist_ok=True)
    number = max((int(p.name) for p in SETS.iterdir() if p.name.isdecimal()), default=0) + 1
    folder = SETS / str(number)
    try:
        asyncio.run(record(folder, sys.argv[1]))
    finally:
        shutil.rmtree(folder.with_name(f".{folder.name}.state"), ignore_errors=True)
    sys.stdout.write(f"recorded set {number}\n")


if __name__ == "__main__":
    main()
