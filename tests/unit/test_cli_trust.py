"""`handrail partnership trust`: what another partnership hands over, and what is refused of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts import directory_token, jws
from contracts.directory import Directory
from contracts.roles import Role
from services.cli.amending import read_directory
from services.cli.main import app
from services.cli.root_signing import root_key
from services.runtime.partnership import Partnership
from services.runtime.planning import server_plan
from services.runtime.settings import Settings

RUNNER = CliRunner()
SCHOOL, CLINIC = "moor.school", "moor.clinic"
JO = f"{SCHOOL}.jo"


def run(folder: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    done = RUNNER.invoke(app, [*map(str, arguments), "--dir", str(folder), "--json"])
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def code_of(folder: Path, *arguments: object) -> str:
    """Return the code with which a command fails."""
    code: str = run(folder, *arguments, code=1)["error"]["code"]
    return code


def partnership_of(folder: Path) -> Partnership:
    """Return the partnership of a folder."""
    return Partnership.load(Settings.load(state_dir=folder))


def directory_of(folder: Path) -> Directory:
    """Return the verified directory of a folder."""
    return read_directory(partnership_of(folder))


def founded(folder: Path, partnership: str, *agencies: str) -> Path:
    """Found a partnership with schools of these names, each with a practitioner `jo`."""
    run(folder, "partnership", "create", "--id", partnership, "--unencrypted")
    for name in agencies:
        run(folder, "partnership", "agency", "add", name, "--name", name,
            "--role", "universal", "--gateway", partnership)  # fmt: skip
        run(folder, "practitioner", "add", f"{partnership}.{name}.jo", "--name", "Jo")
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Give the partnership that trusts."""
    return founded(tmp_path / "ours", "area", "academy")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Give the partnership that is trusted."""
    return founded(tmp_path / "theirs", "moor", "school", "clinic")


def offered(theirs: Path, *agencies: str) -> tuple[str, Path, str, str]:
    """Let them offer agencies; return the options by which ours takes the offer."""
    out = theirs / "offer"
    named = [part for agency in agencies for part in ("--agency", agency)]
    made = run(theirs, "partnership", "trust", "offer", *named, "--out", out)
    return "--directory", out, "--root", made["root_x"]


def trusted(ours: Path, theirs: Path, *agencies: str) -> None:
    """Take the agencies as guests, schools here too, behind the gateway `guests`."""
    named = [part for agency in agencies for part in ("--agency", f"{agency}=universal")]
    options = (*offered(theirs, *agencies), *named, "--gateway", "guests")
    run(ours, "partnership", "trust", "add", *options)


def test_a_trusted_partnership_is_listed_and_its_guest_has_a_gateway(
    ours: Path, theirs: Path
) -> None:
    """The offer holds the named agency alone; its identities are in the server's plan."""
    trusted(ours, theirs, SCHOOL)

    (one,) = run(ours, "partnership", "trust", "list")["trusted"]
    assert (one["partnership"], one["guests"], one["ended_at"]) == ("moor", [SCHOOL], None)
    assert one["roles"] == {SCHOOL: "universal"}
    directory, partnership = directory_of(ours), partnership_of(ours)
    assert JO in directory.practitioners
    assert CLINIC.encode() not in partnership.directory_path.read_bytes()
    plan = server_plan(partnership, directory, directory.document.issued_at)
    carried = {gateway.name: gateway.agencies for gateway in plan.gateways}
    assert carried["guests"] == (SCHOOL,)


def test_an_offer_names_nobody_else_and_no_identity(theirs: Path) -> None:
    """Of people, agencies, services and gateways only what was asked for leaves the partnership."""
    _, out, _, root_x = offered(theirs, CLINIC)
    signed = directory_token.read(out.read_bytes(), root_x, directory_token.OFFER_TYP)

    assert signed is not None
    document = signed.document
    assert [a.id for a in document.agencies] == [CLINIC]
    assert [p.id for p in document.practitioners] == [f"{CLINIC}.jo"]
    assert (document.services, document.gateways, document.trusted) == ((), (), ())


def test_a_revocation_and_a_leaving_at_home_come_with_a_refresh(ours: Path, theirs: Path) -> None:
    """What the other root has signed since is taken over, under its new root too."""
    trusted(ours, theirs, SCHOOL)
    kid = directory_of(theirs).practitioners[JO].keys[0].kid
    run(theirs, "key", "revoke", JO, "--kid", kid)
    run(theirs, "partnership", "root", "rotate")
    run(theirs, "practitioner", "add", f"{SCHOOL}.al", "--name", "Al")
    run(ours, "partnership", "trust", "refresh", *offered(theirs, SCHOOL)[:2])

    held = directory_of(ours).holder(kid)
    assert held is not None
    assert held.key.compromised_at is not None
    assert f"{SCHOOL}.al" in directory_of(ours).practitioners


