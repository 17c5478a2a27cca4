"""`handrail rules` and `handrail partnership rules`: read by practitioners, signed by the root."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.reasons import reasons
from contracts.rules import SHIPPED, USUAL, shipped
from contracts.rules.in_force import in_force
from services.cli.amending import read_directory
from services.cli.main import app
from services.cli.rules_wording import TABLES
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings

RUNNER = CliRunner()
RULES = Path(__file__).parents[2] / "contracts" / "rules"
NAMES = [shipped(name).name for name in USUAL]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an empty partnership `area`."""
    done = RUNNER.invoke(
        app, ["partnership", "create", str(tmp_path / "state"), "--id", "area", "--unencrypted"]
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "state"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Give the file of a pack of the partnership's own, called `board`."""
    text = (RULES / "york.toml").read_text(encoding="utf-8")
    file = tmp_path / "board.toml"
    file.write_text(text.replace('id = "york"', 'id = "board"', 1), encoding="utf-8")
    return file


def run(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    done = RUNNER.invoke(app, [*arguments, "--dir", str(folder), "--json"])
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def read(folder: Path, *arguments: str) -> str:
    """Run a command on the folder and return what a person reads."""
    done = RUNNER.invoke(app, [*arguments, "--dir", str(folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_rules_in_force_are_shown_with_what_they_ask(folder: Path) -> None:
    """A practitioner reads each rule in words, where it is written and how it was read."""
    shown = read(folder, "rules", "show", "--pack", "rochdale-2013", "--table", "guards")

    assert "Three months at child in need after a child protection plan" in shown
    assert "3 months have passed at child in need" in shown
    assert "Paragraph 5.1" in shown
    assert "Calendar months from the later of" in shown
    assert "stepdown.too-soon" in shown
    assert "{given}" not in shown


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_that_ships_can_be_read(folder: Path, name: str) -> None:
    """No rule is shown without a sentence, a citation and its pack."""
    made = run(folder, "rules", "show", "--pack", name)
    entries = [entry for table in TABLES for entry in getattr(shipped(name), table)]

    assert len(made["rules"]) == len(entries)
    for rule in made["rules"]:
        assert rule["asks"].endswith(".")
        assert rule["citation"]
        assert rule["pack"] == shipped(name).name
        assert not {"{", "_"} & set(rule["asks"].split("(")[0].replace("`", "")), rule["asks"]


def test_a_change_of_rules_is_signed_and_holds_from_then_on(folder: Path, board: Path) -> None:
    """Packs, own packs and overrides come into force with a new directory, with why."""
    made = run(
        folder, "partnership", "rules", "set", "--pack", "devon", "--pack", "rochdale-2013",
        "--own", str(board), "--override", "clocks.decide-request=2:working_days",
        "--reason", "The board agreed on 1 November",
    )  # fmt: skip
    mark = "override:clocks.decide-request=2:working_days"
    names = [shipped("devon").name, shipped("rochdale-2013").name, "board@1", mark]
    shown = read(folder, "rules", "show", "--table", "clocks")

    assert made["packs"] == names
    assert made["version"] == 2
    assert "2 working days here: The board agreed on 1 November" in shown
    assert run(folder, "rules", "show", "--at", "2020-01-01")["packs"] == NAMES


def test_what_is_not_named_stays_in_force(folder: Path, board: Path) -> None:
    """A further change keeps what it says nothing about, and takes back what it names."""
    run(folder, "partnership", "rules", "set", "--own", str(board))
    override = ("--override", "clocks.decide-request=2", "--reason", "agreed")
    both = run(folder, "partnership", "rules", "set", *override)
    mark = "override:clocks.decide-request=2"
    without = ("--without-own", "board", "--without-override", "clocks.decide-request")
    none = run(folder, "partnership", "rules", "set", *without)

    assert both["packs"] == [*NAMES, "board@1", mark]
    assert none["packs"] == NAMES
    document = read_directory(Partnership.load(Settings.load(state_dir=folder))).document
    assert len(document.rule_changes) == 4  # the first since the founding


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--pack", "nowhere"), "rules.unknown-pack"),
        (("--pack", "devon", "--pack", "devon@2"), "rules.pack-twice"),
        (("--override", "clocks.nothing=2", "--reason", "x"), "rules.bad-override"),
        (("--override", "clocks.decide-request=2"), "rules.bad-override"),
        (("--override", "clocks.decide-request=0", "--reason", "x"), "rules.bad-override"),
        (("--override", "clocks.decide-request=2:moons", "--reason", "x"), "rules.bad-override"),
        (("--override", "clocks.decide-request=+2", "--reason", "x"), "rules.bad-override"),
        (("--override", "decide-request=2", "--reason", "x"), "rules.bad-override"),
        (("--override", "clocks.decide-request", "--reason", "x"), "rules.bad-override"),
        (("--without-override", "clocks.decide-request"), "rules.bad-override"),
        (("--without-own", "board"), "rules.unknown-pack"),
        (("--own", "/nowhere/at/all.toml"), "file.unreadable"),
    ],
)
def test_nothing_is_signed_that_cannot_be_judged_by(
    folder: Path, arguments: tuple[str, ...], code: str
) -> None:
    """A mistake is told with its remedy, and the rules stay as they were."""
    told = run(folder, "partnership", "rules", "set", *arguments, code=1)
    assert told["error"]["code"] == code
    assert told["error"]["remedy"]
    assert run(folder, "rules", "show")["packs"] == NAMES


def test_a_pack_with_a_mistake_is_told_and_never_signed(folder: Path, board: Path) -> None:
    """`rules check` and `rules set` refuse the same file, with its name and line."""
    text = board.read_text(encoding="utf-8").replace('"countersigned"', '"counter_signed"', 1)
    line = text[: text.index('"counter_signed"')].count("\n") + 1
    board.write_text(text, encoding="utf-8")

    for command in (("rules", "check", str(board)), ("partnership", "rules", "set", "--own",
                                                     str(board))):  # fmt: skip
        told = run(folder, *command, code=1)["error"]
        assert told["code"] == "rules.bad-pack"
        assert f"board.toml line {line}" in told["message"]
    assert run(folder, "rules", "show")["packs"] == NAMES


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 600_000])
def test_a_file_that_is_no_pack_is_told(folder: Path, tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds, the answer is the error that operators know."""
    file = tmp_path / "no.toml"
    file.write_bytes(content)
    assert run(folder, "rules", "check", str(file), code=1)["error"]["code"] == "rules.bad-pack"


def test_a_checked_pack_tells_what_it_would_replace(folder: Path, tmp_path: Path) -> None:
    """Before it is signed, a partnership sees which rules in force would no longer hold."""
    text = (RULES / "working-together-2023.toml").read_text(encoding="utf-8")
    file = tmp_path / "ours.toml"
    file.write_text(text.replace('id = "working-together-2023"', 'id = "ours"', 1), "utf-8")
    assert "clocks.decide-request" in run(folder, "rules", "check", str(file))["replaces"]


def test_an_edited_file_changes_nothing_until_it_is_signed(folder: Path, board: Path) -> None:
    """What was signed is inside the directory; the file it came from no longer counts."""
    run(folder, "partnership", "rules", "set", "--own", str(board))
    partnership = Partnership.load(Settings.load(state_dir=folder))
    before = read_directory(partnership)
    board.unlink()
    again = read_directory(partnership)
    at = again.document.rule_changes[-1].since
    assert in_force(again, at) == in_force(before, at)
    assert "board@1" in in_force(again, at).names


def test_a_refusal_is_explained_with_the_rules_that_raise_it(folder: Path) -> None:
    """Message, citation, what to do, and which rules of which packs ask for it."""
    made = run(folder, "rules", "explain", "stepdown.too-soon")
    shown = read(folder, "rules", "explain", "stepdown.too-soon")

    assert [rule["id"] for rule in made["rules"]] == ["three-months-at-child-in-need"]
    assert made["citation"] == "003 §5.1"
    assert "ask again after the three months" in shown
    assert shipped("rochdale-2013").name in shown


def test_a_refusal_tells_of_packs_that_are_not_in_force(folder: Path) -> None:
    """Whoever weighs another pack sees what it would refuse."""
    made = run(folder, "rules", "explain", "countersign.missing")
    assert {rule["pack"] for rule in made["not_in_force"]} >= {shipped("york").name}


def test_every_refusal_can_be_explained(folder: Path) -> None:
    """Every code of the closed list has its explanation at hand."""
    for code, reason in reasons().items():
        assert run(folder, "rules", "explain", code)["remedy"] == reason.remedy


def test_an_unknown_code_is_answered_with_near_ones(folder: Path) -> None:
    """A slip in a code is put right."""
    told = run(folder, "rules", "explain", "stepdown.to-soon", code=1)["error"]
    assert told["code"] == "reason.unknown"
    assert "stepdown.too-soon" in told["remedy"]
    assert run(folder, "rules", "show", "--table", "levers", code=1)["error"]["code"] == (
        "rules.unknown-table"
    )
