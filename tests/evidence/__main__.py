"""`python -m tests.evidence`: make hostile evidence files, and see that each is caught.

Writes an honest file, one hostile file for each defect, the newest directory and `expected.json`,
which says of each file what its defect is and by which code it must be caught. Exit status 1 when
one is not caught with exactly that code, or the honest file does not hold.
"""

import argparse
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import orjson

from contracts.directory import Directory, DirectoryDocument, open_directory, sign_directory
from contracts.evidence import Report, against, dump, read
from tests.area import TEACHER
from tests.evidence.base import Base
from tests.evidence.hostile import Case, cases

DIRECTORY = "directory.json"
HONEST = "honest.json"
EXPECTED = "expected.json"


def main() -> int:
    """Write the files into a folder and read each of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the files in this folder")
    out = parser.parse_args().out
    if out is not None:
        return made_in(out)
    with tempfile.TemporaryDirectory() as folder:
        return made_in(Path(folder))


def made_in(folder: Path) -> int:
    """Write every file into `folder`, read it again, and return how many are not as expected."""
    folder.mkdir(parents=True, exist_ok=True)
    base = Base()
    newest = sign_directory(_newest(base), base.area.root)
    (folder / DIRECTORY).write_bytes(newest)
    (folder / HONEST).write_bytes(dump(base.evidence))
    known = open_directory(newest, base.area.root.x)
    expected: dict[str, dict[str, object]] = {HONEST: {"defect": "none", "codes": []}}
    wrong = _tell(HONEST, _read(folder / HONEST, base, None, believes=False), set())
    for case in cases():
        file = f"{case.name}.json"
        (folder / file).write_bytes(case.data(base))
        how = _how(case)
        if case.keeps is not None:
            how["against"] = f"{case.name}.kept.json"
            (folder / f"{case.name}.kept.json").write_bytes(case.keeps(base))
        expected[file] = {"defect": case.defect, "codes": [case.code.value], **how}
        report = _read(folder / file, base, known if case.knows else None, believes=case.believes)
        if case.keeps is not None:
            report = against(report, [case.keeps(base)], base.area.root.x)
        wrong += _tell(file, report, {case.code.value})
    body = {"root": base.area.root.x, "files": expected}
    (folder / EXPECTED).write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    sys.stdout.write(f"{len(expected) - 1} hostile files and an honest one: {wrong} not caught\n")
    return min(wrong, 1)


def _how(case: Case) -> dict[str, object]:
    """Say how a file has to be read for its defect to be seen."""
    said: dict[str, object] = {}
    if case.knows:
        said["directory"] = DIRECTORY
    if case.believes:
        said["root"] = None
    return said


def _read(file: Path, base: Base, known: Directory | None, *, believes: bool) -> Report:
    return read(file.read_bytes(), None if believes else base.area.root.x, known)


def _tell(file: str, report: Report, expected: set[str]) -> int:
    found = {code.value for code in report.codes}
    right = found == expected and report.holds is not bool(expected)
    codes = ", ".join(sorted(found)) or "holds"
    sys.stdout.write(f"{'caught' if expected else 'honest':<8}{file:<48}{codes}\n" if right else "")
    if not right:
        sys.stdout.write(f"NOT SO  {file:<48}{codes}, expected {', '.join(expected) or 'holds'}\n")
    return int(not right)


def _newest(base: Base) -> DirectoryDocument:
    """The directory after the teacher's key was found to have been compromised all along."""
    document = base.area.document
    before = document.issued_at - timedelta(days=1)
    people = tuple(
        person.model_copy(
            update={
                "keys": tuple(
                    key.model_copy(update={"compromised_at": before}) for key in person.keys
                )
            }
        )
        if person.id == TEACHER
        else person
        for person in document.practitioners
    )
    return document.model_copy(update={"practitioners": people, "version": document.version + 1})


if __name__ == "__main__":
    sys.exit(main())
