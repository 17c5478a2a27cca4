"""What the root signs is what holds: no file, release or override loosens it unnoticed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from contracts.directory import RuleOverride, RulesInForce
from contracts.errors import HandrailError
from contracts.rules import USUAL, RulePack, load_pack, shipped
from contracts.rules.in_force import in_force, resolved
from contracts.rules.vocabulary import vocabulary
from contracts.worktime import Unit
from services.cli.amending import read_directory
from services.cli.main import app
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
RUNNER = CliRunner()
DEVON = shipped("devon")
PACK = """\
format = 2
id = "board"
version = "1"
title = "The board's"
source = "Board"

[[clocks]]
id = "decide-request"
title = "Decided soon"
citation = "Board, paragraph 1"
starts_on = ["referral.submitted"]
stops_on = ["referral.decided"]
length = 2
unit = "working_days"
told = "receiving_manager"
"""


def in_nine_days(pack: RulePack) -> RulePack:
    """The pack with all its clocks of a working day running nine."""
    clocks = tuple(c.model_copy(update={"length": 9}) if c.length else c for c in pack.clocks)
    return pack.model_copy(update={"clocks": clocks})


def override(rule: str, length: int, unit: Unit) -> RuleOverride:
    """An override of one length."""
    table, _, identity = rule.partition(".")
    made = {"table": table, "id": identity, "length": length, "unit": unit, "reason": "agreed"}
    return RuleOverride.model_validate(made)


def test_the_content_that_was_signed_holds_and_not_the_file_of_this_release() -> None:
    """A pack edited in place, or one of a later release, does not change what was signed."""
    change = RulesInForce(since=NOW, packs=(DEVON.name,), signed=(in_nine_days(DEVON),))

    assert resolved(change).clocks["decide-request"].length == 9
    assert DEVON.clocks[0].length != 9


def test_a_partnership_is_founded_with_the_content_of_its_packs(tmp_path: Path) -> None:
    """From the first directory on, the rules are signed and not only named."""
    folder = tmp_path / "state"
    made = RUNNER.invoke(
        app, ["partnership", "create", str(folder), "--id", "area", "--unencrypted"]
    )
    assert made.exit_code == 0, made.output
    partnership = Partnership.load(Settings.load(state_dir=folder))
    directory = read_directory(partnership)

    (change,) = directory.document.rule_changes
    assert change.signed == tuple(shipped(name) for name in USUAL)
    assert in_force(directory, datetime.now(UTC)).names == tuple(p.name for p in change.signed)


def test_what_is_not_named_again_stays_as_it_was_signed(tmp_path: Path) -> None:
    """Adding an own pack does not take up another content of the packs that are there."""
    folder, file = tmp_path / "state", tmp_path / "board.toml"
    file.write_text(PACK, encoding="utf-8")
    assert not RUNNER.invoke(
        app, ["partnership", "create", str(folder), "--id", "area", "--unencrypted"]
    ).exit_code
    words = ["partnership", "rules", "set", "--own", str(file), "--dir", str(folder)]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == 0, done.output
    changes = read_directory(Partnership.load(Settings.load(state_dir=folder)))
    first, second = changes.document.rule_changes

    assert second.signed == first.signed


def test_with_nothing_to_change_nothing_is_signed(tmp_path: Path) -> None:
    """A command that asks for nothing leaves the directory at its version."""
    folder = tmp_path / "state"
    assert not RUNNER.invoke(
        app, ["partnership", "create", str(folder), "--id", "area", "--unencrypted"]
    ).exit_code
    done = RUNNER.invoke(app, ["partnership", "rules", "set", "--dir", str(folder)])

    assert done.exit_code == 1
    assert read_directory(Partnership.load(Settings.load(state_dir=folder))).document.version == 1


def test_an_own_pack_stands_in_place_of_one_of_the_same_id() -> None:
    """A partnership's own reading of a pack replaces it whole, and is not counted beside it."""
    own = in_nine_days(DEVON)
    packs = resolved(RulesInForce(since=NOW, packs=("devon", "rochdale-2013"), own=(own,)))

    assert [pack.id for pack in packs.packs] == ["rochdale-2013", "devon"]
    assert packs.clocks["decide-request"].length == 9


