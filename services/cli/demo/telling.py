"""Telling a person what the play showed: outcomes, acknowledgements, and who led when."""

from typing import Any

from services.cli.demo.play import Played, Result
from services.cli.output import say, table
from services.cli.showing import title


def tell(result: Result) -> None:
    """Print the outcome of every family and every example."""
    for played in result.families:
        _family(played)
    say("")
    say("Referrals")
    table(
        ("what", "kind", "answer", "ms", "went to"),
        (
            (
                example.name,
                title(sent.kind),
                "accepted" if sent.accepted else ", ".join(sorted(sent.codes)),
                f"{sent.took_ms:.0f}",
                ", ".join(t.agency.split(".")[1] for t in sent.decision.to),
            )
            for example, sent, _ in result.examples
        ),
    )
    say("")
    for fault in result.faults:
        say(f"WRONG: {fault}")
    count = len(result.families) + len(result.examples)
    say(f"{count} played, {len(result.faults)} wrong")


def _family(played: Played) -> None:
    say("")
    say(played.family.title)
    say(f"  child {played.family.child}, now at {played.track['journey']['level']}")
    if played.acknowledged_ms is not None:
        say(f"  acknowledged by a person after {played.acknowledged_ms / 1000:.1f} s")
    say(f"  {len(played.family.told)} outcomes told to {played.family.telling}")
    for row in played.track["custody"]:
        until = row["to"] or "now"
        say(f"  lead: {row['practitioner']} from {row['from']} until {until}")


def as_json(result: Result) -> dict[str, Any]:
    """Return the same for machines."""
    return {
        "families": [
            {
                "title": p.family.title,
                "child": p.family.child,
                "acknowledged_ms": p.acknowledged_ms,
                "journey": p.track["journey"],
                "clocks": p.track["clocks"],
                "custody": p.track["custody"],
                "faults": p.faults,
            }
            for p in result.families
        ],
        "examples": [
            {
                "name": e.name,
                "message": s.message,
                "child": s.child,
                "kind": s.kind,
                "outcome": s.decision.outcome.value,
                "reasons": sorted(s.codes),
                "took_ms": round(s.took_ms, 1),
                "faults": f,
            }
            for e, s, f in result.examples
        ],
        "faults": result.faults,
    }
