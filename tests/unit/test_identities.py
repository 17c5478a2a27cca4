"""NATS identities lie in the key store: encrypted as all keys are, whoever was handed a seed."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.errors import HandrailError
from contracts.roles import Role
from services.agency.gateways import Gateways
from services.cli.amending import read_directory
from services.cli.backup_parts import Part, part_of
from services.cli.founding import create
from services.cli.main import app
from services.cli.rekeying import rekey, retire, take_up
from services.runtime.identities import Identities
from services.runtime.keystore import KeyStore
from services.runtime.nats_plan import ServiceRole
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership
from services.runtime.planning import server_plan
from services.runtime.settings import Settings

RUNNER = CliRunner()
FIRST, SECOND, THEIRS = "correct horse", "battery staple", "another stable"
USERS = (*ServiceRole, "schools-service", "schools-desk")


def run(folder: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    words = [*map(str, arguments), "--dir", str(folder), "--json"]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def partnership_of(folder: Path) -> Partnership:
    """Return the partnership of a folder, by the settings of now."""
    return Partnership.load(Settings.load(state_dir=folder))


def as_seeds(folder: Path) -> dict[str, str]:
    """Turn the folder's identities into plain seeds; return their public halves."""
    partnership = partnership_of(folder)
    (folder / "nkeys").mkdir(mode=0o700)
    held = {user: partnership.nkey(user) for user in USERS}
    for user, identity in held.items():
        (folder / "nkeys" / f"{user}.seed").write_text(identity.seed + "\n")
        partnership.keys.destroy(f"nkeys/{user}")
    return {user: identity.public for user, identity in held.items()}


def publics(folder: Path) -> dict[str, str]:
    """Return the public halves of the folder's identities, opened by the settings of now."""
    return {user: partnership_of(folder).nkey(user).public for user in USERS}


def plain_text_of(folder: Path) -> bytes:
    """Return everything that lies in the files of a folder, one after another."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def secret_file(path: Path, passphrase: str) -> Path:
    """Write a file with a passphrase and return it."""
    path.write_text(passphrase + "\n")
    return path


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a passphrase in force."""
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", FIRST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a partnership with one school behind the gateway `schools`."""
    where = tmp_path / "state"
    create(where, "area", now=datetime.now(UTC))
    run(where, "partnership", "agency", "add", "school", "--name", "The School",
        "--role", "universal", "--gateway", "schools")  # fmt: skip
    return where


