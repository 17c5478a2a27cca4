"""Every command of the registry: help, `--json` and `--dir`."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.cli.main import COMMANDS, app


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield every command below a command, by its words; Typer does not name the type."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for below, made in command.commands.items():
        yield from _leaves(f"{name} {below}", made)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str) -> None:
    """Whatever the registry lists takes `--json` and `--dir`, and explains itself."""
    group: Any = get_command(app)
    leaves = list(_leaves(name, group.get_command(None, name)))
    assert leaves
    for words, command in leaves:
        shown = CliRunner().invoke(app, [*words.split(), "--help"])
        assert shown.exit_code == 0, words
        assert "Usage" in shown.output
        assert command.help, words
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--dir"} <= options, words
