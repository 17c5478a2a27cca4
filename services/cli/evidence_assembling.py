"""From what the services hand out to an evidence file: everything once, in a fixed order."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.directory import Directory
from contracts.evidence import Evidence
from contracts.evidence.form import EvidenceJourney
from contracts.log import LogProof, digest_of

Answer = dict[str, Any]


@dataclass
class Gathered:
    """What the services handed out about a child or a message, as JSON was read.

    Of each reference the `journeys` hold its entries, most with an attestation of their own, whose
    `group` is a text; `answers` are the parts of receipts,
    `clocks` what the tracker signed. `first` is the first group of the log, where it is needed.
    """

    child: str | None = None
    message: str | None = None
    journeys: dict[str, list[Answer]] = field(default_factory=dict[str, list[Answer]])
    answers: list[Answer] = field(default_factory=list[Answer])
    clocks: list[str] = field(default_factory=list[str])
    first: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the texts of the groups that entries and answers name, each once.

        Of an entry that has none, the group is the one of its answer.
        """
        entries = (entry for journey in self.journeys.values() for entry in journey)
        named = (one.get("group") for one in (*entries, *self.answers))
        return tuple(dict.fromkeys(group for group in (*named, self.first) if group))


def assemble(
    gathered: Gathered, log: LogProof | None, directory: Directory, signed: str, at: datetime
) -> Evidence:
    """Return the evidence file, made at `at`; `signed` is the text of `directory`.

    Raises pydantic's ValidationError where what was handed out does not fit the form.
    """
    partnership = directory.document.partnership
    by_text = {answer["decision"]: answer for answer in gathered.answers}
    answers = [
        {**answer, "group": digest_of(answer["group"])} for _, answer in sorted(by_text.items())
    ]
    journeys = [
        EvidenceJourney.model_validate(
            {"child": child, "entries": [_entry(entry, by_text) for entry in entries]}
        )
        for child, entries in gathered.journeys.items()
    ]
    return Evidence.model_validate(
        {
            "made_at": at,
            "partnership": partnership,
            "exchange": f"{partnership}.exchange",
            "child": gathered.child,
            "message": gathered.message,
            "root": directory.root_x,
            "directory": signed,
            "journeys": journeys,
            "answers": answers,
            "clocks": gathered.clocks,
            "groups": gathered.groups,
            "log": log,
        }
    )


def _entry(entry: Answer, by_text: dict[str, Answer]) -> Answer:
    """Return an entry with the attestation of its decision: its own, or else its answer's.

    Answers are kept for 400 days; entries of earlier releases have none of their own.
    """
    by = entry if entry.get("group") else by_text.get(entry["decision"])
    if by is None:
        return entry
    return {**entry, "group": digest_of(by["group"]), "place": by["place"]}
