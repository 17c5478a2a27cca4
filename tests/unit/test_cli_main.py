"""The command line as a whole: help at once, errors with a remedy, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from contracts.errors import HandrailError
from services.cli.main import COMMANDS, app
from services.cli.output import command, plain, tell_error

RUNNER = CliRunner()
HEAVY = ("pydantic", "nats", "faststream", "sqlalchemy", "cryptography", "joserfc")


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    """Help comes at once, because no library beyond Typer is imported for it."""
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from services.cli.main import app\n"
        "print(CliRunner().invoke(app, ['--help']).output)\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "heavy: []"
    for name in COMMANDS:
        assert f" {name} " in done.stdout, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Each command loads and has a help text of its own."""
    shown = RUNNER.invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 8


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "x.json"],
        ["seal", "x.json"],
        ["countersign", "x.json"],
        ["inbox", "demo.x"],
        ["open", "X"],
        ["acknowledge", "X"],
        ["decide", "X"],
        ["lead", "propose", "X", "Y"],
        ["lead", "accept", "X"],
        ["lead", "refuse", "X"],
        ["track", "X"],
        ["verify", "x.json"],
        ["quarantine", "list"],
        ["quarantine", "show", "X"],
        ["quarantine", "release", "X"],
        ["doctor"],
        ["backup", "create", "x"],
        ["restore", "x"],
        ["tracker", "rebuild"],
        ["tracker", "status"],
        ["partnership", "create"],
        ["partnership", "agency", "add", "x"],
        ["partnership", "agency", "list"],
        ["practitioner", "key", "x"],
        ["practitioner", "add", "x"],
        ["practitioner", "leave", "x"],
    ],
    ids=" ".join,
)
def test_every_command_takes_json_and_dir(arguments: list[str]) -> None:
    """`--json` and `--dir` are options of every command."""
    shown = RUNNER.invoke(app, [*arguments, "--help"], env={"COLUMNS": "200"})
    assert "--json" in shown.output
    assert "--dir" in shown.output


def test_an_unknown_command_is_a_matter_of_usage() -> None:
    """A mistyped command ends with exit code 2."""
    assert RUNNER.invoke(app, ["sned"]).exit_code == 2


def test_a_folder_without_a_partnership_is_told_with_a_remedy(tmp_path: Path) -> None:
    """The error says what is wrong and what to do, as text or as JSON, with exit code 1."""
    told = RUNNER.invoke(app, ["track", "X", "--dir", str(tmp_path)])
    assert told.exit_code == 1
    assert "partnership.missing" in told.stderr
    assert "handrail partnership create" in told.stderr

    told = RUNNER.invoke(app, ["track", "X", "--dir", str(tmp_path), "--json"])
    assert told.exit_code == 1
    error = json.loads(told.stdout)["error"]
    assert error["code"] == "partnership.missing"
    assert error["remedy"]


def test_what_the_system_refuses_is_told_like_any_other_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A full disk or a missing right is no traceback."""

    @command
    def failing() -> None:
        raise PermissionError(13, "Permission denied", "/state/x")

    with pytest.raises(typer.Exit) as ended:
        failing()
    assert ended.value.exit_code == 1
    assert "system.failed" in capsys.readouterr().err


def test_what_others_wrote_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and markup are shown as they are, and ids are never cut."""
    assert plain("a\x1b[2Jb\r\x07c\u202e") == "a�[2Jb��c�"
    tell_error(HandrailError("x.y", "\x1b]0;title\x07", "[bold]do[/bold]"), as_json=False)
    assert "\x1b]" not in capsys.readouterr().err
