"""The referrals in `examples/`: who sends each, and what is to become of it (`examples.toml`)."""

import re
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts import document as documents
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.identifiers import agency_of, new_reference
from contracts.messages import KINDS
from services.cli.demo.stage import Sent, Stage

_INDEX: Final = "examples.toml"
_REFERENCE: Final = re.compile(r"EXAMPLE[A-Z]+[0-9]+")


@dataclass(frozen=True, slots=True)
class Example:
    """One document, who sends and countersigns it, and the codes it is to be refused with."""

    name: str
    title: str
    author: str
    countersigners: tuple[str, ...]
    refused_with: frozenset[str]
    document: Document


def read_examples(folder: Path) -> list[Example]:
    """Return the examples of `folder` in the order in which its index wants them played.

    References are made anew, alike in all documents, so that they can be played again and again.
    Raises HandrailError `demo.no-examples` or `document.invalid`.
    """
    renamed: dict[str, str] = {}

    def fresh(found: re.Match[str]) -> str:
        return renamed.setdefault(found[0], new_reference())

    try:
        index = tomllib.loads((folder / _INDEX).read_text(encoding="utf-8"))["example"]
        texts = [(folder / one["file"]).read_text(encoding="utf-8") for one in index]
        return [
            Example(
                name=Path(one["file"]).stem,
                title=one["title"],
                author=one["author"],
                countersigners=tuple(one.get("countersigners", ())),
                refused_with=frozenset(one.get("reasons", ())),
                document=documents.read(_REFERENCE.sub(fresh, text).encode()),
            )
            for one, text in zip(index, texts, strict=True)
        ]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise HandrailError(
            "demo.no-examples",
            "the folder of examples or its index cannot be read",
            "name the project's `examples` folder with --examples",
        ) from error


@dataclass(frozen=True, slots=True)
class PlayedExample:
    """An example, what became of it, a person's acknowledgement, and what is wrong in words."""

    example: Example
    sent: Sent
    acknowledged: Sent | None
    faults: tuple[str, ...]

    @property
    def acknowledged_ms(self) -> float | None:
        """Return the milliseconds from the request's arrival to its acknowledgement."""
        if self.acknowledged is None:
            return None
        took = self.acknowledged.decision.now - self.sent.decision.now
        return took.total_seconds() * 1000


async def play_examples(stage: Stage, examples: Sequence[Example]) -> AsyncIterator[PlayedExample]:
    """Send every example; whoever receives a request acknowledges it; yield what became of it."""
    for example in examples:
        sent = await stage.send_document(
            example.author, example.document, *example.countersigners, as_typed=True
        )
        answer = await _acknowledge(stage, sent)
        yield PlayedExample(example, sent, answer, tuple(_faults(example, sent, answer)))


async def _acknowledge(stage: Stage, sent: Sent) -> Sent | None:
    """Let the duty desk of the first agency that received a request say that it took it."""
    others = [to.agency for to in sent.decision.to if to.agency != agency_of(sent.author)]
    if not sent.accepted or not KINDS[sent.kind].asks or not others:
        return None
    place = await stage.desk(others[0])
    desk = place.directory.agencies[others[0]].duty_desk
    if desk is None:
        return None
    return await stage.send(
        desk,
        {
            "kind": "message.acknowledged",
            "child": sent.child,
            "recipients": [agency_of(sent.author)],
            "basis": {"kind": "notice"},
            "answers": sent.message,
            "data": {},
        },
    )


def _faults(example: Example, sent: Sent, answer: Sent | None) -> Iterator[str]:
    if answer is not None and not answer.accepted:
        yield f"its acknowledgement was refused: {', '.join(sorted(answer.codes))}"
    if sent.codes != example.refused_with:
        wanted = ", ".join(sorted(example.refused_with)) or "acceptance"
        yield f"expected {wanted}, got {', '.join(sorted(sent.codes)) or 'acceptance'}"
