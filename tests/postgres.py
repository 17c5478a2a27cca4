"""A PostgreSQL server for tests: a container where Docker answers, else an installed one.

The server listens on a Unix socket in a folder of its own, so no port can be taken, keeps nothing,
and ends with the `with` block that started it.
"""

import gc
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import docker
from sqlalchemy.engine import URL, make_url

URL_VARIABLE = "HANDRAIL_TEST_POSTGRES_URL"
"""Names a server whose role may create databases, to use in place of one started here."""

GIVEN_URL = os.environ.get(URL_VARIABLE)
IMAGE = "postgres:17"
INITDB = ("-E", "UTF8", "--locale=C", "--no-sync")
DEADLINE_S = 60


def docker_answers() -> bool:
    """Tell whether a Docker engine answers within two seconds."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        answers = _docker_pings()
        gc.collect()  # docker leaves its socket open where nobody listens
    return answers


def _docker_pings() -> bool:
    try:
        client = docker.from_env(timeout=2)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


def installed_binaries() -> Path | None:
    """Return the folder that holds `initdb` and `pg_ctl`, of the newest version found.

    Debian keeps them out of PATH, in `/usr/lib/postgresql/<version>/bin`.
    """
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: _version(path.parent.parent.name), default=None)
    return newest.parent if newest else None


def available_server() -> AbstractContextManager[URL] | None:
    """Return what starts a server on this machine, or None where there is no PostgreSQL.

    The value entered is the SQLAlchemy URL of a role that may create databases.
    """
    if docker_answers():
        return _container()
    binaries = installed_binaries()
    return _installed(binaries) if binaries else None


@contextmanager
def _container() -> Iterator[URL]:
    # Imported here, because the import alone looks for Docker's configuration.
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    with PostgresContainer(IMAGE, driver="psycopg") as server:
        yield make_url(server.get_connection_url())


@contextmanager
def _installed(binaries: Path) -> Iterator[URL]:
    account = _unprivileged_account()
    # The short path leaves room for the socket's name, which may have 107 bytes in all.
    with tempfile.TemporaryDirectory(prefix="handrail-pg-", dir="/tmp") as folder:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        run = partial(_run, account, Path(folder, "output"))
        data = ["-D", f"{folder}/data"]
        run([f"{binaries}/initdb", *data, "-U", "postgres", "-A", "trust", *INITDB])
        control = [f"{binaries}/pg_ctl", *data, "-w", "-t", str(DEADLINE_S)]
        run([*control, "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start"])
        try:
            yield URL.create("postgresql+psycopg", "postgres", database="postgres").set(
                query={"host": folder}
            )
        finally:
            run([*control, "-m", "immediate", "stop"])


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to run the server as; None means the one that runs the tests.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _run(account: pwd.struct_passwd | None, output: Path, command: list[str]) -> None:
    # A file and not a pipe: the server that pg_ctl leaves behind would keep a pipe open.
    with output.open("ab") as file:
        done = subprocess.run(
            command,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=2 * DEADLINE_S,
            check=False,
        )
    if done.returncode:
        message = f"`{' '.join(command)}` ended with {done.returncode}:\n{output.read_text()}"
        raise RuntimeError(message)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
