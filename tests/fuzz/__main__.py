"""`python -m tests.fuzz [--seconds N] [TARGET …]`: fuzz, guided by coverage, and print a table.

Each target runs in a process of its own. What escapes its closed set is kept under `build/fuzz`;
the exit status is then 1, and the file belongs, once mended, into `tests/fuzz/corpus/<target>`.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fuzz.registry import MAIN, TARGETS

KEPT: Final = Path(__file__).parents[2] / "build" / "fuzz"
NO_ATHERIS: Final = "atheris is not installed: it has no wheel for this Python or system"
_COVERED: Final = re.compile(r"cov: (\d+)")
_RUNS: Final = re.compile(r"stat::number_of_executed_units: (\d+)")


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to; `escaped` are the inputs that fell out of the closed set."""

    target: str
    runs: int
    covered: int
    outcomes: dict[str, int]
    escaped: tuple[Path, ...]
    finished: bool
    said: str


def can_fuzz() -> bool:
    """Tell whether atheris is here."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(
    target: str, *, seconds: int = 0, runs: int = -1, seed: int = 1, kept: Path = KEPT
) -> Result:
    """Fuzz one target in a process of its own, for `seconds` or `runs`; keep what escapes."""
    with tempfile.TemporaryDirectory(prefix="handrail-fuzz-") as folder:
        work = Path(folder)
        command = [sys.executable, "-m", "tests.fuzz.guided", target, "--work", folder]
        command += ["--seconds", str(seconds), "--runs", str(runs), "--seed", str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        covered, ran = _COVERED.findall(done.stderr), _RUNS.findall(done.stderr)
        return Result(
            target,
            int(ran[-1]) if ran else 0,
            int(covered[-1]) if covered else 0,
            _outcomes(work / "outcomes"),
            tuple(_keep(one, kept / target) for one in sorted((work / "artifacts").glob("*"))),
            done.returncode == 0,
            done.stderr,
        )


def _outcomes(file: Path) -> dict[str, int]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    made: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return {name: int(count) for name, count in made.items()}


def _keep(file: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / file.name
    place.write_bytes(file.read_bytes())
    return place


def main() -> int:
    """Fuzz what is asked for, the main targets where nothing is, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(sorted(TARGETS)))
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every target")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if not can_fuzz():
        _say(NO_ATHERIS)
        return 2
    names = sorted(TARGETS) if asked.all else asked.targets or MAIN
    results = [_one(name, asked.seconds, asked.seed) for name in names]
    escaped = sum(len(one.escaped) for one in results)
    runs = sum(one.runs for one in results)
    _say(f"{len(results)} targets, {runs:,} inputs, {escaped} escaped the closed set")
    return 1 if escaped or not all(one.finished for one in results) else 0


def _one(name: str, seconds: int, seed: int) -> Result:
    found = fuzz(name, seconds=seconds, seed=seed)
    state = "ok" if found.finished else "ESCAPED" if found.escaped else "DID NOT RUN"
    _say(
        f"{name:16} {found.runs:>9,} inputs  {found.covered:>6,} edges  "
        f"{len(found.outcomes):>3} outcomes  {state}"
    )
    if not found.finished:
        _say(found.said[-3000:])
    for file in found.escaped:
        _say(f"  kept as {file.relative_to(KEPT.parents[1])}")
    return found


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
