"""`handrail partnership trust add`: which root, which role, which gateway, and whose keys."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from contracts.directory import Closure, DirectoryDocument, sign_directory
from contracts.roles import Role
from services.cli.root_signing import root_key
from tests.unit.test_cli_trust import (
    JO,
    SCHOOL,
    code_of,
    directory_of,
    founded,
    offered,
    ours,
    partnership_of,
    run,
    theirs,
    trusted,
)

__all__ = ["ours", "theirs"]


def _raised(theirs: Path, folder: Path) -> Path:
    """Return an offer, newer than any, that whoever kept a copy of `theirs` signs."""
    for _ in range(4):
        run(folder, "partnership", "renew")
    out = theirs / "raised"
    run(folder, "partnership", "trust", "offer", "--agency", SCHOOL, "--out", out)
    return out


def test_a_root_that_they_have_left_behind_is_not_trusted_again(ours: Path, theirs: Path) -> None:
    """Whoever kept their old root key gains nothing by `trust add`, unless a person says so."""
    copy = theirs.with_name("thief")
    shutil.copytree(theirs, copy)
    old = offered(theirs, SCHOOL)[3]
    run(theirs, "partnership", "root", "rotate")
    trusted(ours, theirs, SCHOOL)
    forged = _raised(theirs, copy)
    add = ("partnership", "trust", "add", "--directory", forged, "--root", old,
           "--agency", SCHOOL, "--gateway", "guests")  # fmt: skip

    assert code_of(ours, *add) == "trust.other-root"
    genuine = offered(theirs, SCHOOL)
    run(ours, "partnership", "trust", "add", *genuine, "--agency", SCHOOL, "--gateway", "guests")
    run(ours, "partnership", "trust", "end", "moor")
    assert code_of(ours, *add) == "trust.other-root"
    run(ours, *add, "--new-root")
    assert directory_of(ours).document.trusted[0].root_x == old


def test_a_guest_is_named_with_its_role(ours: Path, theirs: Path) -> None:
    """What an agency calls itself at home gives it nothing here: ours says what it is."""
    add = ("partnership", "trust", "add", *offered(theirs, SCHOOL), "--gateway", "guests")

    assert code_of(ours, *add, "--agency", SCHOOL) == "trust.no-role"
    assert code_of(ours, *add, "--agency", f"{SCHOOL}=owner") == "role.unknown"
    run(ours, *add, "--agency", f"{SCHOOL}=caf_team")
    assert directory_of(ours).agencies[SCHOOL].role is Role.CAF_TEAM
    run(ours, *add, "--agency", SCHOOL)
    assert directory_of(ours).agencies[SCHOOL].role is Role.CAF_TEAM


def test_a_gateway_of_guests_connects_for_nobody_else(
    ours: Path, theirs: Path, tmp_path: Path
) -> None:
    """Whoever runs a guest's gateway reads nothing of ours, nor of a third partnership."""
    named = ("--agency", f"{SCHOOL}=universal", "--gateway")
    add = ("partnership", "trust", "add", *offered(theirs, SCHOOL), *named)
    assert code_of(ours, *add, "area") == "directory.gateway.shared"

    trusted(ours, theirs, SCHOOL)
    agency = ("partnership", "agency", "add", "nursery", "--name", "Nursery", "--role", "universal")
    assert code_of(ours, *agency, "--gateway", "guests") == "directory.gateway.shared"
    third = founded(tmp_path / "third", "fen", "school")
    more = ("partnership", "trust", "add", *offered(third, "fen.school"), "--agency",
            "fen.school=universal", "--gateway")  # fmt: skip
    assert code_of(ours, *more, "guests") == "directory.gateway.shared"
    run(ours, *more, "fen")


def test_a_partnership_cannot_take_anothers_keys_by_listing_them(
    ours: Path, theirs: Path, tmp_path: Path
) -> None:
    """A public key that somebody else holds is refused where it comes in, and told whose it is."""
    third = founded(tmp_path / "third", "fen", "school")
    trusted(ours, theirs, SCHOOL)
    joining = ("--agency", "fen.school=universal", "--gateway", "fen")
    run(ours, "partnership", "trust", "add", *offered(third, "fen.school"), *joining)
    (stolen,) = directory_of(theirs).practitioners[JO].keys
    own = directory_of(ours).practitioners["area.academy.jo"].keys[0]
    run(third, "practitioner", "add", "fen.school.al", "--name", "Al", f"--key={stolen.x}")
    refresh = ("partnership", "trust", "refresh", *offered(third, "fen.school")[:2])

    assert code_of(ours, *refresh) == "directory.key.held-twice"
    taking = ("practitioner", "add", "area.academy.al", "--name", "Al", f"--key={stolen.x}")
    assert code_of(ours, *taking) == "directory.key.held-twice"
    run(theirs, "practitioner", "add", f"{SCHOOL}.cy", "--name", "Cy", f"--key={own.x}")
    mine = ("partnership", "trust", "refresh", *offered(theirs, SCHOOL)[:2])
    assert code_of(ours, *mine) == "directory.key.held-twice"
    held = directory_of(ours).holder(stolen.kid)
    assert held is not None
    assert held.holder == JO


def test_naming_a_guest_again_does_not_give_its_keys_to_another(ours: Path, theirs: Path) -> None:
    """A partnership that is trusted again keeps its place before those that came later."""
    trusted(ours, theirs, SCHOOL)
    third = founded(theirs.with_name("third"), "fen", "school")
    joining = ("--agency", "fen.school=universal", "--gateway", "fen")
    run(ours, "partnership", "trust", "add", *offered(third, "fen.school"), *joining)
    trusted(ours, theirs, SCHOOL)

    assert [one.partnership for one in directory_of(ours).document.trusted] == ["moor", "fen"]


def _closed_for_decades(theirs: Path) -> tuple[str, Path]:
    """Return the option that names what their root signs without asking its own commands."""
    run(theirs, "partnership", "renew")
    partnership, document = partnership_of(theirs), directory_of(theirs).document
    closures = (Closure(first=datetime.now(UTC).date(), last=date(2090, 1, 1)),)
    agencies = tuple(a.model_copy(update={"closures": closures}) for a in document.agencies)
    made: DirectoryDocument = document.model_copy(update={"agencies": agencies})
    out = theirs / "closed"
    out.write_bytes(sign_directory(made, root_key(partnership, document)))
    return "--directory", out


def test_a_guest_closed_for_decades_is_not_taken(ours: Path, theirs: Path) -> None:
    """Neither a new trust nor a refreshed one brings closures that would stop clocks here."""
    root = offered(theirs, SCHOOL)[2:]
    closed = _closed_for_decades(theirs)
    named = ("--agency", f"{SCHOOL}=universal", "--gateway", "guests")
    add = ("partnership", "trust", "add", *closed, *root, *named)

    assert code_of(ours, *add) == "directory.closure.guest-too-long"
    assert not directory_of(ours).document.trusted
    trusted(ours, theirs, SCHOOL)
    refresh = ("partnership", "trust", "refresh", *_closed_for_decades(theirs))
    assert code_of(ours, *refresh) == "directory.closure.guest-too-long"
    assert directory_of(ours).agencies[SCHOOL].closures == ()
