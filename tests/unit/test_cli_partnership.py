"""Founding a partnership and changing its directory: who takes part, and who signs it."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.codes import ReferralSource
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from contracts.jws import PrivateKey
from contracts.roles import Capacity, Role
from contracts.submission import raw_public
from services.cli.amending import read_directory, renew
from services.cli.founding import create, months_from
from services.cli.main import app
from services.runtime.nats_config import render
from services.runtime.nats_plan import ServiceRole
from services.runtime.partnership import Partnership
from services.runtime.planning import server_plan
from services.runtime.settings import Settings

RUNNER = CliRunner()
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    """Give the demonstration partnership, founded at `NOW`; tests do not change it."""
    return create(tmp_path_factory.mktemp("demo"), now=NOW, demonstration=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an empty partnership `area`, founded by the command."""
    done = RUNNER.invoke(
        app, ["partnership", "create", str(tmp_path / "state"), "--id", "area", "--unencrypted"]
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "state"


def run(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    done = RUNNER.invoke(app, [*arguments, "--dir", str(folder), "--json"])
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def directory_of(folder: Path) -> Directory:
    """Return the verified directory of a folder of state."""
    return read_directory(Partnership.load(Settings.load(state_dir=folder)))


def add_school(folder: Path) -> None:
    """Add one school with a head and her line manager's place open."""
    run(folder, "partnership", "agency", "add", "school", "--name", "The School",
        "--role", "universal", "--gateway", "schools", "--source-code", "2A")  # fmt: skip
    run(folder, "practitioner", "add", "area.school.head", "--name", "Head",
        "--capacity", "line_manager")  # fmt: skip


def test_the_demonstration_has_every_role_and_every_source(demonstration: Partnership) -> None:
    """An agency of every role takes part, and one for every source code that names an agency."""
    agencies = read_directory(demonstration).document.agencies

    assert {a.role for a in agencies} == set(Role)
    assert {a.source_code for a in agencies if a.source_code} == {
        source.value for source in ReferralSource if source.names_agency
    }
    assert {a.gateway for a in agencies} == {
        "schools",
        "health",
        "partners",
        "caf",
        "front-door",
        "social-care",
    }


def test_everybody_in_the_demonstration_has_a_place_and_a_key(demonstration: Partnership) -> None:
    """Line managers, deputies and duty desks are people of the same agency; every key is here."""
    directory = read_directory(demonstration)
    held = {c for p in directory.document.practitioners for c in p.capacities}

    assert held >= {
        Capacity.LINE_MANAGER,
        Capacity.TEAM_MANAGER,
        Capacity.SOCIAL_WORKER,
        Capacity.DUTY_WORKER,
        Capacity.CAF_WORKER,
    }
    for person in directory.document.practitioners:
        for other in (person.line_manager, person.deputy):
            assert other is None or agency_of(other) == agency_of(person.id)
            assert other is None or other in directory.practitioners
        assert person.line_manager not in (None, person.id)
        assert demonstration.practitioner_key(person.id).kid == person.keys[0].kid
    for agency in directory.document.agencies:
        assert agency.duty_desk in directory.practitioners


def test_delivery_keys_reach_thirteen_months_ahead(demonstration: Partnership) -> None:
    """Each agency has a key for this month and the twelve after it; the private half is stored."""
    for agency in read_directory(demonstration).document.agencies:
        months = [key.month for key in agency.delivery_keys]
        assert months == list(months_from(NOW))
        assert (months[0], months[1], months[-1]) == ("2026-11", "2026-12", "2027-11")
        first = agency.delivery_keys[0]
        private = demonstration.keys.encryption(f"delivery/{agency.id}/{first.month}")
        assert raw_public(private) == first.x


def test_the_directory_is_valid_for_a_year_and_marked(demonstration: Partnership) -> None:
    """A demonstration says that it is one; its directory holds for a year."""
    document = read_directory(demonstration).document
    assert document.demonstration
    assert document.expires_at == NOW + timedelta(days=365)
    assert document.version == 1


def test_services_can_be_started_from_the_folder(demonstration: Partnership) -> None:
    """Service keys are in the directory, and the server's plan names every identity."""
    directory = read_directory(demonstration)
    for name in ("exchange", "tracker", "story"):
        service = directory.services[f"demo.{name}"]
        assert service.keys[0].kid == demonstration.service_key(name).kid
    plan = server_plan(demonstration, directory, NOW)

    assert {user.name for user in plan.services} == {f"demo.{role}" for role in ServiceRole}
    carried = [agency for gateway in plan.gateways for agency in gateway.agencies]
    assert sorted(carried) == sorted(directory.agencies)
    assert json.loads(render(plan))["accounts"].keys() >= {"HUB", "GW_schools", "GW_front-door"}


def test_secrets_are_for_their_owner_alone(demonstration: Partnership) -> None:
    """No key can be read by another user of the machine, and no identity lies beside the keys."""
    files = [p for p in demonstration.folder.rglob("*") if p.is_file()]
    assert any(p.parent.name == "nkeys" for p in files)
    assert not any(p.suffix == ".seed" for p in files)
    for path in files:
        if path.suffix == ".key":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


@pytest.mark.parametrize("content", ["", "{", '{"partnership": "demo"}', "[]"])
def test_a_damaged_partnership_is_told_from_none(folder: Path, content: str) -> None:
    """Whoever has a damaged file is told to put it back, and not to make a partnership."""
    (folder / "partnership.json").write_text(content)
    with pytest.raises(HandrailError, match=r"partnership\.unreadable") as told:
        Partnership.load(Settings.load(state_dir=folder))
    assert "backup" in told.value.remedy


def test_a_partnership_is_not_founded_twice(folder: Path) -> None:
    """A second founding in the same folder is refused and changes nothing."""
    before = (folder / "directory.jws").read_bytes()
    error = run(folder, "partnership", "create", code=1)["error"]
    assert error["code"] == "partnership.exists"
    assert (folder / "directory.jws").read_bytes() == before


@pytest.mark.parametrize("name", ["admin", "A", "x.y", "", "../x", "a" * 40])
def test_a_bad_id_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    """An id that could not stand in a subject founds nothing."""
    with pytest.raises(HandrailError, match=r"partnership\.bad-id"):
        create(tmp_path / "state", name, now=NOW)
    assert not (tmp_path / "state").exists()


def test_an_agency_joins_with_its_gateway(folder: Path) -> None:
    """Adding an agency signs a new version with delivery keys and, once, a gateway's identities."""
    add_school(folder)
    told = run(folder, "partnership", "agency", "add", "academy", "--name", "The Academy",
               "--role", "universal", "--gateway", "schools")  # fmt: skip
    directory = directory_of(folder)

    assert told["directory_version"] == directory.document.version == 4
    assert [g.id for g in directory.document.gateways] == ["schools"]
    assert len(directory.agencies["area.academy"].delivery_keys) == 13
    listed = run(folder, "partnership", "agency", "list")["agencies"]
    assert [a["id"] for a in listed] == ["area.school", "area.academy"]
    assert listed[0]["practitioners"] == ["area.school.head"]


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("school", (), "agency.exists"),
        ("exchange", (), "agency.bad-id"),
        ("Bad Name", (), "agency.bad-id"),
        ("other", ("--source-code", "school"), "directory.bad-entry"),
        ("other", ("--gateway", "Bad Gateway"), "directory.bad-entry"),
        ("other", ("--duty-desk", "x.y"), "directory.bad-entry"),
    ],
)
def test_an_agency_that_cannot_be_held_is_refused(
    folder: Path, name: str, options: tuple[str, ...], code: str
) -> None:
    """A taken or malformed name or entry changes nothing and makes no key."""
    add_school(folder)
    version = directory_of(folder).document.version
    arguments = ["--name", "X", "--role", "universal", "--gateway", "schools", *options]
    error = run(folder, "partnership", "agency", "add", name, *arguments, code=1)["error"]

    assert error["code"] == code
    assert directory_of(folder).document.version == version
    assert not (folder / "keys" / "delivery" / "area.other").exists()