@pytest.mark.parametrize(
    ("rule", "length", "unit"),
    [
        ("clocks.start-protection-assessment", 25, Unit.HOURS),
        ("clocks.start-protection-assessment", 1, Unit.WORKING_DAYS),
        ("guards.three-months-at-child-in-need", 2, Unit.MONTHS),
        ("guards.three-months-at-child-in-need", 13, Unit.WEEKS),
    ],
)
def test_what_the_guidance_fixes_is_not_loosened(rule: str, length: int, unit: Unit) -> None:
    """A later deadline or a shorter minimum than guidance or statute give is refused."""
    made = RulesInForce(since=NOW, packs=USUAL, overrides=(override(rule, length, unit),))

    with pytest.raises(HandrailError) as refused:
        resolved(made)
    assert refused.value.code == "rules.bad-override"


@pytest.mark.parametrize(
    ("rule", "length", "unit"),
    [
        ("clocks.start-protection-assessment", 12, Unit.HOURS),
        ("guards.three-months-at-child-in-need", 6, Unit.MONTHS),
        ("guards.three-months-at-child-in-need", 14, Unit.WEEKS),
        ("clocks.decide-request", 2, Unit.WORKING_DAYS),
    ],
)
def test_stricter_lengths_and_local_ones_may_be_chosen(rule: str, length: int, unit: Unit) -> None:
    """What may be replaced is replaced: the stricter where it is fixed, any where it is local."""
    made = RulesInForce(since=NOW, packs=USUAL, overrides=(override(rule, length, unit),))
    packs = resolved(made)
    table, _, identity = rule.partition(".")

    assert getattr(packs, table)[identity].length == length


@pytest.mark.parametrize("reason", ["", "  ", "-", "?!"])
def test_an_override_gives_its_reason_in_words(reason: str) -> None:
    """Blanks and marks are no reason."""
    with pytest.raises(ValidationError):
        RuleOverride(table="clocks", id="decide-request", length=2, reason=reason)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('citation = "Board, paragraph 1"', 'citation = " "', "citation of clocks entry 1"),
        ('title = "Decided soon"', 'title = "De\\u001bcided"', "title of clocks entry 1"),
        ("length = 2", "lenght = 2\nlength = 2", "there is no such key"),
        ("length = 2", "length = 0", "must be 1 or more"),
        ('unit = "working_days"', 'unit = "days"', "must be one of"),
        ('told = "receiving_manager"\n', "", "is needed and not there"),
        (
            "length = 2",
            'length = 2\nwarn = { length = 30, unit = "calendar_days" }',
            "as long as the clock",
        ),
    ],
)
def test_a_mistake_in_a_pack_is_told_in_words(old: str, new: str, said: str) -> None:
    """Whoever wrote the pack reads which entry, which line and what is wrong."""
    assert old in PACK
    with pytest.raises(HandrailError) as refused:
        load_pack(PACK.replace(old, new), "board.toml", vocabulary())

    assert refused.value.code == "rules.bad-pack"
    assert said in refused.value.message
    assert "line" in refused.value.message


def test_a_pack_without_a_rule_is_refused() -> None:
    """An empty pack would look like one that is kept."""
    with pytest.raises(HandrailError) as refused:
        load_pack(PACK[: PACK.index("[[clocks]]")], "board.toml", vocabulary())

    assert "holds no rule" in refused.value.message


def test_rules_of_an_earlier_day_stay_those_that_were_signed_then() -> None:
    """A later change, of content too, leaves alone what is judged by the earlier one."""
    first = RulesInForce(since=NOW, packs=(DEVON.name,), signed=(DEVON,))
    later = RulesInForce(
        since=NOW + timedelta(days=9), packs=(DEVON.name,), signed=(in_nine_days(DEVON),)
    )

    assert resolved(first).clocks["decide-request"].length == 1
    assert resolved(later).clocks["decide-request"].length == 9
