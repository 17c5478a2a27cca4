"""The examples: documents for the demonstration partnership, and what is expected of each.

`examples/examples.toml` lists them in an order in which they can be played.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.document import Document, read
from contracts.errors import HandrailError
from contracts.records import Outcome

INDEX = "examples.toml"


@dataclass(frozen=True, slots=True)
class Example:
    """One document, who sends it, and what the exchange answers.

    `name` is its path below the folder of examples, `after` the names of those that must have been
    accepted before, `countersigners` the ids of those who sign beside the author, `reasons` the
    codes of a refusal.
    """

    name: str
    title: str
    path: Path
    author: str
    countersigners: tuple[str, ...]
    after: tuple[str, ...]
    outcome: Outcome
    reasons: frozenset[str]

    def document(self) -> Document:
        """Return the document; raises HandrailError `document.invalid`."""
        return read(self.path.read_bytes())


def examples(folder: Path) -> tuple[Example, ...]:
    """Return the examples of `folder`, in the order of play.

    Raises HandrailError `examples.missing` when the folder has no index that can be read.
    """
    try:
        entries = tomllib.loads((folder / INDEX).read_text(encoding="utf-8"))["example"]
        return tuple(_example(folder, entry) for entry in entries)
    except (OSError, tomllib.TOMLDecodeError, KeyError, ValueError):
        raise HandrailError(
            "examples.missing",
            "the folder of examples has no index that can be read",
            "run from a clone of Handrail, or name the folder that holds examples.toml",
        ) from None


def _example(folder: Path, entry: dict[str, Any]) -> Example:
    return Example(
        name=entry["file"],
        title=entry["title"],
        path=folder / entry["file"],
        author=entry["author"],
        countersigners=tuple(entry.get("countersigners", ())),
        after=tuple(entry.get("after", ())),
        outcome=Outcome(entry["outcome"]),
        reasons=frozenset(entry.get("reasons", ())),
    )
