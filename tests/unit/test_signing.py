"""Signers: whatever holds the private key, what it signs verifies; and which key signs now."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from contracts import jws
from contracts.directory import Directory, SigningKey, open_directory, sign_directory
from contracts.errors import HandrailError
from contracts.event import TYP
from contracts.identifiers import new_reference
from contracts.kinds import Opened
from contracts.records import Place, attested
from contracts.seal import countersign, open_seal, seal
from services.cli.amending import read_directory
from services.cli.founding import create
from services.cli.main import app
from services.exchange.attesting import Leaves, attest
from services.runtime.keystore import KeyStore
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from services.runtime.signing import ServiceKey, Signers
from services.runtime.tokens import TokenSettings, token_of
from tests.area import FRONT, HEAD, TEACHER, Area
from tests.unit.softhsm import PIN, token

__all__ = ["token"]

NOW = datetime.now(UTC)
RUNNER = CliRunner()


@pytest.fixture
def settings_of_token(token: TokenSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the token in the environment of the commands."""
    monkeypatch.setenv("HANDRAIL_PKCS11_MODULE", str(token.module))
    monkeypatch.setenv("HANDRAIL_PKCS11_TOKEN", token.token)
    monkeypatch.setenv("HANDRAIL_PKCS11_PIN", PIN)


def test_a_key_in_a_hardware_module_signs_all_that_a_file_does(
    token: TokenSettings, tmp_path: Path
) -> None:
    """Root, practitioner and exchange in the module: directory, seal and attestation verify."""
    signers = Signers(KeyStore(tmp_path), token)
    root, author, exchange = (signers.create(n, in_token=True) for n in ("root", "a", "b"))
    area = Area(NOW)
    area.document = _with_keys(area, {TEACHER: author, "demo.exchange": exchange})

    directory = open_directory(sign_directory(area.document, root), root.x)
    event, disclosures = area.event(
        "referral.submitted",
        new_reference(),
        TEACHER,
        [FRONT],
        [area.statement("concern.what_happened")],
        content={"concern": "child_in_need", "source": "2A"},
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
    )
    sealed = seal(event, author, disclosures)
    assert isinstance(open_seal(sealed, directory, NOW), Opened)
    both = jws.parse(countersign(seal(event, area.keys[HEAD]), author).text, TYP)
    assert isinstance(both, jws.Parsed)
    keys = {k.kid: jws.PublicKey(k.x) for k in (author, area.keys[HEAD])}
    assert jws.verify(both, keys) is not None

    decision = {
        "v": 1, "exchange": "demo.exchange", "outcome": "accepted", "agency": FRONT, "lane": "L",
        "sequence": 1, "submission": "0" * 64, "now": NOW.isoformat(),
    }  # fmt: skip
    leaves, text = Leaves(), json.dumps(decision)
    index = leaves.add(text)
    made = attest(leaves, (), "demo.exchange", exchange, NOW)
    place = Place.model_validate_json(orjson.dumps(made.place(index)))
    assert attested(text, made.token, place, directory, "demo.exchange") is not None
    forged = attest(leaves, (), "demo.exchange", author, NOW)
    assert attested(text, forged.token, place, directory, "demo.exchange") is None


def _with_keys(area: Area, keys: dict[str, jws.Signer]) -> Any:
    def of(one: Any) -> Any:
        signer = keys.get(one.id)
        if signer is None:
            return one
        key = SigningKey(kid=signer.kid, x=signer.x, valid_from=NOW - timedelta(days=1))
        return one.model_copy(update={"keys": (key,)})

    document = area.document
    update = {
        "practitioners": tuple(map(of, document.practitioners)),
        "services": tuple(map(of, document.services)),
    }
    return document.model_copy(update=update)


def test_the_reference_to_a_token_holds_no_secret(token: TokenSettings, tmp_path: Path) -> None:
    """The file beside the others names the object and its public half, for its owner alone."""
    made = Signers(KeyStore(tmp_path), token).create("practitioners/jo", in_token=True)
    path = tmp_path / "practitioners" / "jo.pkcs11"

    assert json.loads(path.read_text()).keys() == {"object", "x"}
    assert path.stat().st_mode & 0o077 == 0
    again = Signers(KeyStore(tmp_path), token)
    assert again.public("practitioners/jo") == made.x
    assert not list(tmp_path.rglob("*.key"))
    with pytest.raises(HandrailError) as caught:
        again.create("practitioners/jo")
    assert caught.value.code == "key.exists"


def test_a_module_that_does_not_answer_is_told_and_never_with_the_pin(
    token: TokenSettings, tmp_path: Path
) -> None:
    """A wrong PIN, a token that is not there, no module and no settings: each is a plain error."""
    wrong = {
        "key.no-token": None,
        "key.token-unreachable": TokenSettings(token.module, "absent", token.pin),
    }
    for code, settings in wrong.items():
        with pytest.raises(HandrailError) as caught:
            Signers(KeyStore(tmp_path), settings).create("x", in_token=True)
        assert caught.value.code == code
        assert PIN not in str(caught.value)
    with pytest.raises(HandrailError) as caught:
        token_of(TokenSettings(tmp_path / "none.so", "handrail", token.pin))
    assert caught.value.code == "key.token-unreachable"
    assert PIN not in repr(token)


