"""Read rule packs: from text that an operator wrote, or from those that come with Handrail.

A mistake in a pack is never passed over: a rule that silently does nothing looks like one that is
kept. All mistakes of a file are told at once, each with its line where the text shows it.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.rules.combined import RulePacks, combine
from contracts.rules.mistakes import Mistake, Place, Vocabulary, contradictions, unknown_names
from contracts.rules.packs import RulePack
from contracts.rules.wording import in_words

USUAL: Final = ("handrail-defaults", "devon", "rochdale-2013", "working-together-2023")
"""The packs of a partnership that names none, in the order combined: statutory guidance last."""

SHIPPED: Final = (*USUAL[:1], "devon-plan", "devon", "york", "merton", *USUAL[2:])
"""All packs that come with Handrail, in the order in which several of them combine."""


def load_pack(text: str, name: str, known: Vocabulary | None = None) -> RulePack:
    """Return the rule pack written in `text` (TOML); `name` is what error messages call the file.

    `known`, where given, is what rules may name; a rule that names anything else is a mistake.
    Raises HandrailError `rules.bad-pack` that lists every mistake with its line where known.
    """
    try:
        pack = RulePack.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _bad_pack([f"{name}: {error}"]) from error
    except RecursionError as error:
        raise _bad_pack([f"{name}: nested too deeply"]) from error
    except ValidationError as error:
        found: list[Mistake] = [(fault["loc"], in_words(fault)) for fault in error.errors()]
        raise _bad_pack([_worded(text, name, mistake) for mistake in found]) from error
    except ValueError as error:  # what `tomllib` lets through: thousands of digits
        raise _bad_pack([f"{name}: holds a number that is too long"]) from error
    mistakes = [*contradictions(pack), *(unknown_names(pack, known) if known else ())]
    if mistakes:
        raise _bad_pack([_worded(text, name, mistake) for mistake in mistakes])
    return pack


@cache
def shipped(name: str) -> RulePack:
    """Return the pack `name` (one of `SHIPPED`) that comes with Handrail.

    Raises HandrailError `rules.unknown-pack` for any other name.
    """
    if name not in SHIPPED:
        raise HandrailError(
            "rules.unknown-pack",
            "no rule pack of that name comes with Handrail",
            "choose one of " + ", ".join(SHIPPED) + ", or give the path of a pack of your own",
        )
    file = resources.files("contracts.rules").joinpath(f"{name}.toml")
    return load_pack(file.read_text(encoding="utf-8"), file.name)


def shipped_packs() -> RulePacks:
    """Return the packs of a partnership that names none, combined in the order of `USUAL`."""
    return combine(shipped(name) for name in USUAL)


def _worded(text: str, name: str, mistake: Mistake) -> str:
    place, message = mistake
    line = _line_of(text, place)
    return f"{name}{f' line {line}' if line else ''}: {_where(text, place)}: {message}"


def _where(text: str, place: Place) -> str:
    """Return where a mistake is, as `warn of clocks entry 2 (decide-request)`."""
    if not place:
        return "the pack"
    if len(place) == 1 or not isinstance(place[1], int):
        return ".".join(map(str, place))
    rest = ".".join(str(part) for part in place[2:])
    entry = f"{place[0]} entry {place[1] + 1}{_called(text, str(place[0]), place[1])}"
    return f"{rest} of {entry}" if rest else entry


def _called(text: str, table: str, index: int) -> str:
    try:
        identity = tomllib.loads(text)[table][index]["id"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    named = isinstance(identity, str) and identity.isascii() and identity.isprintable()
    return f" ({identity[:60]})" if named else ""


def _line_of(text: str, place: Place) -> int | None:
    """Return the line (from 1) of the entry and key that `place` names, or None if not found.

    `tomllib` keeps no positions, so the headers of array tables are counted in the text.
    """
    lines = text.splitlines()
    start, key = 0, place[0] if place else None
    if len(place) > 1 and isinstance(place[1], int):
        header = re.compile(rf"\s*\[\[\s*{re.escape(str(place[0]))}\s*\]\]")
        headers = [number for number, line in enumerate(lines) if header.match(line)]
        if place[1] >= len(headers):
            return None
        start, key = headers[place[1]] + 1, place[2] if len(place) > 2 else None  # noqa: PLR2004
    assignment = re.compile(rf"\s*{re.escape(str(key))}\s*=")
    for number, line in enumerate(lines[start:], start + 1):
        if line.lstrip().startswith("["):
            break
        if key is not None and assignment.match(line):
            return number
    return start or None


def _bad_pack(mistakes: Sequence[str]) -> HandrailError:
    return HandrailError(
        "rules.bad-pack",
        "; ".join(mistakes),
        "correct the file at the places named and start again; nothing of it has been taken up",
    )
