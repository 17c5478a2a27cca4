"""`handrail key` and the passphrase: keys made, rotated, ended and protected by the commands."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts import jws
from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.event import MAX_AGE
from services.cli.amending import read_directory
from services.cli.main import app
from services.runtime.keystore import KeyStore
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings

RUNNER = CliRunner()
HEAD = "area.school.head"
EXCHANGE = "area.exchange"
FIRST, SECOND = "correct horse", "battery staple"


def run(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    done = RUNNER.invoke(app, [*arguments, "--dir", str(folder), "--json"])
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def partnership_of(folder: Path) -> Partnership:
    """Return the partnership of a folder, by the settings of now."""
    return Partnership.load(Settings.load(state_dir=folder))


def directory_of(folder: Path) -> Directory:
    """Return the verified directory of a folder."""
    return read_directory(partnership_of(folder))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a partnership with one school and its head, its keys under a passphrase."""
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", FIRST)
    where = tmp_path / "state"
    run(where, "partnership", "create", "--id", "area")
    run(where, "partnership", "agency", "add", "school", "--name", "The School",
        "--role", "universal", "--gateway", "schools")  # fmt: skip
    run(where, "practitioner", "add", HEAD, "--name", "Head")
    return where


def test_a_partnership_without_a_passphrase_is_refused(tmp_path: Path) -> None:
    """Founding writes no key into a plain file unless it is told to, and then says nothing else."""
    where = tmp_path / "state"
    error = run(where, "partnership", "create", "--id", "area", code=1)["error"]

    assert error["code"] == "key.no-passphrase"
    assert "HANDRAIL_KEY_PASSPHRASE_FILE" in error["remedy"]
    assert not where.exists()
    run(where, "partnership", "create", "--id", "area", "--unencrypted")
    assert not KeyStore(where / "keys").is_encrypted("root")


def test_every_key_of_a_new_partnership_is_encrypted(folder: Path) -> None:
    """With a passphrase not one private key lies in the clear."""
    keys = partnership_of(folder).keys

    assert len(keys.names()) > 4
    assert all(keys.is_encrypted(name) for name in keys.names())


def test_the_passphrase_may_come_from_a_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in place of the setting opens the keys; one that cannot be read is refused."""
    monkeypatch.delenv("HANDRAIL_KEY_PASSPHRASE")
    secret = tmp_path / "passphrase"
    secret.write_text(FIRST + "\n")
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE_FILE", str(secret))
    assert run(folder, "partnership", "renew")["version"]

    secret.unlink()
    error = run(folder, "partnership", "renew", code=1)["error"]
    assert error["code"] == "settings.invalid"
    assert "key_passphrase_file" in error["message"]


def test_all_keys_go_over_to_another_passphrase(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards the old passphrase opens nothing and the new one opens all; twice does no harm."""
    secret = tmp_path / "new"
    secret.write_text(SECOND)
    before = {n: _public(folder, n) for n in partnership_of(folder).keys.names()}

    done = run(folder, "key", "protect", "--passphrase-file", str(secret))
    again = run(folder, "key", "protect", "--passphrase-file", str(secret))

    assert done == {"encrypted": len(before), "were_so_already": 0}
    assert again == {"encrypted": 0, "were_so_already": len(before)}
    assert not any(KeyStore(folder / "keys", FIRST).opens(name) for name in before)
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", SECOND)
    assert {n: _public(folder, n) for n in before} == before
    assert not [p for p in (folder / "keys").rglob(".*") if p.is_file()]


def _public(folder: Path, name: str) -> bytes:
    keys = partnership_of(folder).keys
    monthly = name.startswith("delivery/")
    held = keys.encryption(name) if monthly else keys.signing(name)
    return held.public_key().public_bytes_raw()


def test_protecting_that_was_broken_off_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path
) -> None:
    """Files under the old and under the new passphrase side by side all end under the new one."""
    secret = tmp_path / "new"
    secret.write_text(SECOND)
    KeyStore(folder / "keys", FIRST).protect("root", SECOND)

    done = run(folder, "key", "protect", "--passphrase-file", str(secret))

    assert done["were_so_already"] == 1
    keys = KeyStore(folder / "keys", SECOND)
    assert all(keys.opens(name) for name in keys.names())