def test_the_key_is_made_by_the_person_and_signed_in_by_the_root(
    folder: Path, tmp_path: Path
) -> None:
    """Only the public half goes from the person's folder to the partnership's."""
    add_school(folder)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("partnership.json", "directory.jws"):
        (theirs / name).write_bytes((folder / name).read_bytes())
    public = run(theirs, "practitioner", "key", "area.school.jo")["key"]
    assert run(theirs, "practitioner", "key", "area.school.jo")["key"] == public
    run(folder, "practitioner", "add", "area.school.jo", "--name", "Jo", "--key", public,
        "--line-manager", "area.school.head", "--capacity", "practitioner")  # fmt: skip
    jo = directory_of(folder).practitioners["area.school.jo"]

    assert jo.keys[0].x == public
    assert jo.line_manager == "area.school.head"
    assert not (folder / "keys" / "practitioners" / "area.school.jo.key").exists()
    refused = run(theirs, "practitioner", "add", "area.school.al", "--name", "Al", code=1)["error"]
    assert refused["code"] == "key.missing"


@pytest.mark.parametrize(
    ("person", "options", "code"),
    [
        ("area.school.head", (), "practitioner.exists"),
        ("area.nowhere.jo", (), "agency.unknown"),
        ("other.school.jo", (), "practitioner.bad-id"),
        ("area.school", (), "directory.bad-entry"),
        ("area.school.jo", ("--line-manager", "area.school.nobody"), "practitioner.unknown"),
        ("area.school.jo", ("--line-manager", "nobody"), "directory.bad-entry"),
        ("area.school.jo", ("--line-manager", "area.clinic.doctor"), "directory.bad-entry"),
        ("area.school.jo", ("--capacity", "wizard"), "capacity.unknown"),
        ("area.school.jo", ("--key", "short"), "key.not-public"),
        ("area.school.jo", ("--name", ""), "directory.bad-entry"),
    ],
)
def test_a_practitioner_who_cannot_be_held_is_refused(
    folder: Path, person: str, options: tuple[str, ...], code: str
) -> None:
    """Each mistake has a code of its own and leaves the directory as it was."""
    add_school(folder)
    run(folder, "partnership", "agency", "add", "clinic", "--name", "The Clinic",
        "--role", "universal", "--gateway", "health")  # fmt: skip
    run(folder, "practitioner", "add", "area.clinic.doctor", "--name", "Doctor")
    version = directory_of(folder).document.version
    error = run(folder, "practitioner", "add", person, "--name", "Jo", *options, code=1)["error"]

    assert error["code"] == code
    assert directory_of(folder).document.version == version