@pytest.mark.usefixtures("settings_of_token")
def test_a_partnership_whose_root_is_in_a_module_is_run_by_the_same_commands(
    tmp_path: Path,
) -> None:
    """Founding, adding, rotating a person's key and the root itself, all in the token."""
    folder = str(tmp_path / "state")
    head = "area.school.head"
    for arguments in (
        ("partnership", "create", folder, "--id", "area", "--root-pkcs11", "--unencrypted"),
        ("partnership", "agency", "add", "school", "--name", "S", "--role", "universal",
         "--gateway", "schools", "--dir", folder),
        ("practitioner", "add", head, "--name", "H", "--dir", folder),
        ("key", "rotate", head, "--pkcs11", "--dir", folder),
        ("partnership", "root", "rotate", "--pkcs11", "--dir", folder),
        ("partnership", "renew", "--dir", folder),
    ):  # fmt: skip
        done = RUNNER.invoke(app, list(arguments))
        assert done.exit_code == 0, done.output

    partnership = Partnership.load(Settings.load(state_dir=folder))
    directory = read_directory(partnership)
    assert not (partnership.folder / "keys" / "root.key").exists()
    assert not list((partnership.folder / "keys" / "roots").glob("*.key"))
    assert directory.root_x != partnership.root_x
    signer = partnership.practitioner_key(head)
    assert signer.kid == directory.practitioners[head].keys[-1].kid
    assert not isinstance(signer, jws.PrivateKey)
    listed = RUNNER.invoke(app, ["key", "list", head, "--dir", folder, "--json"])
    kept = [one["kept"] for one in json.loads(listed.stdout)["keys"]]
    assert kept == ["here, plain", "hardware module"]


def _directory(*keys: SigningKey) -> Directory:
    area = Area(NOW)
    services = tuple(
        s.model_copy(update={"keys": keys}) if s.id == "demo.exchange" else s
        for s in area.document.services
    )
    return Directory(area.document.model_copy(update={"services": services}))


def _entry(signer: jws.Signer, **times: datetime) -> SigningKey:
    made = SigningKey(kid=signer.kid, x=signer.x, valid_from=NOW - timedelta(days=1))
    return made.model_copy(update=times)


def test_a_service_takes_up_the_key_that_the_directory_names_last(tmp_path: Path) -> None:
    """The new key signs as soon as the directory has it; a revoked one never, whatever is left."""
    signers = Signers(KeyStore(tmp_path))
    old, new = signers.add("services/exchange"), signers.add("services/exchange")
    held = [_directory(_entry(old))]
    key = ServiceKey(lambda: signers, "demo.exchange", lambda: held[0], lambda: NOW)
    assert key.kid == old.kid

    held[0] = _directory(_entry(old, retired_at=NOW + timedelta(days=7)), _entry(new))
    assert (key.kid, key.x) == (new.kid, new.x)
    held[0] = _directory(_entry(old), _entry(new, compromised_at=NOW))
    assert key.kid == old.kid
    held[0] = _directory(_entry(old, compromised_at=NOW), _entry(new, compromised_at=NOW))
    with pytest.raises(HandrailError) as caught:
        key.signature(b"{}", "x")
    assert caught.value.code == "key.not-valid"


def test_a_key_that_begins_or_ends_is_noticed_without_a_new_directory(tmp_path: Path) -> None:
    """What the directory said beforehand happens when its time comes."""
    signers, clock = Signers(KeyStore(tmp_path)), [NOW]
    old, new = signers.add("services/exchange"), signers.add("services/exchange")
    hour = timedelta(hours=1)
    directory = _directory(_entry(old, valid_to=NOW + 2 * hour), _entry(new, valid_from=NOW + hour))
    key = ServiceKey(lambda: signers, "demo.exchange", lambda: directory, lambda: clock[0])

    assert key.kid == old.kid
    clock[0] = NOW + hour
    assert key.kid == new.kid


def test_who_has_several_keys_here_signs_with_the_one_in_force(tmp_path: Path) -> None:
    """Of a person's keys in the folder the directory says which one signs now."""
    partnership = create(tmp_path / "demo", now=NOW, demonstration=True)
    person = read_directory(partnership).document.practitioners[0]
    before = partnership.practitioner_key(person.id)

    partnership.signers.add(f"practitioners/{person.id}")
    assert partnership.practitioner_key(person.id).kid == before.kid == person.keys[0].kid
    partnership.directory_path.unlink()
    with pytest.raises(HandrailError) as caught:
        partnership.practitioner_key(person.id)
    assert caught.value.code == "directory.missing"


@pytest.mark.parametrize("left", [b"", b'{"object": "handrail-'])
def test_an_unreadable_key_beside_a_good_one_stops_nothing(tmp_path: Path, left: bytes) -> None:
    """The exchange signs on with what it can read; where nothing fits it is told what is broken."""
    signers = Signers(KeyStore(tmp_path))
    good = signers.add("services/exchange")
    (tmp_path / "services" / f"exchange.k{'0' * 16}.pkcs11").write_bytes(left)
    held = [_directory(_entry(good))]
    key = ServiceKey(lambda: signers, "demo.exchange", lambda: held[0], lambda: NOW)

    assert key.kid == good.kid
    assert signers.by_public("services/exchange") == {good.x: "services/exchange"}
    held[0] = _directory(_entry(good, compromised_at=NOW))
    (tmp_path / "services" / "story.pkcs11").write_bytes(left)
    for unreadable in (
        lambda: key.kid,
        lambda: signers.by_public("services/story"),
        lambda: signers.newest("services/story", (), NOW),
    ):
        with pytest.raises(HandrailError) as caught:
            unreadable()
        assert caught.value.code == "key.unreadable"