def test_a_plain_store_can_be_protected_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was founded without encryption is encrypted by one command; an empty word is none."""
    where, secret = tmp_path / "state", tmp_path / "new"
    run(where, "partnership", "create", "--id", "area", "--unencrypted")
    secret.write_text("\n")
    refused = run(where, "key", "protect", "--passphrase-file", str(secret), code=1)
    assert refused["error"]["code"] == "key.no-passphrase"

    secret.write_text(SECOND)
    run(where, "key", "protect", "--passphrase-file", str(secret))
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", SECOND)
    keys = partnership_of(where).keys
    assert all(keys.is_encrypted(name) for name in keys.names())
    assert run(where, "partnership", "renew")["version"]


def test_a_rotated_key_signs_from_now_and_the_old_one_for_the_overlap(folder: Path) -> None:
    """Both are valid meanwhile, the person signs with the new one, and both are shown."""
    before = directory_of(folder).practitioners[HEAD].keys[0]
    made = run(folder, "key", "rotate", HEAD, "--overlap", "3")
    old, new = directory_of(folder).practitioners[HEAD].keys

    assert old.kid == before.kid
    assert old.retired_at is not None
    assert timedelta(days=2) < old.retired_at - datetime.now(UTC) < timedelta(days=3)
    assert (new.kid, new.retired_at) == (made["kid"], None)
    assert partnership_of(folder).practitioner_key(HEAD).kid == new.kid
    states = [one["state"] for one in run(folder, "key", "list", HEAD)["keys"]]
    assert states == ["valid, to be retired", "valid"]


def test_whoever_leaves_during_an_overlap_signs_with_neither_key(folder: Path) -> None:
    """Leaving retires the key that was to be retired later too."""
    run(folder, "key", "rotate", HEAD, "--overlap", "30")
    run(folder, "practitioner", "leave", HEAD)

    keys = directory_of(folder).practitioners[HEAD].keys
    assert [key.retired_at <= datetime.now(UTC) for key in keys if key.retired_at] == [True, True]


def test_a_rotation_never_lengthens_what_was_to_end_sooner(folder: Path) -> None:
    """A key that ends earlier than the overlap ends as it was to end."""
    kid = directory_of(folder).practitioners[HEAD].keys[0].kid
    run(folder, "key", "retire", HEAD, "--kid", kid)
    retired = directory_of(folder).practitioners[HEAD].keys[0].retired_at
    run(folder, "key", "rotate", HEAD, "--overlap", "30")

    assert directory_of(folder).practitioners[HEAD].keys[0].retired_at == retired


def test_a_service_s_new_key_counts_for_what_is_decided_late(folder: Path) -> None:
    """What was handed in before a rotation is attested after it, by the instant of handing in."""
    run(folder, "key", "rotate", EXCHANGE)
    key = directory_of(folder).services[EXCHANGE].keys[-1]

    assert datetime.now(UTC) - key.valid_from > MAX_AGE - timedelta(minutes=5)
    assert partnership_of(folder).service_key("exchange").kid == key.kid
    short = run(folder, "key", "rotate", EXCHANGE, "--overlap", "0", code=1)["error"]
    assert short["code"] == "key.overlap-too-short"


def test_a_key_made_elsewhere_is_signed_in_by_its_public_half(folder: Path) -> None:
    """A practitioner's machine keeps the private half; the list says that it is not here."""
    key = jws.PrivateKey.generate()
    made = run(folder, "key", "rotate", HEAD, "--key", key.x, "--overlap", "0")

    assert made["kid"] == key.kid
    kept = [(one["state"], one["kept"]) for one in run(folder, "key", "list", HEAD)["keys"]]
    assert kept == [("retired", "here, encrypted"), ("valid", "elsewhere")]
    twice = run(folder, "key", "rotate", HEAD, "--key", key.x, code=1)["error"]
    assert twice["code"] == "directory.bad-entry"
    bad = run(folder, "key", "rotate", HEAD, "--key", "short", code=1)["error"]
    assert bad["code"] == "key.not-public"


