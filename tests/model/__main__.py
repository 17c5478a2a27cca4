"""`python -m tests.model --steps 200000`: drive families, and print how many steps agreed."""

import argparse
import sys
import time

from tests.model.driver import DisagreementError, drive


def main() -> int:
    """Drive, print the counts, and fail at the first disagreement."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first family")
    asked = parser.parse_args()
    begun = time.monotonic()
    try:
        counts = drive(asked.steps, asked.seed)
    except DisagreementError as found:
        _say("\n  ".join(("disagreement, seed of the family first:", *map(str, found.args))))
        return 1
    took = time.monotonic() - begun
    steps = counts.pop("steps")
    _say(f"{steps:,} steps of {counts.pop('families'):,} families agreed, in {took:.0f} s")
    for name, count in sorted(counts.items()):
        _say(f"  {name:<12} {count:>10,}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
