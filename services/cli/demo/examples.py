"""The referrals in `examples/`: what each is to become is said beside it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cli.demo.stage import Sent, Stage


@dataclass(frozen=True, slots=True)
class Example:
    """One document, who sends it, who countersigns, and the codes it is to be refused with."""

    name: str
    author: str
    countersigners: tuple[str, ...]
    refused_with: frozenset[str]
    body: dict[str, Any]


def read_examples(folder: Path) -> list[Example]:
    """Return the examples in `folder`, in the order of their names."""
    raise NotImplementedError


async def play_examples(
    stage: Stage, examples: Sequence[Example]
) -> AsyncIterator[tuple[Example, Sent, tuple[str, ...]]]:
    """Send every example and yield what became of it and what is wrong with that."""
    raise NotImplementedError
    yield
