"""Telling a person what the play showed: outcomes, acknowledgements, and who led when."""

from typing import Any

from services.cli.demo.play import Played, Result
from services.cli.output import say, table


def tell(result: Result) -> None:
    """Print the outcome of every family and every example."""
    for played in result.families:
        _family(played)
    say("")
    say("Referrals")
    table(
        ("what", "answer", "in ms", "acknowledged", "lead professional since"),
        (
            (
                played.example.title,
                "accepted" if played.sent.accepted else ", ".join(sorted(played.sent.codes)),
                f"{played.sent.took_ms:.0f}",
                "-" if played.acknowledged_ms is None else f"{played.acknowledged_ms:.0f} ms",
                result.leads.get(played.sent.child, "") or "-",
            )
            for played in result.examples
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
                "name": p.example.name,
                "message": p.sent.message,
                "child": p.sent.child,
                "kind": p.sent.kind,
                "outcome": p.sent.decision.outcome.value,
                "reasons": sorted(p.sent.codes),
                "took_ms": round(p.sent.took_ms, 1),
                "acknowledged_ms": p.acknowledged_ms,
                "leads": result.leads.get(p.sent.child, ""),
                "faults": p.faults,
            }
            for p in result.examples
        ],
        "faults": result.faults,
    }
