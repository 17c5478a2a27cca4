"""The chain of custody from a folder: what is not there, or not sealed, proves nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.identifiers import new_reference
from services.cli.founding import create
from services.cli.main import app

RUNNER = CliRunner()
CHILD = new_reference()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a demonstration partnership that no service runs on."""
    create(tmp_path / "state", now=datetime.now(UTC), demonstration=True)
    return tmp_path / "state"


def chained(folder: Path, kept: Path, *more: str) -> Any:
    """Prove a chain from the files in `kept`."""
    words = ["lead", "chain", CHILD, "--from", str(kept), "--dir", str(folder), *more]
    return RUNNER.invoke(app, words)


def test_a_missing_folder_proves_nothing(folder: Path, tmp_path: Path) -> None:
    """It is an error of its own, and never a chain that holds."""
    done = chained(folder, tmp_path / "nowhere", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "chain.no-folder"


def test_no_message_proves_nothing(folder: Path, tmp_path: Path) -> None:
    """An empty folder holds no chain."""
    (tmp_path / "empty").mkdir()
    done = chained(folder, tmp_path / "empty", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["holds"] is False
    assert "The chain holds" not in chained(folder, tmp_path / "empty").output


def test_every_file_that_cannot_be_used_is_named_by_number_and_reason(
    folder: Path, tmp_path: Path
) -> None:
    """Neither its name nor its content is shown, for either may name a family."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a-family.json").write_text("{}")
    (kept / "b.json").write_text('{"payload": "", "signatures": []}')
    done = chained(folder, kept, "--json")
    told = json.loads(done.stdout)
    said = chained(folder, kept)

    assert (done.exit_code, said.exit_code) == (1, 1)
    assert (told["holds"], told["messages"]) == (False, 0)
    assert told["ignored"] == [
        {"file": 1, "code": "chain.not-sealed"},
        {"file": 2, "code": "seal.unreadable"},
    ]
    assert "2 of the files could not be used" in said.output
    assert "a-family" not in said.output
    assert "The chain holds" not in said.output
