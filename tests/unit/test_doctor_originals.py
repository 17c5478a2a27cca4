"""What `handrail doctor` says of originals that are gone, and of what its user may not read."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.subjects import LEDGER, inbox_consumer
from services.agency.tables import METADATA
from services.cli.amending import read_directory
from services.cli.doctor import stored
from services.cli.doctor.finding import State
from services.cli.founding import create
from services.cli.options import load
from services.runtime.sql import create_tables, engine
from services.story.attachment_tables import OBJECTS
from services.story.tables import KEYS, STORY
from tests.unit.test_doctor import states
from tests.unit.test_doctor_stored import WELL

_LEDGER = f"nats/store/jetstream/HUB/streams/{LEDGER}"
_SCHOOL, _OTHER = "demo.hilltop-school", "demo.first-response"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a demonstration's folder with a ledger that is used and every database, all stopped."""
    folder = tmp_path_factory.mktemp("originals") / "state"
    create(folder, now=datetime.now(UTC), demonstration=True)
    partnership = load(folder)
    (folder / "seen").mkdir()
    (folder / _LEDGER / "msgs").mkdir(parents=True)
    (folder / _LEDGER / "msgs/1.blk").write_bytes(b"what was decided")
    made = {"story": STORY, "story-keys": KEYS, "story-attachments": OBJECTS}
    for agency in read_directory(partnership).document.agencies:
        (folder / _LEDGER / "obs" / inbox_consumer(agency.id)).mkdir(parents=True)
        made[f"agency-{agency.gateway}"] = METADATA
    for name, tables in made.items():
        database = engine(partnership.database(name))
        create_tables(database, tables)
        database.dispose()
    return folder


@pytest.fixture
def state(used: Path, tmp_path: Path) -> Path:
    """Give a copy of that folder to harm."""
    return Path(shutil.copytree(used, tmp_path / "state"))


def doctor(folder: Path) -> dict[str, dict[str, Any]]:
    """What the doctor says, by check, run by a user whom permissions bind, as root's do not."""
    command = [sys.executable, "-m", "services.cli", "doctor", "--dir", str(folder), "--json"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything, and setpriv is not here to give that up")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "checks" in done.stdout, done.stdout + done.stderr
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


def _gone(*names: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        for name in names:
            for path in list((folder / "db").glob(name)):
                path.unlink()

    return harm


def _emptied(name: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / "db" / name).write_bytes(b"")

    return harm


def test_every_original_that_is_there_is_ok(state: Path) -> None:
    """Nothing is said to be missing of a folder that is whole."""
    assert doctor(state)["databases"]["state"] == "ok"


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (_gone("story.sqlite"), "story.sqlite"),
        (_emptied("story.sqlite"), "story.sqlite"),
        (_gone("story-keys.sqlite"), "story-keys.sqlite"),
        (_emptied("story-keys.sqlite"), "story-keys.sqlite"),
        (_gone("story-attachments.sqlite"), "story-attachments.sqlite"),
        (_gone("agency-*.sqlite"), "agency-schools.sqlite"),
        (_emptied("agency-front-door.sqlite"), "agency-front-door.sqlite"),
        (_gone("*"), "story.sqlite"),
    ],
)
def test_an_original_that_is_gone_or_empty_beside_a_ledger_is_wrong(
    state: Path, harm: Callable[[Path], None], named: str
) -> None:
    """Deleted or cut to nothing with everything down, it is named with what to do."""
    harm(state)
    found = doctor(state)["databases"]
    assert found["state"] == "wrong"
    assert named in found["what"].replace(",", "").split() or "more" in found["what"]
    assert "put back the last backup" in found["remedy"]


def test_a_folder_whose_ledger_is_not_used_lacks_nothing(state: Path) -> None:
    """Before the first start no database is there, and none is missed."""
    shutil.rmtree(state / "db")
    shutil.rmtree(state / "nats")
    assert "databases" not in doctor(state)


