"""What all tests share: a PostgreSQL database, the shared data, and an environment of their own."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from tests import postgres

NO_POSTGRES = "no PostgreSQL"
REQUIRE_VARIABLE = "HANDRAIL_REQUIRE_POSTGRES"
SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
POSTGRES_REQUIRED = os.environ.get(REQUIRE_VARIABLE) == "1"

# Nothing asserts on timing, generated examples neither.
settings.register_profile("handrail", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("handrail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for PostgreSQL, and skip what needs a program that is not here."""
    missing = {"node": shutil.which("node") is None}
    if any(item.get_closest_marker("docker") for item in items):
        missing["docker"] = not postgres.docker_answers()
    for item in items:
        if "postgres_url" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
        for name, absent in missing.items():
            if absent and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=f"no {name}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Say in the very last line, after pytest's own, how many tests went without PostgreSQL."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = sum(NO_POSTGRES in str(report.longrepr) for report in reporter.getreports("skipped"))
    if skipped:
        reporter.write_line(
            f"skipped without PostgreSQL: {skipped} "
            f"(install Debian's postgresql, or set {postgres.URL_VARIABLE})"
        )


@pytest.fixture(scope="session", autouse=True)
def default_settings() -> Iterator[None]:
    """Take the caller's own HANDRAIL_ variables away, which would change what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HANDRAIL_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Give back the configuration of the log that a test, or a command it ran, has changed."""
    before, hook = structlog.get_config(), sys.excepthook
    yield
    structlog.configure(**before)
    sys.excepthook = hook


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Give the URL of a PostgreSQL server whose role may create databases.

    It is the one named by HANDRAIL_TEST_POSTGRES_URL, else a container, else an installed one. With
    none of them the test is skipped, or fails where HANDRAIL_REQUIRE_POSTGRES is 1.
    """
    if postgres.GIVEN_URL:
        yield make_url(postgres.GIVEN_URL).set(drivername="postgresql+psycopg")
        return
    server = postgres.available_server()
    if server is None:
        if POSTGRES_REQUIRED:
            pytest.fail(f"{NO_POSTGRES}, and {REQUIRE_VARIABLE}=1 asks for it", pytrace=False)
        pytest.skip(NO_POSTGRES)
    with server as started:
        yield started


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database of the test's own, dropped afterwards."""
    name = f"handrail_{uuid4().hex}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield postgres_server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of data written by others, kept beside the project, or skip the test."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data beside the project")
    return SHARED_DATA
