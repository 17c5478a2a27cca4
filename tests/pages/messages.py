"""The page that explains every kind of message."""

import inspect
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args

from contracts.kinds import EVERY_ROLE, Kind, NoContent
from contracts.messages import KINDS
from contracts.roles import Capacity, Role
from contracts.rules import RulePacks, shipped_packs

HEAD: Final = Path(__file__).with_name("messages.in.md")
ROLES: Final = {
    Role.UNIVERSAL: "universal service",
    Role.CAF_TEAM: "CAF team",
    Role.FIRST_RESPONSE: "First Response",
    Role.SOCIAL_CARE: "social care",
}
_GENERAL: Final = {6: "any", 5: "any but notice"}


def page() -> str:
    """Return the text of `docs/messages.md`: a table of all kinds, then one section for each."""
    head = HEAD.read_text(encoding="utf-8").replace("@@TABLE@@", _table())
    packs = shipped_packs()
    return "\n".join([head, *(_section(kind, packs) for kind in KINDS.values())])


def senders_of(kind: Kind) -> str:
    """Return who may send `kind`, in words."""
    if kind.by_service:
        return "a service"
    if kind.senders == EVERY_ROLE:
        return "any agency"
    return ", ".join(ROLES[role] for role in Role if role in kind.senders)


def _table() -> str:
    rows = ["| kind | sent by | basis | paragraph |", "|---|---|---|---|"]
    for kind in KINDS.values():
        anchor = kind.name.replace(".", "")
        link = f"[`{kind.name}`](#{anchor})"
        rows.append(f"| {link} | {senders_of(kind)} | {_bases(kind)} | {kind.cites} |")
    return "\n".join(rows)


def _bases(kind: Kind) -> str:
    allowed = sorted(basis.value.replace("_", " ") for basis in kind.bases)
    return _GENERAL.get(len(allowed), ", ".join(allowed))


def _section(kind: Kind, packs: RulePacks) -> str:
    lines = [f"## `{kind.name}`\n", f"{kind.title} ({kind.cites}).", *_about(kind), ""]
    lines += [f"- Field `{name}`: {_field(kind, name)}" for name in kind.content.model_fields]
    lines += [f"- {row}" for row in _conditions(kind)]
    lines += [f"- {row}" for row in _rules(kind, packs)]
    return "\n".join(lines).rstrip() + "\n"


def _about(kind: Kind) -> list[str]:
    if kind.content is NoContent:
        return []
    return [" ".join(part.split()) for part in inspect.getdoc(kind.content).split("\n\n")]  # type: ignore[union-attr]


def _field(kind: Kind, name: str) -> str:
    found = kind.content.model_fields[name]
    codes = [code for enum in _enums(found.annotation) for code in enum]
    words = ", ".join(f"`{code.value}`" for code in codes) or _type(found.annotation)
    return words + ("" if found.is_required() else " (may be left out)")


def _enums(annotation: Any) -> Iterable[type[StrEnum]]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield annotation
    for part in get_args(annotation):
        yield from _enums(part)


_TYPES: Final = {
    "bool": "yes or no",
    "datetime": "an instant",
    "int": "a whole number",
    "str": "a reference or code",
}


def _type(annotation: Any) -> str:
    found = [word for name, word in _TYPES.items() if re.search(rf"\b{name}\b", str(annotation))]
    return found[0] if found else "see the schema"


def _conditions(kind: Kind) -> Iterable[str]:
    if kind.authors:
        yield f"Signed by: {_capacities(kind.authors)}"
    if kind.countersigned_by:
        yield f"Countersigned by: {_capacities(kind.countersigned_by)}"
    if kind.opening:
        yield "It may be about a child without a journey"
    if kind.asks:
        yield "It asks: somebody must acknowledge and answer it"
    if not kind.addressed:
        yield "It needs no recipient"


def _capacities(capacities: Iterable[Capacity]) -> str:
    wanted = set(capacities)
    return ", ".join(c.value.replace("_", " ") for c in Capacity if c in wanted)


def _rules(kind: Kind, packs: RulePacks) -> Iterable[str]:
    for table in ("guards", "parts", "tells"):
        for rule in getattr(packs, table).values():
            if kind.name in rule.applies_to:
                yield f"Rule `{rule.id}`: {rule.title}"
    for clock in packs.clocks.values():
        if kind.name in clock.starts_on:
            yield f"Clock `{clock.id}`: {clock.title}"