def test_the_store_of_an_agency_that_was_never_served_is_not_missed(state: Path) -> None:
    """One that joined while nothing ran has no reader in the ledger yet, and no inbox."""
    for path in (state / _LEDGER / "obs").iterdir():
        if "school" not in path.name and "academy" not in path.name:
            path.rmdir()
    _gone("agency-front-door.sqlite")(state)
    assert doctor(state)["databases"]["state"] == "ok"


def test_an_inbox_that_knows_nothing_of_what_was_delivered_is_wrong() -> None:
    """A start made an empty store in the place of one that was lost: the ledger tells."""
    facts = replace(WELL, inboxes={_SCHOOL: False, _OTHER: True})
    judged = {
        one.check: one
        for one in stored.judge(facts, embedded=True, delivered=frozenset({_SCHOOL, _OTHER}))
    }
    assert judged["inboxes"].state is State.WRONG
    assert _SCHOOL in judged["inboxes"].what
    assert _OTHER not in judged["inboxes"].what
    without = states(stored.judge(facts, embedded=True, delivered=frozenset({_OTHER})))
    assert without.get("inboxes", State.OK) is State.OK


def _denied(state: Path, name: str, check: str = "rights") -> dict[str, dict[str, Any]]:
    path = state / name
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        found = doctor(state)
    finally:
        path.chmod(mode)
    assert found[check]["state"] == "warning"
    assert name in found[check]["what"]
    assert "cannot be read by this user" in found[check]["what"]
    return found


def test_keys_that_this_user_may_not_read_do_not_end_the_doctor(state: Path) -> None:
    """Everything else is checked all the same, and none of the keys is said to be well."""
    found = _denied(state, "keys")
    for check in ("databases", "ledger", "directory", "expiry", "disk.state"):
        assert found[check]["state"] == "ok", check
    assert found["files"]["state"] == "unchecked"
    assert found["destruction"]["state"] == "unchecked"
    assert found["server"]["what"].startswith("it cannot be asked")


@pytest.mark.parametrize("name", ["db/story.sqlite", "db"])
def test_a_database_that_this_user_may_not_read_is_not_called_damaged(
    state: Path, name: str
) -> None:
    """Nobody is told to put a backup over what is well."""
    found = _denied(state, name)
    assert found["databases"]["state"] == "unchecked"
    assert "backup" not in found["databases"]["what"] + found["databases"]["remedy"]


@pytest.mark.parametrize("name", ["nats", "nats/store"])
def test_a_ledger_that_this_user_may_not_look_for_is_not_called_lost(
    state: Path, name: str
) -> None:
    """What cannot be seen is not said to be gone."""
    assert _denied(state, name)["ledger"]["state"] == "unchecked"


def test_a_server_whose_port_this_user_may_not_read_is_not_said_to_hang(state: Path) -> None:
    """Nobody is told to end a server that was never asked."""
    (state / "nats/port").write_text("4222")
    found = _denied(state, "nats/port")["server"]
    assert found["what"] == "it cannot be asked: port cannot be read by this user"
    assert "kill" not in found["remedy"]


@pytest.mark.parametrize("name", ["directory.jws", "seen", "keys/services", "keys/root.key"])
def test_whatever_this_user_may_not_read_is_named_and_the_rest_is_checked(
    state: Path, name: str
) -> None:
    """One file or folder without rights hides nothing else."""
    assert _denied(state, name)["databases"]["state"] == "ok"


def test_a_folder_that_this_user_may_not_read_is_not_said_to_hold_nothing(state: Path) -> None:
    """The remedy is another user, and no backup."""
    for name, closed in (("partnership.json", 0), (".", 0o400)):
        mode = (state / name).stat().st_mode
        (state / name).chmod(closed)
        found = doctor(state)["partnership"]
        (state / name).chmod(mode)
        assert found["state"] == "wrong"
        assert "cannot be read by this user" in found["what"]
        assert "backup" not in found["remedy"]
