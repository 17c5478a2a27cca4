"""The README and the pages in `docs/` name only what exists: commands, options, targets, links."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from services.cli.main import COMMANDS, app
from services.runtime.settings import PREFIX, Settings

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)

_CODE: Final = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_CALL: Final = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?handrail((?:[ ]+(?!#)(?:\\\n)?[^\s`]+)*)")
_LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_SETTING: Final = re.compile(rf"`({PREFIX}[A-Z0-9_]+)`|^({PREFIX}[A-Z0-9_]+)=", re.MULTILINE)
_WORD: Final = re.compile(r"[a-z][a-z-]*")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _code(page: Path) -> list[str]:
    """Every block and span of code of a page."""
    return [block or span for block, span in _CODE.findall(page.read_text(encoding="utf-8"))]


def _calls(page: Path) -> list[list[str]]:
    """Every `handrail ...` in the code of a page, as its words."""
    text = (code.replace("\\\n", " ") for code in _code(page))
    return [found.split() for code in text for found in _CALL.findall(code)]


def _command(words: list[str]) -> Any:
    """The command that `words` call; fails where there is none of that name."""
    found: Any = get_command(app)
    for word in words:
        named = getattr(found, "get_command", None)
        if named is None or not _WORD.fullmatch(word):
            break
        found = named(None, word)
        assert found is not None, f"`handrail {' '.join(words)}` is no command"
    return found


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_command_named_is_one(page: Path) -> None:
    """Whoever types a command from a page finds it, with every option that the page gives it."""
    for words in _calls(page):
        known = {option for one in _command(words).params for option in one.opts}
        given = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        assert given <= known | {"--help"}, f"`handrail {' '.join(words)}` has no such option"


def test_the_readme_names_commands() -> None:
    """The commands of the README are found at all, so that the test above cannot pass empty."""
    named = {words[0] for words in _calls(PAGES[0]) if words}

    assert {"up", "send", "open", "acknowledge", "decide", "lead", "track", "verify"} <= named
    assert named - {"--help"} <= set(COMMANDS)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """The check itself tells a wrong command, and a wrong one of a group, from a right one."""
    for words in (["dance"], ["lead", "dance"]):
        with pytest.raises(AssertionError):
            _command(words)


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_make_target_named_exists(page: Path) -> None:
    """Whoever types a target of make from a page finds it in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for code in _code(page) for name in re.findall(r"\bmake ([a-z]+)\b", code)}

    assert named <= targets
    assert page != PAGES[0] or {"demo", "test"} <= named


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_link_leads_to_a_file(page: Path) -> None:
    """No page of the project sends its reader to a file that is not there."""
    links = [to for to in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in to]
    missing = [to for to in links if not (page.parent / to).exists() and "NNNN" not in to]

    assert missing == []


def test_every_file_named_as_an_example_exists() -> None:
    """The documents that the tour and the examples' own page send are among the examples."""
    named = {
        name
        for page in PAGES
        for code in _code(page)
        for name in re.findall(r"examples/[\w./-]+\.json", code)
    }

    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_settings_are_explained_to_the_operator() -> None:
    """Every setting stands on the operator's page, and nothing there is none."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    named = {one or other for one, other in _SETTING.findall(page)}

    assert named == {PREFIX + name.upper() for name in Settings.model_fields}
