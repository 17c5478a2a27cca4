"""The page that lists what every identity may publish and subscribe to."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.runtime.nats_plan import Limits

HEAD: Final = Path(__file__).with_name("permissions.in.md")
TABLE: Final = Path(__file__).with_name("permissions.toml")


@dataclass(frozen=True)
class Line:
    """What a few subjects are for."""

    about: str
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """One identity with what it may publish, never publishes all the same, and subscribes to."""

    name: str
    account: str
    about: str
    publish: tuple[Line, ...]
    never: tuple[Line, ...]
    subscribe: tuple[Line, ...]

    def published(self, names: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the patterns that it may publish to; `names` fill in what stands in braces."""
        return _patterns(self.publish, names)

    def denied(self, names: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the patterns that are taken from those again."""
        return _patterns(self.never, names)

    def subscribed(self, names: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the patterns that it may subscribe to."""
        return _patterns(self.subscribe, names)


@cache
def identities() -> tuple[Identity, ...]:
    """Return the table."""
    read: dict[str, Any] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    groups = {
        name: Line(one["about"], tuple(one["subjects"])) for name, one in read["group"].items()
    }

    def lines(one: dict[str, Any], what: str) -> tuple[Line, ...]:
        return tuple(groups[name] for name in one.get(what, ()))

    return tuple(
        Identity(
            one["name"],
            one["account"],
            one["about"],
            lines(one, "publish"),
            lines(one, "never"),
            lines(one, "subscribe"),
        )
        for one in read["identity"]
    )


def matches(pattern: str, subject: str) -> bool:
    """Tell whether every subject that `subject` stands for is one that `pattern` stands for."""
    wanted, given = pattern.split("."), subject.split(".")
    for place, token in enumerate(wanted):
        if token == ">":
            return len(given) > place
        if place >= len(given) or given[place] == ">" or (token not in ("*", given[place])):
            return False
    return len(wanted) == len(given)


def page() -> str:
    """Return the page."""
    bounds = Limits()
    lines = [HEAD.read_text(encoding="utf-8").rstrip()]
    lines += [
        f"| connections at once | {bounds.connections} |",
        f"| subscriptions of one connection | {bounds.subscriptions} |",
        f"| bytes of a message | {bounds.payload:,} |",
        "",
    ]
    for one in identities():
        lines.append(_section(one))
    return "\n".join(lines)


def _section(one: Identity) -> str:
    rows = [f"| publish | {_cell(line)} |" for line in one.publish]
    rows += [f"| **never** publish | {_cell(line)} |" for line in one.never]
    rows += [f"| subscribe | {_cell(line)} |" for line in one.subscribe]
    about = one.about[:1].upper() + one.about[1:]
    head = f"## {one.name}\n\n{about}; account `{one.account}`.\n"
    return "\n".join((head, "| may | to | subjects |", "|---|---|---|", *rows)) + "\n"


def _cell(line: Line) -> str:
    subjects = ", ".join(f"`{_shown(subject)}`" for subject in line.subjects)
    return f"{line.about} | {subjects}"


def _shown(subject: str) -> str:
    """Return a pattern as people read it, with what stands for a name in angle brackets."""
    names = {
        "{agency}": "<agency>",
        "{inbox}": "LEDGER.inbox_<agency>",
        "{me}": "<its id>",
        "{replies}": "_INBOX.<its key>",
        "{desks}": "_INBOX.<desk's key>",
    }
    for placeholder, name in names.items():
        subject = subject.replace(placeholder, name)
    return subject


def _patterns(lines: tuple[Line, ...], names: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    for subject in (subject for line in lines for subject in line.subjects):
        held = [name for name in names if f"{{{name}}}" in subject]
        if held:
            (name,) = held
            found.update(subject.replace(f"{{{name}}}", value) for value in names[name])
        else:
            found.add(subject)
    return found
