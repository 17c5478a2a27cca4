"""The page that lists every paragraph of the guidance with its kinds, rules and tests."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.messages import KINDS
from contracts.reasons import reasons
from contracts.rules import RulePacks, shipped_packs
from tests.pages.citations import paragraphs_of

HEAD: Final = Path(__file__).with_name("guidance.in.md")
FOLDER: Final = Path(__file__).parents[1] / "guidance"
TABLES: Final = ("clocks", "guards", "parts", "tells")
PROTOCOL: Final = "rochdale-2013"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph: what it asks, how it is carried, and why nothing may be forbidden by it."""

    id: str
    section: str
    asks: str
    carried: str
    kinds: tuple[str, ...]
    forbids_nothing: str = ""


@dataclass(frozen=True)
class Shown:
    """A test that shows what a paragraph allows or forbids."""

    paragraph: str
    forbids: bool
    file: str
    name: str


def paragraphs() -> tuple[Paragraph, ...]:
    """Return the paragraphs and principles in the order of the guidance."""
    text = (FOLDER / "paragraphs.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["paragraph"]
    return tuple(Paragraph(**{**row, "kinds": tuple(row["kinds"])}) for row in rows)


def shown() -> tuple[Shown, ...]:
    """Return every test of this folder that is marked with a paragraph, by reading its source."""
    return tuple(
        one for path in sorted(FOLDER.glob("test_*.py")) for one in _marked(path, _tree(path))
    )


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _marked(path: Path, tree: ast.Module) -> Iterator[Shown]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            if decorator.func.attr in ("allows", "forbids"):
                for argument in decorator.args:
                    paragraph = ast.literal_eval(argument)
                    yield Shown(paragraph, decorator.func.attr == "forbids", path.name, node.name)


def page() -> str:
    """Return the text of `docs/guidance.md`."""
    packs, tests = shipped_packs(), shown()
    lines = [HEAD.read_text(encoding="utf-8")]
    section = ""
    for paragraph in paragraphs():
        if paragraph.section != section:
            section = paragraph.section
            lines.append(f"## {section}\n")
        lines.append(_paragraph(paragraph, packs, tests))
    return "\n".join(lines)


def rules_of(paragraph: str, packs: RulePacks) -> tuple[str, ...]:
    """Return the rules in force that cite `paragraph`, as `table.id`."""
    known = [p.id for p in paragraphs()]
    found = []
    for pack in packs.packs:
        for table in TABLES:
            for entry in getattr(pack, table):
                in_force = getattr(packs, table)[entry.id] is entry
                cited = paragraphs_of(entry.citation, known, guidance=pack.id == PROTOCOL)
                if in_force and paragraph in cited:
                    found.append(f"{table}.{entry.id}")
    return tuple(found)


def refusals_of(paragraph: str) -> tuple[str, ...]:
    """Return the refusal codes that cite `paragraph`."""
    known = [p.id for p in paragraphs()]
    return tuple(
        r.code for r in reasons().values() if paragraph in paragraphs_of(r.citation, known)
    )


def _paragraph(paragraph: Paragraph, packs: RulePacks, tests: tuple[Shown, ...]) -> str:
    here = [one for one in tests if one.paragraph == paragraph.id]
    mark = "" if paragraph.id.startswith("P") else "§"
    rows = [
        f"### {mark}{paragraph.id}\n",
        f"{paragraph.asks}\n",
        f"- Carried: {paragraph.carried}",
        f"- Kinds: {_codes(kind for kind in paragraph.kinds if kind in KINDS)}",
        f"- Rules: {_codes(rules_of(paragraph.id, packs)) or 'none of a pack; the kinds hold it'}",
    ]
    if refusals := refusals_of(paragraph.id):
        rows.append(f"- Refused as: {_codes(refusals)}")
    rows.append(f"- Allows: {_tests(one for one in here if not one.forbids)}")
    forbidden = _tests(one for one in here if one.forbids)
    rows.append(f"- Forbids: {forbidden or paragraph.forbids_nothing}")
    return "\n".join(rows) + "\n"


def _codes(names: Iterator[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tests(tests: Iterator[Shown]) -> str:
    found = [f"`{one.file.removesuffix('.py')}::{one.name}`" for one in tests]
    return ", ".join(found)
