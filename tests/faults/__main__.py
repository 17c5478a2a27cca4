"""`python -m tests.faults`: make every fault that this machine can make, and say what was lost.

`--messages` are sent with one seed while faults are made; `--cluster` does it with three servers in
place of one, `--only` makes one kind of fault, by the name of its class. Exits 1 unless the checker
found nothing.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.campaign import Campaign, Order, Report, ending_lines, recovery_lines
from tests.faults.catalogue import FAULTS
from tests.faults.enclosure import enter
from tests.faults.world import World

NODES = 3


def main() -> int:
    """Run one campaign as the arguments say, and return the exit code."""
    given = _arguments()
    enter("tests.faults")
    work = (
        Path(tempfile.mkdtemp(prefix="handrail-faults-"))
        if given.work is None
        else given.work.absolute()
    )
    nodes = NODES if given.cluster else 1
    _say(f"seed {given.seed}, {given.messages} messages, {nodes} server(s), in {work}")
    order = Order(given.messages, given.seed, given.rate, given.only)
    report = asyncio.run(_campaign(World(work, nodes), order))
    _print(report, nodes)
    if report.good and given.work is None:
        shutil.rmtree(work, ignore_errors=True)
    else:
        _say(f"logs and what was sent: {work}")
    return 0 if report.good else 1


async def _campaign(world: World, order: Order) -> Report:
    world.prepare()
    try:
        return await Campaign(world, order, _say).run()
    finally:
        await world.close()


def _print(report: Report, nodes: int) -> None:
    _write(f"\nHandrail under faults, {nodes} nats-server(s)\n")
    _write(report.table)
    _write("\n".join(recovery_lines(report)))
    for line in ending_lines(report):
        _write(line)
    for problem in report.problems:
        _write(f"PROBLEM: {problem}")
    _write(
        f"\n{report.acknowledged} messages acknowledged: {'good' if report.good else 'NOT GOOD'}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40, help="messages a second; 0: no limit")
    parser.add_argument("--cluster", action="store_true", help="three servers")
    names = [one.__name__ for one in FAULTS]
    parser.add_argument("--only", default="", choices=["", *names], metavar="FAULT")
    parser.add_argument("--work", type=Path, help="an empty folder that is kept")
    return parser.parse_args()


def _say(text: str) -> None:
    _write(f"{datetime.now(UTC):%H:%M:%S} {text}")


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