def test_their_old_root_refreshes_nothing_once_it_was_changed(ours: Path, theirs: Path) -> None:
    """Whoever finds the other partnership's old root key cannot use it here any more."""
    old, document = partnership_of(theirs).signers.load("root"), directory_of(theirs).document
    run(theirs, "partnership", "root", "rotate")
    trusted(ours, theirs, SCHOOL)
    forged = theirs / "forged"
    newer = document.model_copy(update={"version": 99})
    forged.write_bytes(directory_token.sign(newer, old, directory_token.OFFER_TYP))

    refused = ("partnership", "trust", "refresh", "--directory", forged)
    assert code_of(ours, *refused) == "trust.untrusted"


def test_what_is_older_or_lacks_a_guest_is_not_taken(ours: Path, theirs: Path) -> None:
    """A version never goes back, and an agency that journeys name does not vanish."""
    options = offered(theirs, SCHOOL, CLINIC)
    before = options[1].read_bytes()
    run(theirs, "partnership", "renew")
    trusted(ours, theirs, SCHOOL, CLINIC)
    options[1].write_bytes(before)
    refresh = ("partnership", "trust", "refresh", *options[:2])
    assert code_of(ours, *refresh) == "trust.older"

    offered(theirs, SCHOOL)
    assert code_of(ours, *refresh) == "trust.guest-missing"


def test_another_root_key_an_unknown_agency_and_oneself_are_refused(
    ours: Path, theirs: Path
) -> None:
    """Nothing is signed by mistake: the key, the agency and the partnership have to be right."""
    where, out, _, root_x = offered(theirs, SCHOOL)
    add = ("partnership", "trust", "add", where, out, "--gateway", "guests")
    other = jws.PrivateKey.generate().x

    assert code_of(ours, *add, "--root", other, "--agency", SCHOOL) == "trust.untrusted"
    assert code_of(ours, *add, "--root", root_x, "--agency", CLINIC) == "agency.unknown"
    assert code_of(ours, *add, "--root", root_x, "--agency", "area.academy") == "agency.unknown"
    own = offered(ours, "area.academy")
    mine = ("partnership", "trust", "add", *own, "--agency", "area.academy", "--gateway", "guests")
    assert code_of(ours, *mine) == "trust.ourselves"
    assert code_of(theirs, "partnership", "trust", "offer", "--agency", "moor.none",
                   "--out", out) == "agency.unknown"  # fmt: skip
    assert code_of(ours, "partnership", "trust", "end", "moor") == "trust.unknown"
    assert directory_of(ours).document.trusted == ()


def test_a_whole_directory_is_taken_unless_it_trusts_others(ours: Path, theirs: Path) -> None:
    """Directories inside directories would grow without end, so what is nested is not taken."""
    path, root_x = partnership_of(theirs).directory_path, partnership_of(theirs).root_x
    add = ("partnership", "trust", "add", "--directory", path, "--root", root_x,
           "--agency", f"{SCHOOL}=universal", "--gateway", "guests")  # fmt: skip
    run(ours, *add)

    trusted(theirs, ours, "area.academy")
    assert code_of(ours, *add) == "trust.untrusted"
    trusted(ours, theirs, SCHOOL)
    assert len(directory_of(ours).document.trusted) == 1


def test_an_ended_trust_can_begin_again_and_a_guest_can_be_let_go(ours: Path, theirs: Path) -> None:
    """Ended is told as ended; naming fewer guests lets the others go and keeps them known."""
    trusted(ours, theirs, SCHOOL, CLINIC)
    run(ours, "partnership", "trust", "end", "moor")
    assert code_of(ours, "partnership", "trust", "end", "moor") == "trust.ended"
    gone = directory_of(ours).agencies[SCHOOL]
    assert gone.left_at is not None

    named = ("--agency", SCHOOL, "--gateway", "guests")
    run(ours, "partnership", "trust", "add", *offered(theirs, SCHOOL, CLINIC), *named)
    directory = directory_of(ours)
    assert directory.agencies[SCHOOL].left_at != gone.left_at
    breaks = directory.document.trusted[0].guests[0].breaks
    assert [one.since for one in breaks] == [gone.left_at]
    assert directory.agency(CLINIC, directory.document.issued_at) is None
    assert CLINIC in directory.agencies
    (one,) = run(ours, "partnership", "trust", "list")["trusted"]
    assert one["guests"] == [SCHOOL]


def test_the_role_of_a_guest_is_the_one_it_had_when_it_was_named(ours: Path, theirs: Path) -> None:
    """An agency that becomes First Response at home does not become it here by a refresh."""
    trusted(ours, theirs, SCHOOL)
    document = directory_of(theirs).document
    agencies = tuple(a.model_copy(update={"role": Role.FIRST_RESPONSE}) for a in document.agencies)
    changed = document.model_copy(
        update={"agencies": agencies, "gateways": (), "services": (), "version": 50}
    )
    out = theirs / "changed"
    root = root_key(partnership_of(theirs), document)
    out.write_bytes(directory_token.sign(changed, root, directory_token.OFFER_TYP))
    run(ours, "partnership", "trust", "refresh", "--directory", out)

    assert directory_of(ours).agencies[SCHOOL].role is Role.UNIVERSAL
