"""`handrail verify` of evidence files: offline, with and without a folder, in words and in JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts import jws
from contracts.directory import sign_directory
from contracts.evidence import dump
from contracts.evidence.form import MOST_BYTES, digests_of
from services.cli.evidence_assembling import Gathered, assemble
from services.cli.main import app
from tests.evidence.base import Base
from tests.evidence.changing import with_entries

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def base() -> Base:
    """Give an honest file and all that it was made from."""
    return Base()


@pytest.fixture
def file(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the honest file on a machine that has no folder of state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HANDRAIL_STATE_DIR", raising=False)
    made = tmp_path / "evidence.json"
    made.write_bytes(dump(base.evidence))
    return made


def verified(*words: object, code: int = 0) -> dict[str, Any]:
    """Run the command; it must end with this exit code and no exception."""
    done = RUNNER.invoke(app, ["verify", *map(str, words), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == code, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_machine_with_nothing_else_proves_it(base: Base, file: Path) -> None:
    """Neither a folder of state nor a connection is needed; the file's own root is then told of."""
    believed = verified(file)
    given = verified(file, "--root", base.area.root.x)

    assert believed["holds"]
    assert believed["root_believed"]
    assert believed["root"] == base.area.root.x
    assert (given["holds"], given["root_believed"]) == (True, False)
    assert given["directory_version"] == 1
    assert given["log"]["of"] == 3


def test_the_words_are_plain(base: Base, file: Path) -> None:
    """What is proved, only claimed and not proved stand under headings of their own."""
    shown = RUNNER.invoke(app, ["verify", str(file)]).output

    headings = ("Holds: evidence about child", "Proved", "Only claimed", "Not proved")
    assert sorted(shown.index(h) for h in headings) == [shown.index(h) for h in headings]
    assert "Wrong" not in shown
    assert base.area.root.x in shown


def test_what_is_wrong_comes_first_and_ends_with_one(base: Base, file: Path) -> None:
    """A file with a gap is told by the number that is missing, in words and by its code."""
    made = with_entries(base.evidence, lambda entries: entries.pop(4))
    file.write_bytes(dump(made))
    told = verified(file, "--root", base.area.root.x, code=1)
    shown = RUNNER.invoke(app, ["verify", str(file)])

    assert [one["code"] for one in told["findings"]] == ["evidence.entry-missing"]
    assert shown.exit_code == 1
    assert shown.output.index("Wrong") < shown.output.index("Proved")
    assert "a message of the journey is missing" in shown.output
    assert "number 5" in shown.output


def test_another_root_key_proves_nothing(file: Path) -> None:
    """A file of another partnership of the same name is turned away by the root key alone."""
    told = verified(file, "--root", jws.PrivateKey.generate().x, code=1)

    assert [one["code"] for one in told["findings"]] == ["evidence.other-root"]
    assert told["proved"] == []


def test_a_root_key_of_another_form_is_told(file: Path) -> None:
    """A key that was cut short is an error of its own, and not a file that does not hold."""
    told = verified(file, "--root", "abc", code=1)

    assert told["error"]["code"] == "verify.bad-root"


def test_a_newer_directory_tells_of_keys_that_were_revoked_since(base: Base, file: Path) -> None:
    """A reader who has the newest directory judges by it."""
    document = base.area.document
    person, *others = document.practitioners
    key = person.keys[0].model_copy(update={"compromised_at": document.issued_at})
    people = (person.model_copy(update={"keys": (key,)}), *others)
    newest = document.model_copy(update={"practitioners": people, "version": 2})
    known = file.with_name("directory.json")
    known.write_bytes(sign_directory(newest, base.area.root))
    words = (file, "--root", base.area.root.x, "--directory", known)

    assert verified(*words[:3])["holds"]
    assert verified(*words)["directory_version"] == 2
    known.write_bytes(sign_directory(newest, jws.PrivateKey.generate()))
    assert verified(*words, code=1)["error"]["code"] == "directory.untrusted"


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    """Only so many bytes are read as any evidence may have, and one more."""
    with file.open("r+b") as large:
        large.truncate(8 * MOST_BYTES)
    told = verified(file, code=1)

    assert [one["code"] for one in told["findings"]] == ["evidence.too-large"]


def test_a_file_that_is_nothing_of_ours_is_told(file: Path) -> None:
    """Neither a missing file nor another sort of file is taken for evidence."""
    missing = verified(file.with_name("nowhere"), code=1)
    file.write_bytes(b"{}")
    other = verified(file, code=1)

    assert missing["error"]["code"] == "file.unreadable"
    assert other["error"]["code"] == "partnership.missing"


def test_what_cannot_be_compared_is_not_passed_over(file: Path) -> None:
    """A receipt is compared with nothing: asking for it is an error and not silence."""
    file.write_bytes(b"{}")
    words = ["verify", str(file), "--against", str(file), "--root", "x"]
    assert CliRunner().invoke(app, words).exit_code == 2


def test_an_answer_that_is_no_longer_kept_leaves_its_message_without_attestation(
    base: Base,
) -> None:
    """The entry goes into the file all the same, and verifying says what is lacking."""
    evidence = base.evidence
    texts = dict(zip(digests_of(evidence.groups), evidence.groups, strict=True))
    answers = [
        {**one.model_dump(mode="json"), "group": texts[one.group]} for one in evidence.answers
    ]
    entries = [
        one.model_dump(mode="json", exclude={"group", "place"})
        for one in evidence.journeys[0].entries
    ]
    whole = Gathered(child=base.child, journeys={base.child: entries}, answers=answers)
    less = Gathered(child=base.child, journeys={base.child: entries}, answers=answers[1:])
    directory, signed = base.area.directory, evidence.directory

    made = [assemble(g, None, directory, signed, base.area.now) for g in (whole, less)]
    assert made[0].journeys[0].entries == evidence.journeys[0].entries
    assert made[1].journeys[0].entries[0].group is None
    assert made[1].journeys[0].entries[1:] == evidence.journeys[0].entries[1:]