def test_a_name_mistyped_is_told_and_options_that_exclude_one_another(folder: Path) -> None:
    """A list of nobody's keys is an error, and a key from elsewhere is not made in a module."""
    told = run(folder, "key", "list", "area.school.haed", code=1)["error"]
    assert told["code"] == "key.no-holder"
    words = ("key", "rotate", HEAD, "--key", jws.PrivateKey.generate().x, "--pkcs11")
    done = RUNNER.invoke(app, [*words, "--dir", str(folder)])
    assert done.exit_code == 2
    assert len(directory_of(folder).practitioners[HEAD].keys) == 1


def test_a_key_made_beforehand_is_the_one_that_is_rotated_in(folder: Path) -> None:
    """`key create` signs nothing by itself; the rotation takes what it made."""
    made = run(folder, "key", "create", HEAD)
    assert run(folder, "key", "create", HEAD)["kid"] == made["kid"]
    assert len(directory_of(folder).practitioners[HEAD].keys) == 1

    assert run(folder, "key", "rotate", HEAD)["kid"] == made["kid"]


def test_revoking_retiring_and_ending_write_the_instant_once(folder: Path) -> None:
    """An earlier revocation is never moved to later; a day of expiry may be."""
    kid = directory_of(folder).practitioners[HEAD].keys[0].kid
    run(folder, "key", "revoke", HEAD, "--kid", kid[:6])
    first = directory_of(folder).practitioners[HEAD].keys[0].compromised_at
    run(folder, "key", "revoke", HEAD, "--kid", kid)
    run(folder, "key", "expire", HEAD, "--kid", kid, "--on", "2040-01-31")
    run(folder, "key", "expire", HEAD, "--kid", kid, "--on", "2041-01-31")
    key = directory_of(folder).practitioners[HEAD].keys[0]

    assert key.compromised_at == first
    assert key.valid_to == datetime(2041, 1, 31, tzinfo=UTC)
    (told,) = run(folder, "key", "list", HEAD)["keys"]
    assert (told["state"], told["days_left"]) == ("revoked", 0)
    warned = RUNNER.invoke(app, ["key", "retire", HEAD, "--kid", kid, "--dir", str(folder)])
    assert "has no key left" in warned.stderr


@pytest.mark.parametrize(
    ("holder", "kid", "code"),
    [
        ("area.school.nobody", "x", "key.no-holder"),
        ("other.school.head", "x", "key.no-holder"),
        (HEAD, "nonsense", "key.unknown"),
        (HEAD, "", "key.unknown"),
    ],
)
def test_a_key_that_is_not_there_is_not_changed(
    folder: Path, holder: str, kid: str, code: str
) -> None:
    """Who or what the directory does not hold is told, and no version is signed."""
    version = directory_of(folder).document.version

    assert run(folder, "key", "revoke", holder, "--kid", kid, code=1)["error"]["code"] == code
    assert directory_of(folder).document.version == version


def test_the_root_is_changed_by_a_command_and_everybody_follows(folder: Path) -> None:
    """The new root signs, the old file is gone, and whoever is pinned to the first one follows."""
    partnership = partnership_of(folder)
    first = partnership.keys.signing("root")
    made = [run(folder, "partnership", "root", "rotate") for _ in range(2)]
    data = partnership.directory_path.read_bytes()

    shown = run(folder, "partnership", "root", "show")
    assert shown["root_x"] == made[1]["root_x"]
    assert shown["pinned"] == partnership.root_x == jws.PrivateKey(first).x
    for pinned in (partnership.root_x, made[0]["root_x"], made[1]["root_x"]):
        assert open_directory(data, pinned).root_x == made[1]["root_x"]
    assert [n for n in partnership.keys.names() if n.startswith("root")] == ["roots/2"]
    assert run(folder, "partnership", "renew")["version"]


def test_a_change_of_the_root_that_was_broken_off_is_done_again(folder: Path) -> None:
    """A new root key that was made and never signed is the one that the next try goes over to."""
    made = partnership_of(folder).signers.create("roots/1")
    assert run(folder, "partnership", "renew")["version"]

    assert run(folder, "partnership", "root", "rotate")["root_x"] == made.x


def test_another_root_key_in_the_folder_signs_nothing(folder: Path) -> None:
    """A key under the root's name that nobody would believe is refused before it signs."""
    keys = partnership_of(folder).keys
    keys.destroy("root")
    keys.create_signing("root")

    assert run(folder, "partnership", "renew", code=1)["error"]["code"] == "key.not-root"
    with pytest.raises(HandrailError):
        keys.create_signing("root")
