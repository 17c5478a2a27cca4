"""`python -m tests.mutate consent rules`: change what decides, and count what no test notices.

Exit status 1 when a mutant survives that is not listed in `equivalent.toml` with its reason.
"""

import argparse
import ast
import sys
import time
from itertools import islice

from tests.mutate.killing import survivors
from tests.mutate.sites import Mutant, mutants
from tests.mutate.targets import TARGETS, Target, equivalent


def main() -> int:
    """Mutate what is asked for, and print each survivor and the totals."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("targets", nargs="*", default=sorted(TARGETS), choices=sorted(TARGETS))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth mutant")
    parser.add_argument("--module", help="only this module, such as consent.family")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    begun, killed, harmless, alive = time.monotonic(), 0, 0, 0
    for target in _in_order([t for name in asked.targets for t in TARGETS[name]]):
        if asked.module in (None, target.module):
            found = _run(target, asked.every, asked.jobs)
            killed, harmless, alive = killed + found[0], harmless + found[1], alive + found[2]
    took = time.monotonic() - begun
    _say(
        f"{killed + harmless + alive} mutants: {killed} noticed, {harmless} decide the same "
        f"(listed with the reason), {alive} survived, in {took:.0f} s"
    )
    return 1 if alive else 0


def _in_order(targets: list[Target]) -> list[Target]:
    """Return first what others have imported before they begin: afterwards it is loaded."""
    ready = {name for target in targets for name in target.ready}
    return sorted(targets, key=lambda target: target.module not in ready)


def _run(target: Target, every: int, jobs: int) -> tuple[int, int, int]:
    """Return how many mutants of a module were noticed, how many are harmless, and survived."""
    listed = equivalent().get(target.module, {})
    chosen = list(islice(mutants(target.path.read_text()), 0, None, every))
    tried = [m for m in chosen if m.name not in listed]
    killed = alive = 0
    _must_pass(target)
    for mutant, survived in survivors(target, tried, jobs):
        killed, alive = killed + (not survived), alive + survived
        if survived:
            _tell(target, mutant)
    _say(f"{target.module}: {killed} of {len(tried)} noticed")
    return killed, len(chosen) - len(tried), alive


def _must_pass(target: Target) -> None:
    """End the run where the tests fail without any change: then they would notice nothing."""
    whole = Mutant(0, "", "unchanged", ast.parse(target.path.read_text()))
    if [survived for _, survived in survivors(target, [whole], 1)] != [True]:
        _say(f"{target.module}: the tests fail although nothing is changed")
        sys.exit(2)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _tell(target: Target, mutant: Mutant) -> None:
    _say(f"survived: {target.module}:{mutant.line}: {mutant.name}")


if __name__ == "__main__":
    sys.exit(main())