def test_one_key_has_one_holder(folder: Path) -> None:
    """A key that somebody holds already is not signed in for another person."""
    add_school(folder)
    taken = directory_of(folder).practitioners["area.school.head"].keys[0].x
    arguments = ["area.school.jo", "--name", "Jo", "--key", taken]
    error = run(folder, "practitioner", "add", *arguments, code=1)["error"]
    assert error["code"] == "directory.bad-entry"


def test_who_leaves_signs_no_more_and_leaves_named_gaps(folder: Path) -> None:
    """The person's keys are retired, and the places that still name them are told."""
    add_school(folder)
    run(folder, "practitioner", "add", "area.school.jo", "--name", "Jo",
        "--line-manager", "area.school.head")  # fmt: skip
    told = run(folder, "practitioner", "leave", "area.school.head")
    directory = directory_of(folder)
    later = datetime.now(UTC) + timedelta(seconds=1)

    assert told["still_named_as"] == ["line manager of area.school.jo"]
    assert "handrail lead propose" in told["note"]
    assert directory.practitioner("area.school.head", later) is None
    assert directory.practitioners["area.school.head"].keys[0].retired_at is not None
    assert run(folder, "practitioner", "leave", "area.school.head", code=1)["error"]["code"] == (
        "practitioner.unknown"
    )


def test_only_the_root_key_changes_the_directory(folder: Path) -> None:
    """Without the root key, or with another one, nothing is signed."""
    add_school(folder)
    (folder / "keys" / "root.key").unlink()
    error = run(folder, "practitioner", "leave", "area.school.head", code=1)["error"]
    assert error["code"] == "key.missing"

    partnership = Partnership.load(Settings.load(state_dir=folder))
    other = PrivateKey(partnership.keys.create_signing("root"))
    assert other.x != partnership.root_x
    error = run(folder, "practitioner", "leave", "area.school.head", code=1)["error"]
    assert error["code"] == "key.not-root"
    assert directory_of(folder).document.version == 3


def test_a_renewed_directory_is_valid_for_a_year_and_has_the_keys_of_the_coming_months(
    tmp_path: Path,
) -> None:
    """Renewing half a year on drops the keys that are over and adds those that are to come."""
    made = create(tmp_path / "state", now=NOW, demonstration=True)
    before = read_directory(made).document
    later = NOW + timedelta(days=200)
    after = renew(made, later).document
    assert after.version == before.version + 1
    assert after.expires_at > later + timedelta(days=300)
    for agency in after.agencies:
        assert [key.month for key in agency.delivery_keys] == list(months_from(later))
