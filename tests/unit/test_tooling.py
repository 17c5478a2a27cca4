"""The promises of the project's own tooling: the locks, the layout and the test run's last line."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.postgres import URL_VARIABLE

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("requirements.lock", "deploy/requirements.lock")

WITHOUT_POSTGRES = """
import sys
import pytest
import tests.postgres
tests.postgres.available_server = lambda: None
sys.exit(pytest.main(sys.argv[1:]))
"""
ASKS_FOR_POSTGRES = "def test_one(postgres_url): ...\ndef test_two(postgres_url): ...\n"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_every_package_with_version_and_hash_and_no_address(lock: str) -> None:
    """A lock pins each package to one version and its hashes, and works behind any index."""
    content = (ROOT / lock).read_text()
    entries = re.findall(r"^(?=[^\s#])(?:.*\\\n)*.*$", content, re.MULTILINE)

    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==[0-9]\S*", entry)
        assert "--hash=sha256:" in entry
    assert not re.search(r"://|(^|\s)/|--(extra-)?index-url|--find-links", content)


def test_the_image_installs_the_versions_that_the_tests_ran_with() -> None:
    """Every pin of the image's lock stands in the lock of the tests with the same hashes."""
    tested, shipped = (_pins(lock) for lock in LOCKS)

    assert shipped.items() <= tested.items()


def test_the_lock_meets_every_dependency_of_the_project() -> None:
    """No dependency is added to the project without being locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in project["dependency-groups"].values():
        asked += group
    names = {re.split(r"[^A-Za-z0-9-]", requirement)[0].lower() for requirement in asked}

    assert names <= _pins("requirements.lock").keys()


def test_the_last_line_tells_what_was_skipped_without_postgres(tmp_path: Path) -> None:
    """Without PostgreSQL what needs it is skipped, and the run's last line says how much."""
    run = _pytest_without_postgres(tmp_path, required="0")

    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == (
        f"skipped without PostgreSQL: 2 (install Debian's postgresql, or set {URL_VARIABLE})"
    )


def test_a_run_that_requires_postgres_fails_without_it(tmp_path: Path) -> None:
    """Where PostgreSQL is required, a test that cannot have it fails and is not skipped."""
    run = _pytest_without_postgres(tmp_path, required="1")

    assert run.returncode == 1
    assert "skipped" not in run.stdout


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_database_of_its_own(postgres_url: str, turn: int) -> None:
    """A test's database holds nothing that the test before it left behind."""
    engine = create_engine(postgres_url, poolclass=NullPool)
    with engine.begin() as connection:
        tables = connection.scalar(
            text("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
        )
        connection.execute(text("CREATE TABLE left_behind (id int)"))

    assert tables == 0


def _pins(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Read a lock as package name -> version and hashes."""
    entries = re.findall(
        r"^([a-z0-9-]+)==(\S+)((?:.*\\\n)+.*)$", (ROOT / lock).read_text(), re.MULTILINE
    )
    return {
        name: (version, frozenset(re.findall(r"sha256:\w+", rest)))
        for name, version, rest in entries
    }


def _pytest_without_postgres(folder: Path, *, required: str) -> subprocess.CompletedProcess[str]:
    """Run two tests that ask for PostgreSQL, under the project's conftest, where there is none."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_asking.py").write_text(ASKS_FOR_POSTGRES)
    options = ["-q", f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}"]
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_POSTGRES, *options, f"--confcutdir={folder}", str(folder)],
        cwd=ROOT,
        env={**os.environ, "HANDRAIL_REQUIRE_POSTGRES": required},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