def test_every_identity_is_encrypted_under_the_passphrase(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a seed nor a key opens without the passphrase, and no seed lies anywhere."""
    partnership = partnership_of(folder)
    keys = partnership.keys
    assert all(keys.is_encrypted(f"nkeys/{user}") for user in USERS)
    assert not (folder / "nkeys").exists()
    everything = plain_text_of(folder)
    assert all(partnership.nkey(user).seed.encode() not in everything for user in USERS)

    for wrong in ("", SECOND):
        monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", wrong)
        with pytest.raises(HandrailError, match=r"key\.unreadable"):
            partnership_of(folder).nkey("operator")


def test_a_folder_with_seeds_works_as_it_is(folder: Path) -> None:
    """Whoever was handed a seed connects by it: the same identities, the same plan."""
    before = publics(folder)
    assert as_seeds(folder) == before
    partnership = partnership_of(folder)
    directory = run(folder, "partnership", "gateway", "list")

    assert publics(folder) == before
    assert directory["gateways"][0]["desk_nkey"] == before["schools-desk"]
    assert partnership.identities.holds("schools-desk")
    assert not partnership.identities.holds("nobody-desk")


def test_a_key_goes_before_a_seed(folder: Path) -> None:
    """An older seed left beside the key is not what connects."""
    before = publics(folder)
    (folder / "nkeys").mkdir()
    (folder / "nkeys" / "operator.seed").write_text(NKey.generate().seed)
    assert publics(folder) == before


@pytest.mark.parametrize("content", [b"", b"SUABC", b"\xff\xfe", b"U" * 58])
def test_a_damaged_seed_is_told(folder: Path, content: bytes) -> None:
    """What is no seed is refused by its code, and no traceback comes of it."""
    as_seeds(folder)
    (folder / "nkeys" / "operator.seed").write_bytes(content)
    with pytest.raises(HandrailError, match=r"nkey\.invalid"):
        partnership_of(folder).nkey("operator")


def test_protecting_takes_seeds_in_and_destroys_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `key protect` no seed is left, and the same identities open by the new word alone."""
    before, keys = as_seeds(folder), len(partnership_of(folder).keys.names())
    secrets = [path.read_bytes().strip() for path in (folder / "nkeys").iterdir()]

    done = run(folder, "key", "protect", "--passphrase-file", secret_file(tmp_path / "n", SECOND))

    assert done == {"encrypted": keys + len(USERS), "were_so_already": 0}
    assert list((folder / "nkeys").iterdir()) == []
    assert not any(secret in plain_text_of(folder) for secret in secrets)
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", SECOND)
    assert publics(folder) == before


def test_protecting_again_finishes_what_was_broken_off(folder: Path, tmp_path: Path) -> None:
    """A seed whose key is written already is only destroyed."""
    before = as_seeds(folder)
    seed = (folder / "nkeys" / "operator.seed").read_bytes()
    new = KeyStore(folder / "keys", SECOND)
    Identities(folder, new).put("operator", partnership_of(folder).nkey("operator"))
    (folder / "nkeys" / "operator.seed").write_bytes(seed)

    run(folder, "key", "protect", "--passphrase-file", secret_file(tmp_path / "new", SECOND))

    assert list((folder / "nkeys").iterdir()) == []
    assert {user: Identities(folder, new).get(user).public for user in USERS} == before


@pytest.mark.parametrize("seeds", [False, True])
def test_new_identities_take_the_place_of_the_old(folder: Path, *, seeds: bool) -> None:
    """Where nothing runs `rekey` puts them in use at once; of the old ones nothing is left here."""
    if seeds:
        as_seeds(folder)
    old = {user: partnership_of(folder).nkey(user) for user in USERS}
    told = run(folder, "partnership", "gateway", "rekey", "schools")
    new = publics(folder)

    assert told["taken_up"]
    assert told["service_nkey"] == new["schools-service"]
    assert told["desk_nkey"] == new["schools-desk"]
    assert told["retiring_desk"] == [old["schools-desk"].public]
    assert {user for user in USERS if new[user] != old[user].public} == {*USERS[-2:]}
    assert partnership_of(folder).keys.is_encrypted("nkeys/schools-desk")
    assert not [n for n in partnership_of(folder).keys.names("nkeys") if "next" in n]
    assert not list(folder.glob("nkeys/schools-*"))
    assert run(folder, "partnership", "gateway", "retire", "schools")["retiring_desk"] == []


def test_a_server_that_cannot_be_reached_is_no_server_that_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an address that does not answer somebody may know the old identities only."""
    monkeypatch.setenv("HANDRAIL_NATS_URL", "nats://127.0.0.1:1")
    partnership = partnership_of(folder)
    old = partnership.nkey("schools-desk")
    rekey(partnership, "schools", datetime.now(UTC))

    assert not take_up(partnership, "schools", timeout_s=0.1)

    assert partnership.nkey("schools-desk").public == old.public
    with pytest.raises(HandrailError, match=r"gateway\.not-rekeyed"):
        retire(partnership, "schools", datetime.now(UTC))


def test_new_identities_that_never_reached_the_directory_are_made_again(folder: Path) -> None:
    """What `rekey` left when it was broken off before the directory was written blocks nothing."""
    stale = NKey.generate()
    partnership_of(folder).identities.put("schools-service.next", stale)
    run(folder, "partnership", "gateway", "rekey", "schools")
    assert partnership_of(folder).nkey("schools-service").public != stale.public


async def test_an_identity_that_does_not_open_is_not_taken_for_one_that_is_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service with the wrong passphrase says so instead of leaving its gateway unserved."""
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", SECOND)
    partnership = partnership_of(folder)

    async def serve(gateway: str, _ready: object) -> None:
        partnership.nkey(f"{gateway}-service")

    with pytest.raises(HandrailError, match=r"key\.unreadable"):
        await Gateways(Role.UNIVERSAL, partnership, serve).run(lambda: None)


def test_a_gateway_elsewhere_is_handed_its_identity_under_another_passphrase(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is handed over opens by the word for the way, and afterwards by that of its operator."""
    out, desk = tmp_path / "handed", tmp_path / "desk"
    way, own = secret_file(tmp_path / "way", SECOND), secret_file(tmp_path / "own", THEIRS)
    told = run(folder, "partnership", "gateway", "export", "schools", "--out", out,
               "--passphrase-file", way)  # fmt: skip
    ours = publics(folder)

    handed = KeyStore(out / "keys", SECOND)
    assert handed.names() == ("nkeys/schools-desk", "nkeys/schools-service", "witnesses/schools")
    assert all(map(handed.is_encrypted, handed.names()))
    assert (told["gateway"], told["desk_nkey"]) == ("schools", ours["schools-desk"])

    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", SECOND)
    run(out, "key", "protect", "--passphrase-file", own)
    monkeypatch.setenv("HANDRAIL_KEY_PASSPHRASE", THEIRS)
    KeyStore(desk / "keys", THEIRS).create_signing("practitioners/area.school.head")
    shutil.copytree(out, desk, dirs_exist_ok=True)
    there = partnership_of(desk)
    assert {user: there.nkey(user).public for user in USERS[-2:]} == {
        user: ours[user] for user in USERS[-2:]
    }
    assert there.signers.load("witnesses/schools").x
    assert there.id == "area"
    with pytest.raises(HandrailError, match=r"nkey\.missing"):
        server_plan(there, read_directory(there), datetime.now(UTC))


def test_a_hand_over_is_refused_rather_than_mixed_or_plain(folder: Path, tmp_path: Path) -> None:
    """Not into a folder in use, not under an empty word, not of who is unknown or between two."""
    word, empty = secret_file(tmp_path / "w", SECOND), secret_file(tmp_path / "e", "")

    def refused(name: str, out: str, file: Path) -> str:
        told = run(folder, "partnership", "gateway", "export", name, "--out", tmp_path / out,
                   "--passphrase-file", file, code=1)  # fmt: skip
        return str(told["error"]["code"])

    assert refused("schools", "state", word) == "gateway.not-empty"
    assert refused("schools", "w", word) == "gateway.not-empty"
    assert refused("schools", "new", empty) == "key.no-passphrase"
    assert refused("nobody", "new", word) == "gateway.unknown"
    partnership = partnership_of(folder)
    partnership.identities.put("schools-desk", NKey.generate())
    assert refused("schools", "new", word) == "gateway.not-rekeyed"
    partnership.keys.destroy("nkeys/schools-desk")
    assert refused("schools", "new", word) == "nkey.missing"
    assert not (tmp_path / "new").exists()


def test_identities_are_backed_up_with_the_keys() -> None:
    """Neither a key nor a seed lies in the part of the backup that holds the record."""
    assert part_of("keys/nkeys/operator.key") is Part.PARTNERSHIP
    assert part_of("nkeys/operator.seed") is Part.PARTNERSHIP
