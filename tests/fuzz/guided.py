"""One target under atheris (libFuzzer), in a process of its own: `python -m tests.fuzz.guided`.

Coverage of our own code guides it; mutation knows JSON, so that most inputs get past the first
reader. What escapes ends the process, and its input lies in the folder of artifacts.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

import atheris

_SHARE_OF_STRUCTURE = 0.8
_LONGEST_INPUT_S = 30
_TOLD_EVERY = 100
_OURS = ["contracts", "consent", "services"]


def main() -> None:
    """Fuzz one target for some seconds or runs, and write what came of it to `outcomes`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--work", type=Path, required=True, help="folder for corpus and artifacts")
    parser.add_argument("--seconds", type=int, default=0, help="0 for no limit")
    parser.add_argument("--runs", type=int, default=-1, help="-1 for no limit")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with atheris.instrument_imports(include=_OURS, enable_loader_override=False):
        from tests.fuzz.mutating import mutated  # noqa: PLC0415 - instrumented
        from tests.fuzz.registry import found_before, target_of  # noqa: PLC0415 - instrumented

        target = target_of(asked.target)
    corpus, artifacts = asked.work / "corpus", asked.work / "artifacts"
    for folder in (corpus, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    begun = [*target.seeds(), *(path.read_bytes() for path in found_before(target.name))]
    for number, seed in enumerate(begun):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    told: Counter[str] = Counter()
    log = (asked.work / "outcomes").open("w", encoding="utf-8")

    def one_input(data: bytes) -> None:
        outcome = target.outcome(data)
        told[outcome] += 1
        if told[outcome] == 1 or told.total() % _TOLD_EVERY == 0:
            log.write(json.dumps(told) + "\n")
            log.flush()

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() > _SHARE_OF_STRUCTURE:
            return bytes(atheris.Mutate(data, most))
        return mutated(data, random, target.seeds())[:most]

    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-artifact_prefix={artifacts}/",
            f"-max_total_time={asked.seconds}",
            f"-runs={asked.runs}",
            f"-seed={asked.seed}",
            f"-timeout={_LONGEST_INPUT_S}",
            "-max_len=131072",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ],
        one_input,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
