"""`make bench`: the exchange against its baselines, where its time goes, and how things start."""

import argparse
import asyncio
import gc
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import matching, rules, story, tracker, worktime
from benchmarks.breakdown import measure
from benchmarks.exchange import Round, one_round
from benchmarks.processes import help_seconds, up_and_memory
from benchmarks.workload import Workload
from services.runtime.collecting import calm_collector

OUT = Path("build/bench.json")


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "least": min(values), "most": max(values)}


def _exchange(rounds: Sequence[Round]) -> dict[str, Any]:
    series = {
        "accepted_per_s": [r.accepted for r in rounds],
        "bare_loop_per_s": [r.bare for r in rounds],
        "ratio_to_bare_loop": [r.accepted / r.bare for r in rounds],
        "obvious_way_per_s": [r.obvious for r in rounds],
        "ratio_to_obvious_way": [r.accepted / r.obvious for r in rounds],
    }
    made: dict[str, Any] = {name: median(values) for name, values in series.items()}
    made["spread"] = {name: _spread(values) for name, values in series.items()}
    made["rounds"] = len(rounds)
    return made


def _rules(whole: float) -> dict[str, float]:
    """Measure deciding against all packs; `whole` is the exchange's time per message in us."""
    cost = rules.measure()
    made = {**asdict(cost), "decide_share": cost.decide / whole, "judge_share": cost.judge / whole}
    print(
        f"against all packs: {cost.decide:.1f} us to decide ({made['decide_share']:.0%} of the "
        f"exchange's time per message), {cost.judge:.1f} us of it by {cost.rules} rules"
    )
    return made


async def _rounds(workload: Workload, count: int) -> list[Round]:
    rounds: list[Round] = []
    for number in range(1, count + 1):
        one = await one_round(workload)
        rounds.append(one)
        print(
            f"round {number}: exchange {one.accepted:,.0f}/s, bare loop {one.bare:,.0f}/s "
            f"({one.accepted / one.bare:.2f}), obvious way {one.obvious:,.0f}/s "
            f"({one.accepted / one.obvious:.1f})",
            flush=True,
        )
    return rounds


def main() -> None:
    """Run every benchmark, print what it found, and write `build/bench.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    calm_collector()
    workload = Workload()
    made: dict[str, Any] = {"exchange": _exchange(asyncio.run(_rounds(workload, rounds)))}
    breakdown = asdict(measure(workload, workload.make(400)))
    made["exchange"]["us_per_message"] = breakdown
    whole = 1e6 / made["exchange"]["accepted_per_s"]
    breakdown["commit_and_reading"] = max(0.0, whole - sum(breakdown.values()))
    for name, value in breakdown.items():
        print(f"  {name:20} {value:7.1f} us per message")
    made["rules"] = _rules(whole)
    made["worktime_per_s"] = asdict(worktime.report())
    made["tracker"] = asdict(tracker.report())
    made["story"] = asdict(story.report())
    made["matching"] = asdict(matching.report())
    gc.collect()
    made["help_s"] = help_seconds()
    made["up_to_ready_s"], made["resident_bytes"] = up_and_memory()
    print(f"handrail --help      {made['help_s']:.2f} s")
    print(f"handrail up, ready   {made['up_to_ready_s']:.2f} s")
    for name, size in made["resident_bytes"].items():
        print(f"  {name:18} {size / 1024**2:6.1f} MiB resident")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    exchange = made["exchange"]
    print(
        f"exchange: {exchange['accepted_per_s']:,.0f} accepted/s, "
        f"{exchange['ratio_to_bare_loop']:.2f} of a bare loop, "
        f"{exchange['ratio_to_obvious_way']:.1f} times the obvious way; see {OUT}"
    )


if __name__ == "__main__":
    main()
