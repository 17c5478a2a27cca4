"""Every hostile evidence file there is, each caught for what it is; and an honest one."""

from pathlib import Path

import orjson
import pytest

from contracts.directory import open_directory
from contracts.evidence import WORDS, Code, against, read
from tests.evidence.__main__ import DIRECTORY, EXPECTED, HONEST, made_in
from tests.evidence.hostile import cases


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder into which the script has written every file."""
    made = tmp_path_factory.mktemp("evidence")
    assert made_in(made) == 0
    return made


def test_every_hostile_file_is_caught_with_exactly_its_code(folder: Path) -> None:
    """Read as `expected.json` says, each file is found to have its own defect and no other."""
    expected = orjson.loads((folder / EXPECTED).read_bytes())
    newest = open_directory((folder / DIRECTORY).read_bytes(), expected["root"])
    for file, said in expected["files"].items():
        known = newest if "directory" in said else None
        report = read((folder / file).read_bytes(), said.get("root", expected["root"]), known)
        if "against" in said:
            report = against(report, [(folder / said["against"]).read_bytes()], expected["root"])
        assert {code.value for code in report.codes} == set(said["codes"]), file
        assert report.holds is (file == HONEST), file


def test_a_file_proves_nothing_in_favour_of_its_defect(folder: Path) -> None:
    """What is wrong is never among what is told as proved."""
    expected = orjson.loads((folder / EXPECTED).read_bytes())
    root = expected["root"]
    removed = read((folder / "removed-middle-entry.json").read_bytes(), root)
    forged = read((folder / "re-signed-by-another-exchange.json").read_bytes(), root)
    believed = read((folder / "other-root.json").read_bytes())

    assert removed.evidence is not None
    assert removed.evidence.child not in {leads.child for leads in removed.leads}
    assert forged.evidence is not None
    assert len(forged.taken) == sum(len(j.entries) for j in forged.evidence.journeys) - 2
    assert believed.holds
    assert believed.root_believed


def test_there_is_a_hostile_file_for_every_code_that_a_file_alone_can_have() -> None:
    """No code is in the list that nothing has ever been found by."""
    kept = {code for code in Code if code.name.startswith("KEPT_")}

    assert {case.code for case in cases() if case.keeps is None} == set(Code) - kept
    assert set(WORDS) == set(Code)
    assert len({case.name for case in cases()}) == len(cases())
    assert all(case.defect for case in cases())
