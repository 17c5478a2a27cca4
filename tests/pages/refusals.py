"""The page that explains every reason for refusal."""

from pathlib import Path
from typing import Final

from contracts.reasons import Reason, reasons

HEAD: Final = Path(__file__).with_name("refusals.in.md")

_TITLES: Final = {
    "seal": "The seal",
    "message": "The message",
    "agency": "Agencies",
    "practitioner": "People who sign",
    "recipient": "Recipients",
    "countersign": "Countersignatures",
    "statements": "Statements",
    "pack": "The pack of a step up",
    "stepup": "Step up",
    "stepdown": "Step down",
    "consent": "Consent",
    "override": "Consent set aside",
    "basis": "The basis",
    "protection": "Child protection",
    "request": "Requests and their answers",
    "lead": "The lead professional",
    "assessment": "Assessment",
    "case": "Cases of social care",
    "notice": "Notices of services",
    "history": "Replayed history",
    "exchange": "The exchange itself",
    "journey": "The journey",
    "caf": "CAF and early help",
    "family": "The family's choice",
    "meeting": "Meetings",
    "plan": "Child protection plans",
    "telling": "Telling people",
    "child": "The child",
    "withdrawal": "Messages sent in error",
    "redirect": "Requests that belong elsewhere",
    "return": "Requests returned for gaps",
    "handover": "Handing on work",
    "standard": "Standards of time",
    "check": "Agency checks",
    "disagreement": "Disagreements",
    "task": "Tasks",
    "incident": "Serious incidents",
}


def page() -> str:
    """Return the text of `docs/refusals.md`: the reasons in the order of the closed list."""
    lines = [HEAD.read_text(encoding="utf-8")]
    group = ""
    for reason in reasons().values():
        prefix = reason.code.partition(".")[0]
        if prefix != group:
            group = prefix
            lines.append(f"## {_TITLES.get(prefix, prefix.replace('-', ' ').capitalize())}\n")
        lines.append(_section(reason))
    return "\n".join(lines)


def _section(reason: Reason) -> str:
    message = reason.message[:1].upper() + reason.message[1:]
    return (
        f"### `{reason.code}`\n\n{message}.\n\n"
        f"- What to do: {reason.remedy}.\n- See: {reason.citation}.\n"
    )
