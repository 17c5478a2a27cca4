"""Playing everything and telling what became of it; finds every fault before it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from services.cli.demo.checking import faults, received, tracked
from services.cli.demo.examples import PlayedExample, play_examples, read_examples
from services.cli.demo.families import FAMILIES, Family
from services.cli.demo.stage import Stage
from services.runtime.partnership import Partnership

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """A family after the play: what the tracker knows of it and what is wrong, if anything."""

    family: Family
    track: dict[str, Any]
    acknowledged_ms: float | None
    faults: tuple[str, ...]


@dataclass
class Result:
    """All that was played."""

    families: list[Played] = field(default_factory=list[Played])
    examples: list[PlayedExample] = field(default_factory=list[PlayedExample])
    leads: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def faults(self) -> list[str]:
        """Return every fault, with what it is a fault of."""
        found = [f"{p.family.title}: {one}" for p in self.families for one in p.faults]
        return found + [f"{p.example.name}: {one}" for p in self.examples for one in p.faults]


async def play(partnership: Partnership, examples: Path, say: Say) -> Result:
    """Play the families and every document in `examples`; `say` is told what is going on."""
    result = Result()
    async with Stage(partnership) as stage:
        for script in FAMILIES:
            before = len(stage.sent)
            family = await script(stage, lambda text: say(f"    {text}"))
            say(f"  {family.title}")
            result.families.append(await _finished(stage, family, len(stage.sent) - before))
        documents = read_examples(examples)
        say(f"  {len(documents)} referrals from {examples.name}/")
        async for one in play_examples(stage, documents):
            result.examples.append(one)
        for one in result.examples:
            if one.sent.accepted and one.sent.child not in result.leads:
                result.leads[one.sent.child] = await _leads(stage, one)
    return result


async def _finished(stage: Stage, family: Family, entries: int) -> Played:
    track = await tracked(stage, family.child, entries)
    told = await received(stage, family)
    found = tuple(faults(family, track, told))
    return Played(family, track, _acknowledgement(track), found)


async def _leads(stage: Stage, played: PlayedExample) -> str:
    """Return who has led this child, in order, and since when."""
    custody = (await tracked(stage, played.sent.child, 1))["custody"]
    return ", ".join(
        f"{row['practitioner'].split('.', 1)[1]} {row['from'][11:19]}" for row in custody
    )


def _acknowledgement(track: dict[str, Any]) -> float | None:
    """Return the milliseconds from a request's arrival to a person's acknowledgement."""
    for row in track["clocks"]:
        if row["rule"].startswith("acknowledge") and row["stopped_at"]:
            took = datetime.fromisoformat(row["stopped_at"]) - datetime.fromisoformat(
                row["started_at"]
            )
            return took.total_seconds() * 1000
    return None
